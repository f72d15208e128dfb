"""Lay two pictures upon each other, and say how far they agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot.images.decode import open_rgb
from fewshot.images.source import ImageSource

Numbers: TypeAlias = NDArray[np.float64]
Plane: TypeAlias = NDArray[Any]

# Sides of the pictures in pixels: decoded, where details are compared, and where pictures that
# have nothing to do with each other are told. Details of the decoded size would move with noise.
_SIDE, _FINE, _COARSE = 64, 32, 16
# How often the place of one picture upon the other is improved, at each of the last two sides.
_STEPS = 4
# How far edges may be apart, in parts of half a side: cutting off a tenth takes 0.2 at one edge.
_CUT = 0.2
# Pictures that agree less than this at the coarse side are not looked at any closer: 9 of 10 pairs
# that are no copies. Of copies 99 % agree by 0.93 and more, the last of 990 by 0.77.
_ROUGH = 0.75
# What may differ between copies: contrast, as a factor (1.17 in pictures made 15 % brighter), and
# colours, in levels of 0 to 255 where the contrast is made the same. Of copies 99.5 % are below 4,
# the last of 1485 at 6.2; the same tiles in other colours have 17.
_CONTRAST, _COLOUR = 1.35, 6.5
# Pictures whose details deviate less than half a level from nothing show nothing to compare.
_BLANK = 0.25
_STILL = np.array([1.0, 0.0, 1.0, 0.0])


def _blur(side: int, times: int) -> Numbers:
    """Make the matrix that blurs along one axis."""
    neighbours = (np.arange(side)[:, np.newaxis] + [-1, 0, 0, 1]).clip(0, side - 1)
    return np.linalg.matrix_power(np.eye(side)[neighbours].mean(axis=1), times)


_BLUR = _blur(_FINE, 4)
# Where the middles of the pixels are, -1 to 1.
_CENTRES = {side: (np.arange(side) + 0.5) * 2 / side - 1 for side in (_SIDE, _FINE, _COARSE)}


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A picture made small, squashed.

    Attributes
    ----------
    colours : ndarray of uint8, shape (3, 64, 64)
    fine : ndarray of float32, shape (32, 32)
        Grey, 0 to 255.
    coarse : ndarray of float32, shape (16, 16)
        Likewise.
    """

    colours: NDArray[np.uint8]
    fine: NDArray[np.float32]
    coarse: NDArray[np.float32]

    def mirrored(self) -> Thumbnail:
        """Swap left and right."""
        return Thumbnail(self.colours[..., ::-1], self.fine[:, ::-1], self.coarse[:, ::-1])


