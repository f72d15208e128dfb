"""Lay small grey images upon each other, however one of them is turned, mirrored or cropped."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]
Mask: TypeAlias = NDArray[np.bool_]

# Sides of the images in which places are searched, and of their middles, which are moved about.
_COARSE, _MIDDLE = 16, 12
# What is tried with each of the quarter turns, mirrored or not: angles in degrees, and scales.
# `improve` finds what lies between, and a little beyond.
_ANGLES, _SCALES = (-10, 0, 10), (0.85, 1.0, 1.18)
# How many places are returned for each pair.
_BEST = 3
# Deviation below which details are noise: in grey levels, and once they are of one strength.
_NOISE, _FAINT = 4.0, 0.25
# How far one step of an improvement goes at most.
_STEP = 0.12


def details(planes: Floats) -> Floats:
    """Bring the details of images to one strength everywhere, so that faint ones count, too."""
    smooth = blur(planes.shape[-1], 12)
    planes = planes - smooth @ planes @ smooth.T
    return np.asarray(planes / (np.sqrt(smooth @ planes**2 @ smooth.T) + _NOISE))


@cache
def blur(side: int, times: int) -> Floats:
    """Make the matrix that blurs along one axis, (side, side)."""
    neighbours = (np.arange(side)[:, np.newaxis] + [-1, 0, 0, 1]).clip(0, side - 1)
    once = np.eye(side, dtype=np.float32)[neighbours].mean(axis=1)
    return np.asarray(np.linalg.matrix_power(once, times))


def shrink(planes: Floats, side: int) -> Floats:
    """Average over squares."""
    width = planes.shape[-1] // side
    squares = planes.reshape(*planes.shape[:-2], side, width, side, width)
    return np.asarray(squares.mean((-3, -1)))


def positions(places: Floats, side: int) -> Floats:
    """Map the middles of the pixels of an image, (n, 2, side, side)."""
    return np.asarray((places @ _grid(side).reshape(3, -1)).reshape(-1, 2, side, side))


def sample(planes: Floats, places: Floats, side: int) -> tuple[Floats, Mask]:
    """Read images at places, by linear interpolation.

    `planes` is of shape (n, channels, width, width). `places` is of shape (n, 2, 3): affine maps of
    (x, y, 1), -1 to 1 from edge to edge. Return shape (n, channels, side, side); and shape
    (n, side, side): whether the image reaches there.
    """
    n, channels, width, _ = planes.shape
    at = positions(places, side)
    inside = np.asarray((np.abs(at) <= 1).all(axis=1))
    at = ((at + 1) * (width / 2) - 0.5).clip(0, width - 1.001)
    whole = at.astype(np.int32)
    x, y = np.moveaxis(at - whole, 1, 0)[:, :, np.newaxis]
    corner = (whole[:, 1] * width + whole[:, 0])[:, np.newaxis]
    corner = corner + np.arange(n * channels).reshape(n, channels, 1, 1) * width**2
    above, below = (
        np.take(planes, corner + down, mode="clip") * (1 - x)
        + np.take(planes, corner + down + 1, mode="clip") * x
        for down in (0, width)
    )
    return np.asarray(above + (below - above) * y, np.float32), inside


def find_places(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Search where in the one image the other may lie.

    `one, other` is of shape (n_pairs, side, side): as from `details`. Return shape (n_pairs, 3,
    2, 3): from the other to the one; the best first; and shape (n_pairs, 3): there, at most 1.
    """
    n, edge = len(one), (_COARSE - _MIDDLE) // 2
    still = _views(other, _TURNS)[:, :, edge:-edge, edge:-edge].reshape(n, len(_TURNS), -1)
    moved = sliding_window_view(_views(one, _POSES), (_MIDDLE, _MIDDLE), axis=(2, 3))
    moved = moved.reshape(n, len(_POSES) * len(_SHIFTS), _MIDDLE**2)
    match = _of_one_strength(moved) @ (_of_one_strength(still) * _WEIGHTS).swapaxes(1, 2)
    match = match.reshape(n, len(_POSES), len(_SHIFTS), len(_TURNS)).swapaxes(1, 2)
    match = match.reshape(n, len(_SHIFTS), len(_POSES) * len(_TURNS))
    highest, shifts = match.max(axis=1), match.argmax(axis=1)
    best = np.argsort(-highest, axis=1)[:, :_BEST]
    pose, turn = np.divmod(best, len(_TURNS))
    shift = _SHIFTS[np.take_along_axis(shifts, best, axis=1)][..., np.newaxis]
    places = _POSES[pose] @ np.concatenate([_TURNS[turn].swapaxes(-2, -1), shift], axis=-1)
    return places, np.take_along_axis(highest, best, axis=1)


