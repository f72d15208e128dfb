"""Balanced folds of a support set, by which every estimate holds images out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot.heads.linear import Embeddings, Labels

_MOST_FOLDS = 5
# About so many heads are fitted, where the smallest class has fewer images.
_FITS = 50


@dataclass(frozen=True, eq=False)
class Folds:
    """Which images are held out together, in one repeat or several."""

    numbers: Labels  # -1 if never held out: (n_repeats, n_images)
    units: Labels  # the same for images that are held out together, as copies are: (n_images,)
    n_folds: int
    shots: int  # units of a class of median size that are left in every fold

    def count(self, of: NDArray[np.bool_]) -> int:
        """Count the units that are held out among some images, given as a mask."""
        return len(np.unique(self.units[of & (self.numbers[0] >= 0)]))


def make_folds(
    embeddings: Embeddings,
    labels: Labels,
    n_classes: int,
    groups: Labels | None = None,
    *,
    repeat: bool = True,
) -> Folds:
    """Divide a support set into folds that hold out the same part of every class.

    There are as many folds as the smallest class has images, from 2 to 5: what is left is then as
    balanced as the whole. Few images are dealt again, into other combinations.

    Parameters
    ----------
    embeddings, labels, n_classes
        As for `fewshot.heads.decision.fit_decision`.
    groups : ndarray of int64, shape (n_images,), optional
        The same number for near duplicates, which are held out together if they have the same
        label; by default for equal embeddings.
    repeat : bool
        Whether few images are dealt again.
    """
    groups = group_copies(embeddings) if groups is None else _renumber(groups)
    kinds, units = np.unique(np.stack([labels, groups]), axis=1, return_inverse=True)
    units = units.reshape(-1)
    counts = np.bincount(kinds[0], minlength=n_classes)
    several = counts[:n_classes][counts[:n_classes] > 1]
    smallest = int(several.min()) if len(several) else int(counts.max() if counts.max() > 1 else 0)
    n_folds = min(_MOST_FOLDS, smallest)
    n_repeats = max(1, _FITS // smallest) if repeat and smallest else 1
    # Each class has a number of its own, so that neither names nor other classes matter.
    sums = [int(abs(10 * embeddings[labels == label].sum())) for label in range(len(counts))]
    dealt = [
        _deal(kinds[0], n_folds, [[r, number] if r else 0 for number in sums])
        for r in range(n_repeats)
    ]
    usual = int(np.median(several)) if len(several) else smallest
    shots = usual - -(-usual // n_folds) if n_folds else 0
    return Folds(np.stack(dealt)[:, units], units, n_folds, shots)


def _deal(labels: Labels, n_folds: int, seeds: Sequence[int | list[int]]) -> Labels:
    """Deal the members of each class out to the folds; -1 for the only one of its class."""
    folds = np.full(len(labels), -1, np.int64)
    for label, seed in enumerate(seeds):
        members = np.flatnonzero(labels == label)
        if len(members) > 1:
            mixed = np.random.default_rng(seed).permutation(members)
            folds[mixed] = np.arange(len(members)) % n_folds
    return folds


def _renumber(groups: Labels) -> Labels:
    """Renumber groups in the order in which they first occur."""
    _, first, same = np.unique(groups, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[same.reshape(-1)])


def group_copies(embeddings: Embeddings) -> Labels:
    """Give each image a number, those of equal embeddings the same one."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(bytes(row), len(seen)) for row in embeddings])


def content_order(labels: Labels, hashes: Sequence[str]) -> Labels:
    """Sort images by class and content, so that neither their order nor their names matter."""
    return np.array(sorted(range(len(hashes)), key=lambda i: (labels[i], hashes[i])), np.int64)
