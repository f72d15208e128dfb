"""Find images of one origin: copies however stored, cropped or turned, and neighbouring frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot.training.alignment import (
    Floats,
    Mask,
    blur,
    details,
    find_places,
    improve,
    positions,
    sample,
    shrink,
)

SIDE, _MIDDLE, _SMALL, _TINY = 64, 32, 16, 8
LENGTH = SIDE**2 + 2 * _SMALL**2  # of a fingerprint
# Each image is compared with those most similar to it: with so many by embedding, one by pixels.
_NEIGHBOURS, _SIMILAR, _ALIKE = 2, 0.6, 0.5
# Rows compared with all others at once, and pairs aligned at once: a few MB of memory each.
_ROWS, _PAIRS = 512, 64
# Correlations below which a pair is given up: where places are searched, and once it is aligned.
_ROUGH, _BETTER, _ALIGNED = 0.4, 0.55, 0.65
# Where images are over- or underexposed, what a brighter copy shows cannot be told.
_DARK, _BRIGHT = 15, 230
# An image turned by more than this (in degrees) has corners that show something else.
_TILT, _EDGE = 1.5, 1 - 4 / SIDE
# How far copies may differ somewhere: in grey levels, more where much is to be seen (each level of
# the local deviation allows a sixth), and as a multiple of what they differ by in general.
_DIFFERENCE, _MULTIPLE, _DETAIL, _GAIN = 11.0, 8.0, 6.0, 1.8
# Images agree where the details of an eighth of their width correlate so much; in so many parts of
# all they must, for a bare ground proves nothing.
_AGREE, _PARTS, _WHOLE = 0.5, 0.75, 0.7
# A ground is bare that deviates less than so many grey levels; images lie exactly upon each other
# if no edge is further off than a sixth of a pixel.
_BARE, _EXACT = 0.1, 0.005
# Colours are the same whose blue and red parts correlate so much (of copies at least 0.83); what
# deviates less from grey, in levels, has none.
_SAME_COLOURS, _COLOURLESS = 0.8, 3.0
# A pattern is like itself so much when it is moved by so many of 32 pixels: of photographs of
# things 1 % are above 0.7, of tiles and stripes most above 0.9.
_PATTERN, _NEAR, _FAR = 0.85, 3, 14


def fingerprint(image: Image.Image) -> NDArray[np.float16]:
    """Make an image small, for `group_near_duplicates`.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode "RGB", upright.

    Returns
    -------
    ndarray of float16, shape (4608,)
        Grey, 64 x 64, finer than whole levels: the noise of a bare ground tells copies from others.
        Then how blue and how red, 16 x 16 each.
    """
    smooth, double = Image.Resampling.BILINEAR, (2 * SIDE, 2 * SIDE)
    grey = np.asarray(image.convert("L").resize(double, smooth, reducing_gap=3.0), np.float32)
    small = image.resize((_SMALL, _SMALL), smooth, reducing_gap=3.0).convert("YCbCr")
    colours = np.asarray(small, np.float32)[:, :, 1:].transpose(2, 0, 1) - 128
    return np.concatenate([shrink(grey, SIDE).ravel(), colours.ravel()]).astype(np.float16)


def group_near_duplicates(
    embeddings: Floats, fingerprints: NDArray[np.float16]
) -> NDArray[np.int64]:
    """Put images of one origin into groups.

    Of one origin are copies that are stored anew, resized, cropped (80 % and more), turned by up to
    15 degrees or by quarter turns, mirrored, brighter or darker, and neighbouring frames of a slow
    pan. Images that differ somewhere are not, however alike the rest is.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n_images, dim)
        Of length 1. Equal ones are of one origin.
    fingerprints : ndarray of float16, shape (n_images, 4608)
        As from `fingerprint`; zeros for an image that only an equal embedding can join.

    Returns
    -------
    ndarray of int64, shape (n_images,)
        The same number for images of one origin: the row of the first of them.
    """
    seen: dict[bytes, int] = {}
    originals = [seen.setdefault(row.tobytes(), i) for i, row in enumerate(embeddings)]
    groups = np.array(originals, np.int64)
    rows = np.unique(groups)
    for pair in _near_duplicates(embeddings[rows], fingerprints[rows]):
        low, high = np.sort(groups[rows[pair]])
        groups[groups == high] = low
    return groups


def _near_duplicates(
    embeddings: Floats, fingerprints: NDArray[np.float16]
) -> Iterator[NDArray[np.int64]]:
    """Yield pairs of images of one origin."""
    greys = fingerprints[:, : SIDE**2].reshape(-1, SIDE, SIDE)
    colours = fingerprints[:, SIDE**2 :].reshape(-1, 2, _SMALL, _SMALL)
    middle = details(shrink(greys.astype(np.float32), _MIDDLE))
    patterns = _are_patterns(middle)
    every = _candidates(embeddings, middle)
    for start in range(0, len(every), _PAIRS):
        pairs, places = _aligned(every[start : start + _PAIRS], middle)
        ones, others = (greys[rows].astype(np.float32) for rows in pairs.T)
        soft = blur(SIDE, 1)
        places, _ = improve(soft @ ones @ soft.T, soft @ others @ soft.T, places, steps=2)
        for pair, one, other, place in zip(pairs, ones, others, places, strict=True):
            exact = bool(np.abs(place - np.rint(place)).max() < _EXACT)
            # A pattern that is moved or scaled lies upon any other like it.
            if (
                (exact or not patterns[pair].any())
                and _same_colours(colours[pair].astype(np.float32), place)
                and _agree(one, other, place, exact)
            ):
                yield pair


def _candidates(embeddings: Floats, middle: Floats) -> NDArray[np.int64]:
    """Pair each image with those that may be of one origin with it, as rows of two.

    Embeddings know crops and slight turns, small images know quarter turns and upside down.
    """
    small = shrink(middle, _TINY)
    small = small - small.mean(axis=(1, 2), keepdims=True)
    small /= np.linalg.norm(small, axis=(1, 2), keepdims=True) + 1e-6
    sides = (small, small[:, ::-1])
    turns = [np.rot90(side, k, axes=(1, 2)) for side in sides for k in range(4)]
    pairs = [
        *_nearest([embeddings], _NEIGHBOURS, _SIMILAR),
        *_nearest([turned.reshape(len(small), _TINY**2) for turned in turns], 1, _ALIKE),
    ]
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


def _nearest(views: Sequence[Floats], most: int, least: float) -> Iterator[NDArray[np.int64]]:
    """Pair images with those most similar to them in any view; the first shows them as they are."""
    points = views[0]
    most = min(most, len(points) - 1)
    yield np.zeros((0, 2), np.int64)
    for start in range(0, len(points) if most > 0 else 0, _ROWS):
        block = points[start : start + _ROWS]
        similarity = np.max([block @ view.T for view in views], axis=0)
        rows = np.arange(len(block))
        similarity[rows, rows + start] = -1  # itself
        nearest = np.argpartition(-similarity, most - 1, axis=1)[:, :most]
        near, place = np.nonzero(np.take_along_axis(similarity, nearest, axis=1) >= least)
        yield np.stack([near + start, nearest[near, place]], axis=1)


def _are_patterns(middle: Floats) -> Mask:
    """Tell which images are like themselves moved: tiles, stripes, grids."""
    side = 2 * _MIDDLE  # so that nothing moves out at one edge and in at the other
    spectrum = np.abs(np.fft.rfft2(middle - middle.mean(axis=(1, 2), keepdims=True), (side, side)))
    frame = np.abs(np.fft.rfft2(np.ones((_MIDDLE, _MIDDLE)), (side, side)))
    likeness, overlap = (np.fft.irfft2(power**2, (side, side)) for power in (spectrum, frame))
    likeness = likeness / overlap.clip(1)
    distance = np.hypot(*np.meshgrid(*[np.minimum(np.arange(side), side - np.arange(side))] * 2))
    moved = (distance >= _NEAR) & (distance <= _FAR)
    return np.asarray(likeness[:, moved].max(axis=1) > _PATTERN * likeness[:, 0, 0])


def _aligned(pairs: NDArray[np.int64], middle: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Keep the pairs that match somewhere, and return where in the first the second lies."""
    one, other = middle[pairs[:, 0]], middle[pairs[:, 1]]
    places, match = find_places(one, other)
    likely = match[:, 0] >= _ROUGH
    pairs, one, other, places = pairs[likely], one[likely], other[likely], places[likely]
    n, tries = places.shape[:2]
    small = shrink(np.concatenate([one, other]), _SMALL).repeat(tries, axis=0)
    places, match = improve(small[: n * tries], small[n * tries :], places.reshape(-1, 2, 3))
    best = np.arange(n) * tries + match.reshape(n, tries).argmax(axis=1)
    likely, places = match[best] >= _BETTER, places[best]
    pairs, one, other, places = pairs[likely], one[likely], other[likely], places[likely]
    places, match = improve(one, other, places)
    return pairs[match >= _ALIGNED], places[match >= _ALIGNED]