def improve(one: Floats, other: Floats, places: Floats, steps: int = 4) -> tuple[Floats, Floats]:
    """Move places until the images agree best (Lucas and Kanade 1981).

    `one, other` is of shape (n_pairs, side, side). `places` is of shape (n_pairs, 2, 3). Return
    shape (n_pairs, 2, 3); and shape (n_pairs,).
    """
    n, side = len(one), one.shape[-1]
    down, across = np.gradient(one, 2 / side, axis=(-2, -1))
    values, inside = sample(np.stack([one, across, down], axis=1), places, side)
    weights: Floats = (np.sqrt(_window(side)) * inside).reshape(n, side * side)
    weights = weights / (weights.sum(axis=1, keepdims=True) + 1e-6)
    target, _ = _normal(other.reshape(n, side * side), weights)
    value, deviation = _normal(values[:, 0].reshape(n, side * side), weights)
    slopes = (values[:, 1:, np.newaxis] * _grid(side)).reshape(n, 6, side * side)
    slopes /= deviation[:, np.newaxis]
    weighted = slopes * weights[:, np.newaxis]
    product = weighted @ slopes.swapaxes(1, 2)
    damping = 1e-3 * np.trace(product, axis1=1, axis2=2) / 6 + 1e-6
    product += damping[:, np.newaxis, np.newaxis] * np.eye(6, dtype=np.float32)
    for _ in range(steps):
        step = np.linalg.solve(product, weighted @ (target - value)[..., np.newaxis])
        places = (places + step.reshape(n, 2, 3).clip(-_STEP, _STEP)).astype(np.float32)
        moved, _ = sample(one[:, np.newaxis], places, side)
        value, _ = _normal(moved.reshape(n, side * side), weights)
    return places, (value * target * weights).sum(axis=1)


def _normal(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Bring rows to mean 0 and deviation 1, and return the deviation, too."""
    values = values - (values * weights).sum(axis=1, keepdims=True)
    deviation = np.sqrt((values**2 * weights).sum(axis=1, keepdims=True)) + 1e-3
    return values / deviation, deviation


def _of_one_strength(middles: Floats) -> Floats:
    """Bring pixels, along the last axis, to mean 0 and about deviation 1."""
    middles = middles - (middles @ _WEIGHTS)[..., np.newaxis]
    power = (middles**2) @ _WEIGHTS + _FAINT**2
    return np.asarray(middles / np.sqrt(power)[..., np.newaxis])


def _views(planes: Floats, linear: Floats) -> Floats:
    """Read each image through each linear map, (n, n_maps, 16, 16)."""
    n, maps = len(planes), len(linear)
    places = np.concatenate([linear, np.zeros((maps, 2, 1), np.float32)], axis=2)
    every = np.repeat(planes, maps, axis=0)[:, np.newaxis]
    return sample(every, np.tile(places, (n, 1, 1)), _COARSE)[0].reshape(n, maps, _COARSE, _COARSE)


@cache
def _window(side: int) -> Floats:
    """Weigh the middle of an image more than its edges."""
    ramp = np.cos(_centres(side) * np.pi / 2)
    return np.asarray(ramp[:, np.newaxis] * ramp, np.float32)


def _centres(side: int) -> Floats:
    return (np.arange(side, dtype=np.float32) + 0.5) * 2 / side - 1


@cache
def _grid(side: int) -> Floats:
    """Return x, y and 1 of every pixel, (3, side, side)."""
    y, x = np.meshgrid(_centres(side), _centres(side), indexing="ij")
    return np.stack([x, y, np.ones_like(x)])


def _rotations() -> Floats:
    """Return the linear maps that are tried, (n, 2, 2)."""
    turned = [[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in np.deg2rad(_ANGLES)]
    return np.array([scale * np.array(t) for t in turned for scale in _SCALES], np.float32)


_POSES = _rotations()
_SQUARE = np.array([[[1, 0], [0, 1]], [[-1, 0], [0, 1]], [[1, 0], [0, -1]], [[-1, 0], [0, -1]]])
_TURNS = np.concatenate([_SQUARE, _SQUARE[:, ::-1]]).astype(np.float32)
_WEIGHTS = (_window(_MIDDLE) / _window(_MIDDLE).sum()).ravel()
_NEAR = np.arange(_COARSE - _MIDDLE + 1) - (_COARSE - _MIDDLE) // 2
_SHIFTS = np.array([[x, y] for y in _NEAR for x in _NEAR], np.float32) * 2 / _COARSE
