"""Find images that are turned by a quarter or half turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fewshot.embedder import Embedder
from fewshot.errors import ImageError
from fewshot.images.decode import open_rgb
from fewshot.images.source import ImageSource

Floats: TypeAlias = NDArray[np.float32]

# How an image may have to be turned: by one, two or three quarters to the left.
_TURNS = ("90 degrees to the left", "180 degrees", "90 degrees to the right")
# Images of which is learned what stands upright: at least, at most, and in how many parts.
_LEAST, _MOST, _FOLDS = 12, 100, 5
# Part of a class that must be told from itself turned: where there is no upright, a third is; and
# how many images of it show that.
_TOLD, _SMALL = 0.8, 6
# How much likelier a turned image must be, in nats. Of ten in sixty images stored wrongly it finds
# 87 to 97 % of cats and dogs, packages, hands and weather, and 0 of 50 others is suspected.
_AHEAD = 1.0


def find_turned(
    images: Sequence[ImageSource],
    embeddings: Floats,
    labels: NDArray[np.int64],
    embedder: Embedder,
) -> dict[int, str]:
    """Find images that would stand upright if they were turned.

    What upright means is learned from the images themselves: most are stored upright, so that a
    classifier can tell them from themselves turned (Gidaris, Singh and Komodakis 2018). Of classes
    where it cannot, as of images from above, nothing is reported.

    Parameters
    ----------
    images : sequence of ImageSource
    embeddings : ndarray of float32, shape (n_images, dim)
    labels : ndarray of int64, shape (n_images,)
    embedder : Embedder

    Returns
    -------
    dict of int to str
        How to turn images, by row.
    """
    rows = np.sort(np.random.default_rng(0).permutation(len(images))[:_MOST])
    views = _views(images, embeddings, rows, embedder)
    if len(views) < _LEAST:
        return {}
    every = np.stack(list(views.values()))
    scores = _held_out(every)
    told = scores[:, 0] == scores.max(axis=1)
    upright = _have_upright(told, labels[list(views)])
    suspects = np.isin(labels, upright) & (_score(every, embeddings[:, np.newaxis])[:, 0] < 0)
    suspects[rows] = False
    more = _views(images, embeddings, np.flatnonzero(suspects), embedder)
    if more:
        scores = np.concatenate([scores, _score(every, np.stack(list(more.values())))])
    found = {
        row: own for row, own in zip([*views, *more], scores, strict=True) if labels[row] in upright
    }
    return {
        row: _TURNS[own[1:].argmax()]
        for row, own in found.items()
        if own[1:].max() - own[0] > _AHEAD
    }


def _held_out(every: Floats) -> NDArray[np.float64]:
    """Score how upright embeddings are, each by those of other images."""
    scores, folds = np.empty(every.shape[:2]), np.arange(len(every)) % _FOLDS
    for fold in range(_FOLDS):
        scores[folds == fold] = _score(every[folds != fold], every[folds == fold])
    return scores


def _have_upright(told: NDArray[np.bool_], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """List the classes whose images are told from themselves turned; small ones go by the mean."""
    return np.array(
        [
            label
            for label in np.unique(labels)
            if (told[labels == label] if (labels == label).sum() >= _SMALL else told).mean()
            >= _TOLD
        ]
    )


def _views(
    images: Sequence[ImageSource], embeddings: Floats, rows: NDArray[np.int64], embedder: Embedder
) -> dict[int, Floats]:
    """Embed images in each turn: four embeddings each, first the one as it is stored."""
    least = 2 * embedder.preprocessing_.image_size

    def turned() -> Iterator[NDArray[np.uint8]]:
        for row in rows:
            pixels = np.asarray(open_rgb(images[row], at_least=least))
            yield from (np.rot90(pixels, quarters) for quarters in (1, 2, 3))

    found = []
    for each in embedder.stream(turned()):
        if isinstance(each, ImageError):
            raise each
        found.append(each)
    parts = zip(rows.tolist(), found[::3], found[1::3], found[2::3], strict=True)
    return {row: np.stack([embeddings[row], *others]) for row, *others in parts}


def _score(learned: Floats, asked: Floats) -> NDArray[np.float64]:
    """Score how upright embeddings are, (n, n_turns), by others as stored and turned."""
    from sklearn.linear_model import LogisticRegression

    dim = learned.shape[-1]
    truth = np.tile(np.arange(learned.shape[1]) == 0, len(learned))
    head = LogisticRegression(C=10, class_weight="balanced", max_iter=300)
    head.fit(learned.reshape(-1, dim), truth)
    return np.asarray(head.decision_function(asked.reshape(-1, dim))).reshape(asked.shape[:2])
