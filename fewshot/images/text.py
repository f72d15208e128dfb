"""Write names of any script on images, none cut off or shown as an empty box."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from functools import cache
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Fonts that usual systems have, for what Pillow's own lacks: it knows little more than ASCII.
_FONTS = (
    "DejaVuSans.ttf",
    "LiberationSans-Regular.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "wqy-zenhei.ttc",
    "segoeui.ttf",
    "msyh.ttc",
    "YuGothM.ttc",
    "malgun.ttf",
    "Nirmala.ttf",
    "Arial Unicode.ttf",
)
_NO_CHARACTER = "\uffff"


def write_line(
    image: Image.Image, place: tuple[int, int], text: str, size: int, width: int, ink: str
) -> None:
    r"""Write one line, shortened in the middle to what there is room for."""
    font, text = _drawable(unicodedata.normalize("NFC", text), size)
    ImageDraw.Draw(image).text(place, _shorten(text, font, width), fill=ink, font=font)


def line_width(text: str, size: int) -> int:
    """Say how many pixels wide a line is."""
    font, text = _drawable(text, size)
    return _width(text, font)


def _drawable(text: str, size: int) -> tuple[Font, str]:
    """Find a font that has all characters, else escape those that the first one lacks."""
    fonts = [font for font in (_default(size), *(_open(name, size) for name in _FONTS)) if font]
    for font in fonts:
        if all(_has(font, character) for character in text):
            return font, text
    shown = (c if _has(fonts[0], c) else c.encode("unicode_escape").decode() for c in text)
    return fonts[0], "".join(shown)


@cache
def _default(size: int) -> Font:
    """Return the font that Pillow brings; of one size only where it was built without FreeType."""
    try:
        return ImageFont.load_default(size)
    except ImportError:
        return ImageFont.load_default()


@cache
def _open(name: str, size: int) -> Font | None:
    """Open a font by its file name, wherever the system keeps it."""
    try:
        return ImageFont.truetype(name, size)
    except (OSError, ImportError):
        return None


@cache
def _has(font: Font, character: str) -> bool:
    """Tell whether a font draws a character otherwise than one that no font has."""
    if character == " " or not character.isprintable():
        return character == " "
    mask = _mask(font, character)
    return mask is not None and mask != _mask(font, _NO_CHARACTER)


@cache
def _mask(font: Font, character: str) -> tuple[tuple[int, int], bytes] | None:
    """Draw a character; its size and pixels, or None where a font knows Latin alone."""
    try:
        mask = font.getmask(character)
    except UnicodeEncodeError:
        return None
    return mask.size, bytes(mask)


def _shorten(text: str, font: Font, width: int) -> str:
    """Leave out of the middle of a text what makes it wider than that."""

    def cut(kept: int) -> str:
        return text[: (kept + 1) // 2] + "..." + text[len(text) - kept // 2 :]

    if _width(text, font) <= width:
        return text
    # Longer is wider; of the lengths that fit, the last.
    fits = bisect_right(range(len(text)), width, key=lambda kept: _width(cut(kept), font))
    return cut(max(fits - 1, 0))


def _width(text: str, font: Font) -> int:
    """Measure a line, with what slanted letters reach beyond it."""
    return int(max(font.getlength(text), font.getbbox(text)[2])) + 1
