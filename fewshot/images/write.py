"""Draw images and write them as PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin

from fewshot._files import replacing, require_writable
from fewshot.errors import UsageError
from fewshot.images.decode import Box, ImageSource, open_rgb
from fewshot.images.text import line_width, write_line

if TYPE_CHECKING:
    from fewshot.explain.activation_map import Explanation

Floats: TypeAlias = NDArray[np.float32]

# Long side of a picture, least width of what is written below it, sizes of letters, margins.
_SIDE, _LEAST_WIDTH, _LETTERS, _SMALL, _MARGIN = 640, 400, 18, 13, 12
_SHEET = 4000
_PAPER, _INK, _FAINT = "white", "#202020", "#606060"
# The full colour stands for at least this, in log-odds, so that weak evidence looks weak.
_LEAST_PEAK = 2.0
# Lighter the stronger, and told apart by everyone, also from the blue of what speaks against.
_FOR = ((125, 25, 95), (235, 85, 35), (255, 235, 60))
_AGAINST = ((40, 110, 190), (40, 110, 190), (90, 180, 255))
_OPAQUE, _GREY, _UNSEEN = 0.75, 0.85, 0.35
_MARK = ("Software", "fewshot")


def draw_explanation(image: ImageSource, explanation: Explanation) -> Image.Image:
    """Draw over a picture where the evidence for a class lies.

    Parameters
    ----------
    image : path, bytes, binary file, PIL image or uint8 array
        The picture that was explained.
    explanation : Explanation

    Returns
    -------
    PIL.Image.Image
        Mode "RGB". The picture, its colours paled and 640 pixels at its longer side; what the
        network did not look at is dark. Below it what it was taken for, and what colours mean.

    Raises
    ------
    ImageError
        If the image cannot be read.
    """
    picture = open_rgb(image, at_least=_SIDE)
    scale = _SIDE / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    heat, seen = _spread(explanation, *size)
    peak = max(float(np.abs(heat).max()), _LEAST_PEAK)
    pixels = np.asarray(picture.resize(size, Image.Resampling.LANCZOS), np.float32)
    drawn = Image.fromarray(_overlay(pixels, heat / peak, seen))
    return _with_caption(drawn, explanation, peak)


def contact_sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    """Put pictures on one sheet, in equal cells, about as many in a row as there are rows.

    Parameters
    ----------
    pictures : sequence of PIL.Image.Image
        At least one.

    Returns
    -------
    PIL.Image.Image
        Mode "RGB", at most about 4000 pixels wide: the pictures are made smaller if need be.

    Raises
    ------
    UsageError
        If there is no picture.
    """
    if not pictures:
        raise UsageError("no picture to put on a sheet; expected at least one")
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    widest = _SHEET // columns
    pictures = [ImageOps.contain(p, (min(p.width, widest), p.height)) for p in pictures]
    wide, high = (max(side) + _MARGIN for side in zip(*(p.size for p in pictures), strict=True))
    sheet = Image.new("RGB", (columns * wide + _MARGIN, rows * high + _MARGIN), _PAPER)
    for i, picture in enumerate(pictures):
        left, top = i % columns * wide + _MARGIN, i // columns * high + _MARGIN
        sheet.paste(picture, (left + (wide - _MARGIN - picture.width) // 2, top))
    return sheet


def write_png(image: Image.Image, path: Path) -> None:
    """Write a picture as a PNG file, whole or not at all.

    Parameters
    ----------
    image : PIL.Image.Image
    path : Path

    Raises
    ------
    UsageError
        As `require_png`.
    """
    require_png(path)
    mark = PngImagePlugin.PngInfo()
    mark.add_text(*_MARK)
    with replacing(path) as stream:
        image.save(stream, "PNG", pnginfo=mark)


def require_png(path: Path) -> None:
    """Refuse a place where a PNG file should not or cannot be written.

    Raises
    ------
    UsageError
        If it does not end in .png, a file is there that `write_png` did not write, or its folder
        may not be written to.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path}: a PNG picture is written; give a name that ends in .png")
    if path.exists() and not _is_ours(path):
        raise UsageError(
            f"{path}: there already, and not written by fewshot; move it away or give another name"
        )
    require_writable(path.parent)


def save_png(pixels: NDArray[np.uint8], path: Path, side: int) -> None:
    """Write pixels, (H, W) grey or (H, W, 3) RGB, as a square PNG file, smoothly enlarged."""
    image = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    image.save(path, format="PNG")


