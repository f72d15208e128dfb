"""Draw boxes and names around the faces of an image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

from PIL import Image, ImageDraw

from fewshot.images.decode import open_rgb
from fewshot.images.source import ImageSource
from fewshot.images.text import line_width, write_line
from fewshot.prediction import FacePrediction

Rectangle = tuple[int, int, int, int]

# Longer side of what is drawn at most, in pixels, and the least of it, so that names can be read.
_MOST, _LEAST = 2000, 640
# Letters and lines, as parts of the mean side, and their least sizes in pixels.
_LETTERS, _LINE, _LEAST_LETTERS, _LEAST_LINE = 1 / 45, 1 / 320, 13, 1
# Lines are at most this part of a face's side, so that small faces can be seen.
_THICKEST = 1 / 24
# Lines are light between dark ones, and names dark on light, so that they show on any ground.
_KNOWN, _UNKNOWN, _EDGE = "#ffd21f", "#ffffff", "#101010"


def draw_faces(image: ImageSource, answers: Sequence[FacePrediction]) -> Image.Image:
    """Draw a box around each face, and a name above or below it.

    Mode "RGB", upright, its longer side 640 to 2000 pixels. ImageError: if the image cannot be
    read.
    """
    rgb = open_rgb(image)
    longer = max(rgb.size)
    scale = min(max(longer, _LEAST), _MOST) / longer
    size = max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale))
    drawn = rgb.resize(size, Image.Resampling.LANCZOS)
    taken = []
    for answer in answers:
        left, top, right, bottom = (round(x * scale) for x in answer.box)
        taken.append(_draw_box(drawn, (left, top, right, bottom), _colour(answer)))
    for answer, frame in zip(answers, tuple(taken), strict=True):  # no box goes through a name
        taken.append(_draw_name(drawn, frame, answer, taken))
    return drawn


def _colour(answer: FacePrediction) -> str:
    return _KNOWN if answer.known else _UNKNOWN


def _draw_box(drawn: Image.Image, box: Rectangle, colour: str) -> Rectangle:
    """Draw a light frame between two dark ones around a box; return what it takes."""
    left, top, right, bottom = box
    thickest = round(min(right - left, bottom - top) * _THICKEST)
    line = max(_LEAST_LINE, min(round(_mean_side(drawn) * _LINE), thickest))
    pen = ImageDraw.Draw(drawn)
    for outside, ink in ((3 * line, _EDGE), (2 * line, colour), (line, _EDGE)):
        frame = left - outside, top - outside, right + outside, bottom + outside
        pen.rectangle(frame, outline=ink, width=line)
    return left - 3 * line, top - 3 * line, right + 3 * line, bottom + 3 * line


def _draw_name(
    drawn: Image.Image, frame: Rectangle, answer: FacePrediction, taken: Sequence[Rectangle]
) -> Rectangle:
    """Write a name beside a frame where it covers the least; return what it takes."""
    letters = max(_LEAST_LETTERS, round(_mean_side(drawn) * _LETTERS))
    pad = letters // 3
    text = f"{answer.label} {answer.probability:.2f}" if answer.known else "unknown"
    wide = min(line_width(text, letters), drawn.width - 2 * pad)
    places = _places(drawn, frame, wide + 2 * pad, letters * 3 // 2)
    place = min(places, key=lambda each: sum(_shared(each, other) for other in taken))
    ImageDraw.Draw(drawn).rectangle(place, fill=_colour(answer), outline=_EDGE)
    write_line(drawn, (place[0] + pad, place[1] + letters // 6), text, letters, wide, _EDGE)
    return place


def _places(drawn: Image.Image, frame: Rectangle, wide: int, high: int) -> Iterator[Rectangle]:
    """Yield where a name can stand, the best first: above or below, inside the image."""
    left, top, right, bottom = frame
    tops = top - high - 1, bottom + 1, top - 2 * high - 2, bottom + high + 2
    for y, x in product(tops, (left, right - wide)):
        x = min(max(x, 0), max(drawn.width - wide, 0))
        y = min(max(y, 0), max(drawn.height - high, 0))
        yield x, y, x + wide, y + high


def _shared(one: Rectangle, other: Rectangle) -> int:
    """Return how many pixels two rectangles share."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0) * max(high, 0)


def _mean_side(image: Image.Image) -> float:
    """Return the side of a square as large as an image, in pixels."""
    return math.sqrt(image.width * image.height)
