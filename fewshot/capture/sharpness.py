"""Measure frames: whether they show anything, how sharp they are, whether they are alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot.capture.frames import Frame, opencv

# Longer side in pixels at which sharpness is measured. Blur that does not show there is nothing to
# a backbone, which sees less.
SIDE = 320
# Side of the squashed grey picture by which frames are compared.
_THUMBNAIL = 32
# Standard deviation of grey, in levels of 0 to 255, below which a frame shows nothing: a lens cap,
# a camera that has just been switched on.
_BLANK = 3.0
# Correlation from which frames are alike. Noise, compression and a shift by 0.5 % of the width
# leave more; a shift by 2 % less two times of three, and a thing a quarter as wide as the frame,
# moved by 8 % before a still background, nearly always.
_ALIKE = 0.98
# Second derivatives along rows, columns and diagonals, whose sum is a Laplacian.
_ALONG = (
    np.array([[1, -2, 1]], np.float32),
    np.array([[1], [-2], [1]], np.float32),
    np.diag([1, -2, 1]).astype(np.float32),
    np.diag([1, -2, 1])[::-1].astype(np.float32),
)
# Added to sharpness, so that directions in which nothing changes make no difference.
_FLAT = 1e-4


@dataclass(frozen=True, eq=False)
class Look:
    """What is kept of a frame while choosing.

    Attributes
    ----------
    number : int
    contrast : float
        Standard deviation of grey, 0 to 127.5.
    sharpness : ndarray of float64, shape (4,)
        Variance of the Laplacian (Pech-Pacheco et al. 2000), each direction by itself as moving
        blurs only one, over that of grey, so that light and contrast do not matter; 0 or more.
    thumbnail : ndarray of float32, shape (1024,)
        Grey, of mean 0 and length 1.
    """

    number: int
    contrast: float
    sharpness: NDArray[np.float64]
    thumbnail: NDArray[np.float32]


def look_at(frame: Frame) -> Look:
    """Measure a frame.

    Parameters
    ----------
    frame : Frame

    Returns
    -------
    Look

    Raises
    ------
    UsageError
        If OpenCV is missing.
    """
    cv2 = opencv()
    grey = cv2.cvtColor(frame.pixels, cv2.COLOR_BGR2GRAY)
    small = grey.astype(np.float32)
    if (scale := SIDE / max(grey.shape)) < 1:
        size = tuple(max(1, round(side * scale)) for side in grey.shape[::-1])
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    sides = (_THUMBNAIL, _THUMBNAIL)
    thumbnail = cv2.resize(small, sides, interpolation=cv2.INTER_AREA).ravel()
    thumbnail -= thumbnail.mean()
    thumbnail /= max(float(np.linalg.norm(thumbnail)), 1e-6)
    edges = np.array([cv2.filter2D(small, -1, along).var() for along in _ALONG], np.float64)
    contrast = float(small.std())
    return Look(frame.number, contrast, edges / max(contrast, 1e-6) ** 2, thumbnail)


def clearness(look: Look, around: Iterable[Look]) -> float:
    """Compare a frame with the sharper quarter of those around it, itself among them.

    Parameters
    ----------
    look : Look
    around : iterable of Look

    Returns
    -------
    float
        What part of their sharpness it has in the direction in which it has least of it; below 0
        if it shows nothing.
    """
    if look.contrast < _BLANK:
        return -1.0
    usual = np.quantile([o.sharpness for o in around if o.contrast >= _BLANK], 0.75, axis=0)
    return float(((look.sharpness + _FLAT) / (usual + _FLAT)).min())


def is_like(look: Look, others: Sequence[Look]) -> bool:
    """Tell a frame that repeats one of others."""
    return any(float(look.thumbnail @ other.thumbnail) > _ALIKE for other in others)