def thumbnail(source: ImageSource, side: int) -> bytes:
    """Make a small copy of a picture.

    Parameters
    ----------
    source : path, bytes, binary file, PIL image or uint8 array
    side : int
        No side is longer, in pixels; a smaller picture keeps its size.

    Returns
    -------
    bytes
        A JPEG file: upright, RGB, without anything but pixels.

    Raises
    ------
    ImageError
        If the picture cannot be read.
    """
    # A copy: it may be the caller's own, and comments that come with it would be written too.
    image = Image.fromarray(np.asarray(open_rgb(source, at_least=side)))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def _spread(explanation: Explanation, width: int, height: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Lay the heat of all views over the picture; (height, width), and what any view shows.

    Where views overlap their average counts, closer ones more, and each less towards its edge,
    where it would else end in a line.
    """
    total, weight = np.zeros((2, height, width), np.float32)
    for heat, box in zip(explanation.heat, explanation.boxes, strict=True):
        rows, columns = _span(box, width, height)
        shape = rows.stop - rows.start, columns.stop - columns.start
        smooth = Image.fromarray(heat).resize(shape[::-1], Image.Resampling.BICUBIC)
        share = np.outer(*(_hill(side) for side in shape)) / (shape[0] * shape[1])
        total[rows, columns] += share * np.asarray(smooth)
        weight[rows, columns] += share
    seen = weight > 0
    return np.divide(total, weight, out=total, where=seen), seen


def _span(box: Box, width: int, height: int) -> tuple[slice, slice]:
    """Return the rows and columns of pixels that a box covers, one at least."""
    left, right = (round(x * width) for x in box[::2])
    top, bottom = (round(y * height) for y in box[1::2])
    top, left = min(top, height - 1), min(left, width - 1)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def _hill(side: int) -> Floats:
    """Weigh pixels by how far they are from the edges."""
    place = (np.arange(side, dtype=np.float32) + 0.5) / side
    return np.minimum(place, 1 - place)


def _overlay(pixels: Floats, heat: Floats, seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Colour pixels, shape (h, w, 3), by heat in [-1, 1], on a picture of paled colours."""
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    pale = pixels + _GREY * (grey[..., np.newaxis] - pixels)
    pale *= np.where(seen, 1, _UNSEEN)[..., np.newaxis]
    colours, opacity = _colours(heat)
    mixed = pale + opacity[..., np.newaxis] * (colours - pale)
    return np.asarray(np.clip(mixed.round(), 0, 255), np.uint8)


def _colours(heat: Floats) -> tuple[Floats, Floats]:
    """Give heat in [-1, 1] a colour, and how much it hides of what it lies on."""
    strength: Floats = np.abs(heat)
    ramps = [
        np.stack([np.interp(strength, (0, 0.5, 1), channel) for channel in zip(*ramp, strict=True)])
        for ramp in (_FOR, _AGAINST)
    ]
    colours = np.where(heat >= 0, *ramps)
    return np.moveaxis(colours, 0, -1).astype(np.float32), _OPAQUE * np.minimum(1.25 * strength, 1)


def _with_caption(drawn: Image.Image, explanation: Explanation, peak: float) -> Image.Image:
    """Put below a picture what it is, what it was taken for, and what the colours mean."""
    lines, line = _caption(explanation), _LETTERS * 3 // 2
    width = max(drawn.width, _LEAST_WIDTH)
    below = (len(lines) + 2) * line + 5 * _MARGIN // 2
    image = Image.new("RGB", (width, drawn.height + below), _PAPER)
    image.paste(drawn, ((width - drawn.width) // 2, 0))
    top, room = drawn.height + _MARGIN, width - 2 * _MARGIN
    for text in lines:
        write_line(image, (_MARGIN, top), text, _LETTERS, room, _INK)
        top += line
    top += _MARGIN // 2
    _draw_legend(image, top, peak)
    unit = "log-odds, if all of the picture were like that place"
    write_line(image, (_MARGIN, top + line), unit, _SMALL, room, _FAINT)
    return image


def _caption(explanation: Explanation) -> list[str]:
    """Say what a picture was taken for, and which class is explained if it is another."""
    prediction = explanation.prediction
    answer = f"{prediction.label} {prediction.probability:.2f}"
    lines = [
        Path(prediction.image).name,
        answer if prediction.known else f"unknown (closest: {answer})",
    ]
    if explanation.label != prediction.label:
        lines.append(f"evidence for: {explanation.label} {explanation.probability:.2f}")
    return lines


def _draw_legend(image: Image.Image, top: int, peak: float) -> None:
    """Draw the colours from strongest against to strongest for, and what they stand for."""
    ends = f"against {-peak:.1f}", f"for +{peak:.1f}"
    left, right = (line_width(end, _SMALL) for end in ends)
    bar = image.width - 4 * _MARGIN - left - right
    heat = np.broadcast_to(np.linspace(-1, 1, bar, dtype=np.float32), (_LETTERS, bar))
    ground = np.full((_LETTERS, bar, 3), 190, np.float32)
    colours = Image.fromarray(_overlay(ground, heat, np.ones(heat.shape, np.bool_)))
    image.paste(colours, (2 * _MARGIN + left, top))
    write_line(image, (_MARGIN, top), ends[0], _SMALL, left, _INK)
    write_line(image, (3 * _MARGIN + left + bar, top), ends[1], _SMALL, right, _INK)


def _is_ours(path: Path) -> bool:
    """Tell a picture that `write_png` wrote."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return image.info.get(_MARK[0]) == _MARK[1]
    except Exception:  # a damaged file makes decoders raise nearly anything
        return False