def _same_colours(pair: Floats, place: Floats) -> bool:
    """Tell whether two aligned images, (2, 2, 16, 16), have the same colours, or one has none."""
    moved, inside = sample(pair[:1], place[np.newaxis], _SMALL)
    one, other = (planes[:, inside[0]].ravel() for planes in (moved[0], pair[1]))
    strengths = float(one @ one), float(other @ other)
    faint = min(strengths) < _COLOURLESS**2 * len(one)
    return faint or float(one @ other) > _SAME_COLOURS * float(np.sqrt(np.prod(strengths)))


def _agree(one: Floats, other: Floats, place: Floats, exact: bool) -> bool:
    """Tell whether two aligned images, (64, 64), differ nowhere, and have enough to show it."""
    moved = sample(one[np.newaxis, np.newaxis], place[np.newaxis], SIDE)[0][0, 0]
    inside = _common_part(place)
    enough = _parts_that_agree(moved, other, inside, exact) >= _PARTS
    return enough and not _differ(*_same_contrast(moved, other, inside), inside)


def _common_part(place: Floats) -> Mask:
    """Mark what both images show: not their edges, nor the corners if one of them is turned."""
    both = positions(np.stack([_STILL, place]), SIDE)
    inside = (np.abs(both) <= _EDGE).all(axis=(0, 1))
    stays, swaps = abs(place[0, 0]) + abs(place[1, 1]), abs(place[0, 1]) + abs(place[1, 0])
    if np.arctan2(min(stays, swaps), max(stays, swaps)) > np.deg2rad(_TILT):
        inside &= ((both**2).sum(axis=1) <= _EDGE**2).all(axis=0)
    return np.asarray(inside)


