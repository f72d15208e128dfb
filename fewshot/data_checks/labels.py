"""Find images of a support set that look wrong: of another class than their label, or of none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot.heads.calibration import softmax

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

# How far another class has to be ahead of an image's own, in deviations of that lead over the set:
# the first number and, for heads know little of a class of few images, the second divided by how
# many there are. Of nine sets of photographs, 5 % labelled wrong at random, it finds 70 % of the
# wrong labels at 40 images a class and 39 % at 10, and of 100 suspects 98 and 94 are wrong labels.
# Without the second number 39 of 1000 good images are suspected at 3 images a class, and 1 with it.
# The lead itself, in nats, does worse: at as many false alarms it finds 37 % instead of 59 %, for
# wrong labels raise the temperature. So does confident learning's threshold for each class: of 100
# suspects 67.
_AHEAD, _FEW = 1.4, 4.0
# How many of the most similar images are asked, too: more have to be of the other class than of
# its own. That removes a quarter of the false alarms, and hardly a wrong label.
_NEIGHBOURS = 5
# An outlier is less similar to the nearest prototype than the set's images are, by so many
# deviations, and less similar than this at all: where all images are alike (hands before one wall,
# 0.94) some deviations are little, and images of other sets are below 0.6. Both leave 1 of 1000
# images of the nine sets, the first alone 8; the scores of the head add nothing.
_DEVIATIONS, _SIMILAR = 3.0, 0.65


@dataclass(frozen=True)
class Suspect:
    """An image whose label may be wrong.

    Attributes
    ----------
    row : int
        Which image.
    label : int
        The class that it looks like.
    probability : float
        Of that class, by a head fitted without the image, in [0, 1].
    """

    row: int
    label: int
    probability: float


def suspected_labels(
    held_out: Floats, labels: Labels, embeddings: Floats, n_classes: int
) -> list[Suspect]:
    """Find labels that are probably wrong.

    A label is suspected if a head fitted without the image puts another class far ahead of it
    (confident learning: Northcutt, Jiang and Chuang 2021), as leads go in this set, and the
    image's nearest neighbours side with that class (edited nearest neighbours: Wilson 1972).

    Parameters
    ----------
    held_out : ndarray of float32, shape (n_images, n_classes) or (n_images, n_classes + 1)
        As `fewshot.heads.decision.fit_decision` returns them; rows of NaN are never suspected.
    labels : ndarray of int64, shape (n_images,)
        Class numbers; `n_classes` for negatives, which are never suspected.
    embeddings : ndarray of float32, shape (n_images, dim)
        Of length 1.
    n_classes : int

    Returns
    -------
    list of Suspect
        The furthest ahead first.
    """
    tried = np.flatnonzero((labels < n_classes) & ~np.isnan(held_out[:, 0]))
    if n_classes < 2 or not len(tried):
        return []
    leads, others = _leads(held_out[tried, :n_classes], labels[tried])
    counts = np.bincount(labels)[labels[tried]]
    units = leads / max(float(leads.std()), 1e-6)
    far = np.flatnonzero(units > _AHEAD + _FEW / counts)
    probabilities = softmax(held_out[tried])
    return [
        Suspect(int(tried[i]), int(others[i]), float(probabilities[i, others[i]]))
        for i in far[np.argsort(-units[far], kind="stable")]
        if _neighbours_agree(embeddings, labels, tried[i], others[i])
    ]


def find_outliers(embeddings: Floats, labels: Labels, n_classes: int) -> Labels:
    """Find images unlike the others of their class and like no other class.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n_images, dim)
        Of length 1.
    labels : ndarray of int64, shape (n_images,)
        Class numbers; `n_classes` for negatives, which are never outliers, nor is the only image
        of its class.
    n_classes : int

    Returns
    -------
    ndarray of int64, shape (n_outliers,)
        Their rows, the least similar first.
    """
    counts = np.bincount(labels, minlength=n_classes)
    rows = np.flatnonzero((labels < n_classes) & (counts[labels] > 1))
    if not len(rows):
        return rows
    points, own = embeddings[rows], labels[rows]
    sums = np.stack([embeddings[labels == label].sum(axis=0) for label in range(n_classes)])
    similarities = points @ _unit(sums).T
    # A prototype made with the image would be similar to it for that alone.
    similarities[np.arange(len(rows)), own] = (points * _unit(sums[own] - points)).sum(axis=1)
    nearest = similarities.max(axis=1)
    low = (nearest < nearest.mean() - _DEVIATIONS * nearest.std()) & (nearest < _SIMILAR)
    return np.asarray(rows[low][np.argsort(nearest[low], kind="stable")])


def _leads(scores: Floats, labels: Labels) -> tuple[Floats, Labels]:
    """Say by how much the best other class is ahead of each image's own, and which it is."""
    rows = np.arange(len(labels))
    rest = scores.copy()
    rest[rows, labels] = -np.inf
    others = rest.argmax(axis=1)
    return rest[rows, others] - scores[rows, labels], others


def _neighbours_agree(embeddings: Floats, labels: Labels, row: int, other: int) -> bool:
    """Tell whether more of the most similar images are of another class than of the own one."""
    similarity = np.einsum("nd,d->n", embeddings, embeddings[row])
    similarity[row] = -2  # itself
    nearest = labels[np.argsort(-similarity, kind="stable")[:_NEIGHBOURS]]
    return bool((nearest == other).sum() > (nearest == labels[row]).sum())


def _unit(vectors: Floats) -> Floats:
    """Bring rows to length 1, leaving zeros as they are."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
