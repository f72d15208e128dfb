"""Names as pages and plots take them: safe in HTML and SVG, and no wider than there is room."""

from __future__ import annotations

import unicodedata
from html import escape

FONT_SIZE = 12.0  # of a plot, in pixels
# How wide letters are at most, in parts of the font size, as far as one can tell without the font.
_WIDE, _BROAD, _NARROW, _USUAL = 1.25, 0.95, 0.4, 0.62


def clean(name: str) -> str:
    """Make a name safe to write in a page: what is no letter of any script is marked."""
    text = name.encode("utf-8", "replace").decode("utf-8")
    return escape("".join("\ufffd" if unicodedata.category(c) == "Cc" else c for c in text))


def named(name: str) -> str:
    """Set a name off from the text around it, whichever way it is read."""
    return f'<bdi class="name" title="{clean(name)}">{clean(name)}</bdi>'


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Say how wide a text is at most, in pixels, whatever its letters."""
    return sum(map(_letter_width, text)) * size


def shorten(text: str, width: float, size: float = FONT_SIZE) -> str:
    """Cut a text that is wider than so many pixels, and say so by an ellipsis."""
    if text_width(text, size) <= width:
        return text
    room, kept = width - size, ""
    for letter in text:
        room -= _letter_width(letter) * size
        if room < 0:
            break
        kept += letter
    return kept.rstrip() + "…"


def _letter_width(letter: str) -> float:
    """Guess the width of a letter, in parts of the font size."""
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    if unicodedata.east_asian_width(letter) in "WF":
        return _WIDE
    if letter in "ijlI|.,:;'!()[]ftr ":
        return _NARROW
    return _BROAD if letter in "MWmw@%" or ord(letter) > 0x2000 else _USUAL
