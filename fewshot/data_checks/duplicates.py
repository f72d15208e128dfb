"""Find images that are in a set more than once, as they are or stored in another way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fewshot._parallel import in_order
from fewshot.data_checks.finding import Finding
from fewshot.errors import ImageError
from fewshot.heads.calibration import softmax
from fewshot.images.decode import open_rgb
from fewshot.images.source import ImageSource
from fewshot.training.embed import EmbeddedSet
from fewshot.training.near_duplicates import LENGTH, fingerprint, group_near_duplicates

Floats: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int64]

# A held-out probability of its own class, above which an image is told from a look-alike.
_TOLD_APART = 0.5
# Pixels that images are decoded to at least, to be compared.
_SIDE = 128


@dataclass(frozen=True, eq=False)
class ImageRows:
    """Images to be compared: training images, and then test images.

    Attributes
    ----------
    names, hashes : sequence of str
    embeddings : ndarray of float32, shape (n_images, dim)
    labels, groups : ndarray of int64, shape (n_images,)
    sizes : sequence of int
        Pixels of each, 0 if unknown: the largest of near duplicates is named first.
    told_apart : ndarray of bool, shape (n_images,)
        Whether a head fitted without the image recognises it.
    n_training : int
    """

    names: Sequence[str]
    hashes: Sequence[str]
    embeddings: Floats
    labels: Labels
    groups: Labels
    sizes: Sequence[int]
    told_apart: NDArray[np.bool_]
    n_training: int


def group_with_test(training: EmbeddedSet, test: EmbeddedSet) -> Labels:
    """Group near duplicates among training and test images, in this order."""
    found = list(in_order(_fingerprint_or_zeros, [*training.images, *test.images]))
    embeddings = [training.record.embeddings, test.record.embeddings]
    return group_near_duplicates(np.concatenate(embeddings), np.array(found, np.float16))


def recognised(held_out: Floats | None, labels: Labels) -> NDArray[np.bool_]:
    """Tell which images a head fitted without them gives their own class, clearly."""
    if held_out is None:
        return np.zeros(len(labels), bool)
    own = np.minimum(labels, held_out.shape[1] - 1)
    return np.asarray(softmax(held_out)[np.arange(len(labels)), own] > _TOLD_APART)


def find_duplicates(rows: ImageRows) -> Iterator[Finding]:
    """Report copies and near duplicates, a finding for each group."""
    for first in np.unique(rows.groups):
        yield from _report(rows, np.flatnonzero(rows.groups == first))


def _report(rows: ImageRows, members: Labels) -> Iterator[Finding]:
    """Report a group; what it has of several classes, though they can be told apart, by class."""
    if len(members) < 2:
        return
    labels, exact = rows.labels[members], len({rows.hashes[row] for row in members}) == 1
    identical = (rows.embeddings[members] == rows.embeddings[members[0]]).all()
    leak = members[0] < rows.n_training <= members[-1]
    if not leak and len(np.unique(labels)) > 1:
        if identical or not rows.told_apart[members].all():
            found = f"{_what(rows, members)} has different labels"
            yield _finding("conflict", rows, members, found, "keep the one that is right")
            return
        for label in np.unique(labels):
            yield from _report(rows, members[labels == label])
    elif leak:
        found = f"{_what(rows, members)} is in both training and test data"
        yield _finding("leak", rows, members, found, "keep it on one side: it flatters accuracy")
    else:
        found = f"{_what(rows, members)} {len(members)} times"
        kind = "copy" if exact else "near_duplicate"
        yield _finding(kind, rows, members, found, "keep one")


def _what(rows: ImageRows, members: Labels) -> str:
    """Say in what images are the same."""
    if len({rows.hashes[row] for row in members}) == 1:
        return "the same file"
    if (rows.embeddings[members] == rows.embeddings[members[0]]).all():
        return "different files, but the same image once decoded,"
    return "nearly the same image"


def _finding(kind: str, rows: ImageRows, members: Labels, found: str, advice: str) -> Finding:
    largest = sorted(members.tolist(), key=lambda row: (-rows.sizes[row], row))
    return Finding(kind, tuple(rows.names[row] for row in largest), None, found, advice)


def _fingerprint_or_zeros(image: ImageSource) -> NDArray[np.float16]:
    try:
        return fingerprint(open_rgb(image, at_least=_SIDE))
    except ImageError:
        return np.zeros(LENGTH, np.float16)
