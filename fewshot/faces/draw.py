"""Draw boxes and names around the faces of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from fewshot.images.decode import open_rgb
from fewshot.images.source import ImageSource
from fewshot.images.text import line_width, write_line
from fewshot.prediction import FacePrediction

# Longer side of what is drawn at most, in pixels, and the least of it, so that names can be read.
_MOST, _LEAST = 2000, 640
# Letters and lines, as parts of the mean side, and their least sizes in pixels.
_LETTERS, _LINE, _LEAST_LETTERS, _LEAST_LINE = 1 / 45, 1 / 320, 13, 2
# Lines are light between dark ones, and names dark on light, so that they show on any ground.
_KNOWN, _UNKNOWN, _EDGE = "#ffd21f", "#ffffff", "#101010"


def draw_faces(image: ImageSource, answers: Sequence[FacePrediction]) -> Image.Image:
    """Draw a box around each face, and a name above it.

    Parameters
    ----------
    image : path, bytes, binary file, PIL image or uint8 array
        The picture that was classified.
    answers : sequence of FacePrediction

    Returns
    -------
    PIL.Image.Image
        Mode "RGB", upright, its longer side 640 to 2000 pixels.

    Raises
    ------
    ImageError
        If the image cannot be read.
    """
    picture = open_rgb(image)
    longer = max(picture.size)
    scale = min(max(longer, _LEAST), _MOST) / longer
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    drawn = picture.resize(size, Image.Resampling.LANCZOS)
    for answer in answers:
        left, top, right, bottom = (round(x * scale) for x in answer.box)
        _draw_box(drawn, (left, top, right, bottom), _KNOWN if answer.known else _UNKNOWN)
    for answer in answers:  # no box goes through a name
        left, top, _, bottom = (round(x * scale) for x in answer.box)
        _draw_name(drawn, left, top, bottom, answer)
    return drawn


def _draw_box(drawn: Image.Image, box: tuple[int, int, int, int], colour: str) -> None:
    """Draw a light frame between two dark ones."""
    line = max(_LEAST_LINE, round(_mean_side(drawn) * _LINE))
    pen = ImageDraw.Draw(drawn)
    for outside, ink in ((line, _EDGE), (0, colour), (-line, _EDGE)):
        left, top, right, bottom = box
        frame = left - outside, top - outside, right + outside, bottom + outside
        if frame[0] < frame[2] and frame[1] < frame[3]:
            pen.rectangle(frame, outline=ink, width=line)


def _draw_name(
    drawn: Image.Image, left: int, top: int, bottom: int, answer: FacePrediction
) -> None:
    """Write a name above a box, or below where there is no room, and inside the picture."""
    letters = max(_LEAST_LETTERS, round(_mean_side(drawn) * _LETTERS))
    pad, high = letters // 3, letters * 3 // 2
    text = f"{answer.label} {answer.probability:.2f}" if answer.known else "unknown"
    wide = min(line_width(text, letters), drawn.width - 2 * pad)
    x = min(max(left, 0), max(drawn.width - wide - 2 * pad, 0))
    y = top - high - pad if top >= high + pad else min(bottom + pad, drawn.height - high)
    colour = _KNOWN if answer.known else _UNKNOWN
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((x, y, x + wide + 2 * pad, y + high), fill=colour, outline=_EDGE)
    write_line(drawn, (x + pad, y + letters // 6), text, letters, wide, _EDGE)


def _mean_side(image: Image.Image) -> float:
    """Return the side of a square as large as a picture, in pixels."""
    return math.sqrt(image.width * image.height)