def _same_contrast(one: Floats, other: Floats, inside: Mask) -> tuple[Floats, Floats, float]:
    """Bring two images to one mean and contrast, cut off what is over- or underexposed.

    Returns them, and by how much their contrast differed.
    """
    used = inside & (np.minimum(one, other) > _DARK) & (np.maximum(one, other) < _BRIGHT)
    if used.sum() < SIDE:
        used = inside
    means = [plane[used].mean() for plane in (one, other)]
    deviations = [plane[used].std() + 1e-3 for plane in (one, other)]
    low, high = np.argsort(deviations)
    gain = float(deviations[high] / deviations[low])
    planes = [one, other]
    planes[low] = (planes[low] - means[low]) * gain + means[high]
    first, second = (plane.clip(_DARK, _BRIGHT) / np.sqrt(gain) for plane in planes)
    return first, second, gain


def _differ(one: Floats, other: Floats, gain: float, inside: Mask) -> bool:
    """Tell whether images differ in a small square by more than in general, or in a whole part."""
    detail = np.minimum(_deviation(one), _deviation(other))
    difference = np.abs(_squares(one - other)) / _squares(1 + detail / _DETAIL)
    difference = difference[_squares(inside.astype(np.float32)) == 1]
    usual = np.quantile(difference, 0.75) + 0.2 + 2 * max(gain - 1.05, 0)
    share = _parts(inside).mean(axis=1)
    shades = _parts((one - other) * inside).mean(axis=1)[share > _WHOLE] / share[share > _WHOLE]
    too_much = difference.max() > min(_DIFFERENCE, _MULTIPLE * usual)
    return bool(too_much or np.abs(shades).max() > _DIFFERENCE or gain > _GAIN)


def _squares(plane: Floats) -> Floats:
    """Average over squares of two by two pixels."""
    rows = plane[1:] + plane[:-1]
    return (rows[:, 1:] + rows[:, :-1]) / 4


def _deviation(plane: Floats) -> Floats:
    """Say how much every pixel's surroundings of three by three deviate."""
    variance = _AROUND @ plane**2 @ _AROUND.T - (_AROUND @ plane @ _AROUND.T) ** 2
    return np.asarray(np.sqrt(np.maximum(variance, 0)))


def _parts_that_agree(one: Floats, other: Floats, inside: Mask, exact: bool) -> float:
    """Return in which part of the image both show the same details, 0 to 1.

    If one lies exactly upon the other, bare ground without any noise is the same, too: two
    exposures of it would have noise.
    """
    whole = _parts(inside).mean(axis=1) > _WHOLE
    if not whole.any():
        return 0.0
    a, b = (_parts(plane)[whole] for plane in (one, other))
    a, b = (p - p.mean(axis=1, keepdims=True) for p in (a, b))
    powers = np.array([(p**2).mean(axis=1) for p in (a, b)])
    same = (a * b).mean(axis=1) / np.sqrt((powers + 0.01).prod(axis=0)) > _AGREE
    bare = (powers.min(axis=0) < _BARE**2) & (powers.max(axis=0) < (5 * _BARE) ** 2)
    return float((same | (bare & exact)).mean())


def _parts(plane: NDArray[Any]) -> NDArray[Any]:
    """Cut an image into eight by eight parts, (64, 64)."""
    return np.asarray(plane.reshape(8, 8, 8, 8).swapaxes(1, 2).reshape(64, 64))


_AROUND = np.eye(SIDE, dtype=np.float32)[
    (np.arange(SIDE)[:, np.newaxis] + [-1, 0, 1]).clip(0, SIDE - 1)
].mean(axis=1)
_STILL = np.eye(2, 3, dtype=np.float32)
