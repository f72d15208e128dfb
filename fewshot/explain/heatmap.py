"""Draw an explanation as a heat map over its image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fewshot.errors import UsageError
from fewshot.explain.activation_map import Explanation
from fewshot.images.decode import open_rgb
from fewshot.images.source import ImageSource
from fewshot.images.text import line_width, write_line
from fewshot.images.views import Box

Floats: TypeAlias = NDArray[np.float32]

# Long side of a drawing, least width of its caption, sizes of letters, margins, in pixels.
_SIDE, _LEAST_WIDTH, _LETTERS, _SMALL, _MARGIN = 640, 400, 18, 13, 12
_SHEET = 4000
_PAPER, _INK, _FAINT = "white", "#202020", "#606060"
# The full colour stands for at least this, in log-odds, so that weak heat looks weak.
_LEAST_PEAK = 2.0
# Lighter means stronger; for and against differ to every kind of colour vision.
_FOR = ((125, 25, 95), (235, 85, 35), (255, 235, 60))
_AGAINST = ((40, 110, 190), (40, 110, 190), (90, 180, 255))
_OPAQUE, _GREY, _UNSEEN = 0.75, 0.85, 0.35


def draw_explanation(image: ImageSource, explanation: Explanation) -> Image.Image:
    """Draw a heat map over the image that was explained, with a caption and a legend.

    The result is RGB, 640 pixels at the longer side without the caption; what the network did not
    see is dark.

    Raises
    ------
    ImageError
        If the image cannot be read.
    """
    rgb = open_rgb(image, at_least=_SIDE)
    scale = _SIDE / max(rgb.size)
    size = max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale))
    heat, seen = _spread(explanation, *size)
    peak = max(float(np.abs(heat).max()), _LEAST_PEAK)
    pixels = np.asarray(rgb.resize(size, Image.Resampling.LANCZOS), np.float32)
    drawn = Image.fromarray(_overlay(pixels, heat / peak, seen))
    return _with_caption(drawn, explanation, peak)


def contact_sheet(images: Sequence[Image.Image]) -> Image.Image:
    """Arrange images in equal cells of a nearly square grid.

    They are made smaller if the sheet would be wider than about 4000 pixels.

    Raises
    ------
    UsageError
        If there is no image.
    """
    if not images:
        raise UsageError("no image for the contact sheet; expected at least one")
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    widest = _SHEET // columns
    images = [ImageOps.contain(i, (min(i.width, widest), i.height)) for i in images]
    wide, high = (max(side) + _MARGIN for side in zip(*(i.size for i in images), strict=True))
    sheet = Image.new("RGB", (columns * wide + _MARGIN, rows * high + _MARGIN), _PAPER)
    for i, image in enumerate(images):
        left, top = i % columns * wide + _MARGIN, i // columns * high + _MARGIN
        sheet.paste(image, (left + (wide - _MARGIN - image.width) // 2, top))
    return sheet


def _spread(explanation: Explanation, width: int, height: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Add up the heat of all views at each pixel, and mark the pixels that any view shows."""
    # A weighted mean: closer views weigh more, and each less towards its edge, so that no seam
    # shows.
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
    """Colour pixels, shape (h, w, 3), by heat in [-1, 1], over their own paled colours."""
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    pale = pixels + _GREY * (grey[..., np.newaxis] - pixels)
    pale *= np.where(seen, 1, _UNSEEN)[..., np.newaxis]
    colours, opacity = _colours(heat)
    mixed = pale + opacity[..., np.newaxis] * (colours - pale)
    return np.asarray(np.clip(mixed.round(), 0, 255), np.uint8)


def _colours(heat: Floats) -> tuple[Floats, Floats]:
    """Return the colour and the opacity of heat in [-1, 1]."""
    strength: Floats = np.abs(heat)
    ramps = [
        np.stack([np.interp(strength, (0, 0.5, 1), channel) for channel in zip(*ramp, strict=True)])
        for ramp in (_FOR, _AGAINST)
    ]
    colours = np.where(heat >= 0, *ramps)
    return np.moveaxis(colours, 0, -1).astype(np.float32), _OPAQUE * np.minimum(1.25 * strength, 1)


def _with_caption(drawn: Image.Image, explanation: Explanation, peak: float) -> Image.Image:
    """Add the caption and the legend below a drawing."""
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
    unit = "log-odds, if the whole image were like that place"
    if explanation.occlusion:
        unit = "log-odds that are lost if that place is covered"
    write_line(image, (_MARGIN, top + line), unit, _SMALL, room, _FAINT)
    return image


def _caption(explanation: Explanation) -> list[str]:
    """Name the image, its prediction, and the class that is explained if it is another."""
    prediction = explanation.prediction
    answer = f"{prediction.label} {prediction.probability:.2f}"
    lines = [
        Path(prediction.image).name,
        answer if prediction.known else f"unknown (closest: {prediction.label})",
    ]
    if explanation.label != prediction.label:
        lines.append(f"explained class: {explanation.label} {explanation.probability:.2f}")
    return lines


def _draw_legend(image: Image.Image, top: int, peak: float) -> None:
    """Draw the colours from strongest against to strongest for, with their log-odds."""
    ends = f"against {-peak:.1f}", f"for +{peak:.1f}"
    left, right = (line_width(end, _SMALL) for end in ends)
    bar = image.width - 4 * _MARGIN - left - right
    heat = np.broadcast_to(np.linspace(-1, 1, bar, dtype=np.float32), (_LETTERS, bar))
    ground = np.full((_LETTERS, bar, 3), 190, np.float32)
    colours = Image.fromarray(_overlay(ground, heat, np.ones(heat.shape, np.bool_)))
    image.paste(colours, (2 * _MARGIN + left, top))
    write_line(image, (_MARGIN, top), ends[0], _SMALL, left, _INK)
    write_line(image, (3 * _MARGIN + left + bar, top), ends[1], _SMALL, right, _INK)
