"""Folds of a support set for cross-validation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fewshot.heads.linear import Labels


def make_folds(labels: Labels, most: int = 5) -> Labels:
    """Assign each image to one of at most `most` stratified folds; -1 if alone in its class."""
    counts = np.bincount(labels)
    folds = np.full(len(labels), -1, np.int64)
    for label in np.flatnonzero(counts >= 2):
        rng = np.random.default_rng(0)  # the same for each class: their order does not matter
        members = np.flatnonzero(labels == label)
        folds[rng.permutation(members)] = np.arange(len(members)) % min(most, len(members))
    return folds


def assign_folds(embeddings: NDArray[np.floating], labels: Labels, most: int | None = 5) -> Labels:
    """Assign each image to a fold, copies (of equal embedding and class) to the same one.

    `most` is the most folds, or None for leave-one-out. The fold is -1 for images that are never
    held out, because their class has no other.
    """
    seen: dict[tuple[int, bytes], int] = {}
    contents = zip(labels.tolist(), map(bytes, embeddings), strict=True)
    copies = np.array([seen.setdefault(content, len(seen)) for content in contents])
    folds = make_folds(np.array([label for label, _ in seen]), most or 2)
    if most is None:
        folds[folds >= 0] = np.flatnonzero(folds >= 0)
    return np.asarray(folds[copies])
