"""Bring an image to the size a backbone takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot.images.decode import open_rgb
from fewshot.images.preprocessing import MAX_VIEWS, Preprocessing
from fewshot.images.source import ImageSource

Box: TypeAlias = tuple[float, float, float, float]
# Which part of its width and height the closer views of an image show.
_ZOOM, _TILE = 0.75, 0.7


@dataclass(frozen=True, eq=False)
class Views:
    """What a backbone is run on for one image.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (n_views, image_size, image_size, 3)
        RGB, 0 to 255.
    boxes : tuple of (left, top, right, bottom), one a view
        Which part of the upright image each view shows, as fractions from 0 to 1. That the last
        of 8 is mirrored, they do not say.
    image : PIL.Image.Image
        The whole image, upright RGB, as it was decoded; perhaps at reduced scale.
    face_found : bool
        False for an image without a face, where faces are embedded.
    """

    pixels: NDArray[np.uint8]
    boxes: tuple[Box, ...]
    image: Image.Image
    face_found: bool = True


def load_views(source: ImageSource, preprocessing: Preprocessing) -> Views:
    """Decode an image and bring each view of it to the size a backbone takes.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image, or uint8 array
    preprocessing : Preprocessing

    Raises
    ------
    ImageError
        As for `fewshot.images.decode.open_rgb`.
    """
    size, views = preprocessing.image_size, preprocessing.views
    if isinstance(source, np.ndarray) and _is_ready(source, preprocessing):
        return Views(source[np.newaxis], ((0.0, 0.0, 1.0, 1.0),), Image.fromarray(source))
    least = size if preprocessing.resize == "squash" else size / preprocessing.crop_fraction
    # Closer views need more pixels.
    image = open_rgb(source, at_least=math.ceil(least if views == 1 else least / _TILE))
    boxes = _view_boxes(image.width, image.height, preprocessing)[:views]
    chosen = Image.Resampling[preprocessing.interpolation.upper()]
    pixels = [np.asarray(image.resize((size, size), chosen, box=box)) for box in boxes]
    if views == MAX_VIEWS:
        pixels.append(pixels[0][:, ::-1])
        boxes.append(boxes[0])
    wide, high = image.size
    fractions = ((a / wide, b / high, c / wide, d / high) for a, b, c, d in boxes)
    return Views(np.stack(pixels), tuple(fractions), image)


def _is_ready(pixels: NDArray[np.uint8], preprocessing: Preprocessing) -> bool:
    """Tell pixels that preprocessing would leave as they are."""
    size = preprocessing.image_size
    return (
        pixels.shape == (size, size, 3)
        and pixels.dtype == np.uint8
        and preprocessing.views == 1
        and (preprocessing.resize == "squash" or preprocessing.crop_fraction == 1)
    )


def _view_boxes(width: int, height: int, preprocessing: Preprocessing) -> list[Box]:
    """Return the part of an image that each view shows, in pixels; all but the mirrored one."""
    whole = (0.0, 0.0, float(width), float(height))
    side = min(width, height) * preprocessing.crop_fraction
    middle = _middle(width, height, side)
    squash = preprocessing.resize == "squash"
    tile = width * _TILE, height * _TILE
    corners = [(x, y) for x in (0.0, width - tile[0]) for y in (0.0, height - tile[1])]
    return [
        *((whole, middle) if squash else (middle, whole)),
        _middle(width, height, side * _ZOOM),
        *((x, y, x + tile[0], y + tile[1]) for x, y in corners),
    ]


def _middle(width: int, height: int, side: float) -> Box:
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side
