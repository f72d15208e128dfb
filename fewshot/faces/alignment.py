"""Bring a face to the standard position that a face embedder was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot.images.views import Box, Views

Points = NDArray[np.float64]
# What is shown around a face by a backbone that was not made for faces, in parts of its side.
_MARGIN = 0.1


def align(image: Image.Image, landmarks: Points, template: Points, size: int) -> Views:
    """Rotate, scale and crop so that the landmarks of a face lie on a template.

    Parameters
    ----------
    image : PIL.Image.Image
        Upright, mode "RGB".
    landmarks, template : ndarray of float64, shape (5, 2)
        x and y in pixels of the image, and of the result.
    size : int
        Height and width of the result in pixels.
    """
    shown = _invert(similarity(landmarks, template))
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ shown[:, :2].T + shown[:, 2]
    box = corners.min(axis=0), corners.max(axis=0)
    # `transform` samples single pixels: a large face is reduced by a whole factor first.
    factor = max(1, int(np.sqrt(abs(np.linalg.det(shown[:, :2])))))
    reduced = image
    if factor > 1:
        low = np.clip(np.floor(box[0]) - 2 * factor, 0, np.array(image.size) - 1).astype(int)
        high = np.clip(np.ceil(box[1]) + 2 * factor, low + 1, image.size).astype(int)
        reduced = image.reduce(factor, (*low.tolist(), *high.tolist()))
        shown = _invert(similarity((landmarks - low) / factor, template))
    aligned = reduced.transform(
        (size, size), Image.Transform.AFFINE, shown.ravel().tolist(), Image.Resampling.BICUBIC
    )
    return Views(np.asarray(aligned)[np.newaxis], (_fractions(*box, image),), image)


def similarity(source: Points, target: Points) -> Points:
    """Find the similarity transform that takes points to others by least squares (Umeyama 1991).

    Returns
    -------
    ndarray of float64, shape (2, 3)
        A rotation times a scale, and a shift; never a reflection.
    """
    mean_s, mean_t = source.mean(axis=0), target.mean(axis=0)
    centred_s, centred_t = source - mean_s, target - mean_t
    u, values, vt = np.linalg.svd(centred_t.T @ centred_s / len(source))
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    scale = (values * signs).sum() / max(centred_s.var(axis=0).sum(), 1e-12)
    linear = scale * (u * signs @ vt)
    return np.column_stack([linear, mean_t - linear @ mean_s])


def face_box(box: Box, image: Image.Image) -> tuple[int, int, int, int]:
    """Return the square around the box of a face, with a margin, as far as the image reaches."""
    left, top, right, bottom = box
    reach = max(right - left, bottom - top) * (0.5 + _MARGIN)
    x, y = (left + right) / 2, (top + bottom) / 2
    left, top = max(0, round(x - reach)), max(0, round(y - reach))
    right, bottom = min(image.width, round(x + reach)), min(image.height, round(y + reach))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def inside(box: tuple[int, int, int, int], views: Views, image: Image.Image) -> Views:
    """Return views of a part of an image as views of the image."""
    corner, extent = np.array(box[:2]), np.array(box[2:]) - box[:2]
    parts = [(corner + extent * part[:2], corner + extent * part[2:]) for part in views.boxes]
    fractions = tuple(_fractions(low, high, image) for low, high in parts)
    return Views(views.pixels, fractions, image)


def _fractions(low: Points, high: Points, image: Image.Image) -> Box:
    (left, top), (right, bottom) = (
        np.clip(corner / image.size, 0, 1).tolist() for corner in (low, high)
    )
    return left, top, right, bottom


def _invert(matrix: Points) -> Points:
    linear = np.linalg.pinv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])