def thumbnail(image: ImageSource) -> Thumbnail:
    """Decode a picture small.

    Parameters
    ----------
    image : path, bytes, binary file object, PIL image, or uint8 array

    Returns
    -------
    Thumbnail

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    small = open_rgb(image, at_least=2 * _SIDE).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    colours = np.asarray(small).transpose(2, 0, 1)
    greys = (_shrink(colours, side).mean(axis=0).astype(np.float32) for side in (_FINE, _COARSE))
    return Thumbnail(colours, *greys)


def agreement(one: Thumbnail, other: Thumbnail, enough: float = 1.0) -> float:
    """Say how far two pictures are the same one.

    Parameters
    ----------
    one, other : Thumbnail
    enough : float
        Where it is reached, no better way is looked for to lay them upon each other.

    Returns
    -------
    float
        Correlation of their details, at most 1, where they cover each other: as they are, moved
        and scaled a little to match (Lucas and Kanade 1981), or the same with one mirrored. Coarse
        shades are left out, which many photographs share: sky above, ground below.
    """
    best = 0.0
    for turned in (other, other.mirrored()):
        for place in _places(one, turned):
            best = max(best, _agreement_at(place, one, turned))
            if best >= enough:
                return best
    return best


def _places(one: Thumbnail, other: Thumbnail) -> Iterator[Numbers]:
    """Say where the pictures may cover each other: as they are, and where they match better."""
    if _correlation(one.coarse, other.coarse) >= _ROUGH:
        yield _STILL
    place = _register(one.coarse, other.coarse, _STILL)
    if place is None:
        return
    moved = _move(one.coarse, *_samplers(place, _COARSE))
    if _correlation(moved, other.coarse) >= _ROUGH:
        place = _register(one.fine, other.fine, place)
        if place is not None:
            yield place


def _agreement_at(place: Numbers, one: Thumbnail, other: Thumbnail) -> float:
    """Compare details and colours where one picture, moved to a place, covers the other."""
    moved = _shrink(_move(one.colours, *_samplers(place, _SIDE)), _FINE)
    still = _shrink(other.colours, _FINE)
    inside = _inside(place, _FINE)
    greys = [picture.mean(axis=0) for picture in (moved, still)]
    deviations = [float(grey[inside].std()) for grey in greys]
    contrast = deviations[1] / max(deviations[0], 1e-6)
    if not 1 / _CONTRAST <= contrast <= _CONTRAST:
        return 0.0
    apart = contrast * (moved - greys[0]) - (still - greys[1])
    if np.abs(apart[:, inside]).mean() > _COLOUR:
        return 0.0
    return _correlation(*(_details(grey)[inside] for grey in greys))


def _register(one: Plane, other: Plane, place: Numbers) -> Numbers | None:
    """Improve where in one picture the other is: scale and shift across, and down.

    Their difference is taken as linear in scale, shift, contrast and brightness, and made smallest,
    again and again (Gauss-Newton). None if nothing near makes them agree.
    """
    steep, level = np.gradient(one, 2 / len(one))
    planes = np.stack([level, steep, one])
    for _ in range(_STEPS):
        place = place + _step(place, planes, other)
        if np.abs(place - _STILL).max() > _CUT:
            return None
    return place


def _step(place: Numbers, planes: Plane, other: Plane) -> Numbers:
    """Say by how much to change a place so that the pictures differ least."""
    centres = _CENTRES[len(other)]
    level, steep, plane = _move(planes, *_samplers(place, len(other)))
    steep_down = steep * centres[:, np.newaxis]
    terms = np.stack([level * centres, level, steep_down, steep, plane, np.ones_like(plane)])
    basis = terms[:, _inside(place, len(other))]
    product = basis @ basis.T
    damping = 1e-3 * np.trace(product[:4, :4]) / 4 + 1e-6
    right = basis @ other[_inside(place, len(other))]
    found = np.linalg.solve(product + damping * np.eye(6), right)
    contrast = max(float(found[4]), 0.2)
    return np.asarray(found[:4] / contrast).clip(-0.1, 0.1)


def _inside(place: Numbers, side: int) -> NDArray[np.bool_]:
    """Tell which pixels of the one picture the other covers."""
    centres = _CENTRES[side]
    across, down = (np.abs(place[i] * centres + place[i + 1]) <= centres[-1] for i in (0, 2))
    return np.asarray(down[:, np.newaxis] & across)


def _samplers(place: Numbers, side: int) -> tuple[Numbers, Numbers]:
    """Make the matrices that take pixels down and across, by linear interpolation."""
    pixels = np.arange(side)
    positions = place[[2, 0], np.newaxis] * _CENTRES[side] + place[[3, 1], np.newaxis]
    at = ((positions + 1) * (side / 2) - 0.5).clip(0, side - 1)
    down, across = np.maximum(0, 1 - np.abs(at[..., np.newaxis] - pixels))
    return down, across


def _move(planes: Plane, down: Numbers, across: Numbers) -> Numbers:
    """Lay pictures upon another; their last two axes are down and across."""
    return np.asarray(down @ planes @ across.T)


def _shrink(planes: Plane, side: int) -> Numbers:
    """Average over squares."""
    width = planes.shape[-1] // side
    return np.asarray(planes.reshape(*planes.shape[:-2], side, width, side, width).mean((-3, -1)))


def _details(plane: Numbers) -> Numbers:
    """Take away coarse shades."""
    return np.asarray(plane - _BLUR @ plane @ _BLUR.T)


def _correlation(a: Plane, b: Plane) -> float:
    """Correlate two pictures; 0 if one has nothing to be seen."""
    a, b = a - a.mean(), b - b.mean()
    power = float(np.sqrt(np.vdot(a, a) * np.vdot(b, b)))
    return float(np.vdot(a, b)) / power if power > _BLANK * a.size else 0.0
