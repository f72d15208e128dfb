"""A map of the training images in two dimensions: similar images lie close together."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import SupportRecord
from fewshot.heads.linear import Labels
from fewshot.report.sentences import visible

Points = NDArray[np.float32]
Label = tuple[float, float, float]

# Fewer points have no neighbourhoods that t-SNE could keep; more take long and hide each other.
_FEWEST, _MOST = 10, 2000
_COMPONENTS, _PERPLEXITY = 50, 30
# Pixels: the map of few and of many classes, its margin, and the radius of a mark.
_FEW_CLASSES, _SMALL, _LARGE, _MARGIN, _RADIUS = 20, (760, 560), (1070, 720), 20, 4
# Pixels: the letters of a label, its height, its mark, its longest name, steps to find it room.
_LETTER, _LABEL_HEIGHT, _INDENT, _LONGEST, _STEP = 12, 17, 16, 114, 9
_HIDING = 400.0  # a label that hides a point is as bad as one 20 pixels further away


@dataclass(frozen=True)
class Group:
    """The images of a class on the map; number -1 are the negatives.

    An image is its x and y in pixels, its name and whether it is marked. The label is the left,
    top and width of the class's name in pixels, None where there is no room for it.
    """

    number: int
    name: str
    images: list[tuple[float, float, str, bool]]
    label: Label | None


@dataclass(frozen=True)
class EmbeddingMap:
    """A map of so many pixels, on which some or all images are shown."""

    width: int
    height: int
    method: str
    shown: int
    total: int
    groups: list[Group]


def embedding_map(
    support: SupportRecord, classes: Sequence[str], marked: Collection[str]
) -> EmbeddingMap:
    """Place the training images, at most 2000, and the names of their classes."""
    shown = _choose(support, marked)
    size = _SMALL if len(classes) <= _FEW_CLASSES else _LARGE
    points = _MARGIN + project(shown.embeddings) * (np.array(size, np.float32) - 2 * _MARGIN)
    labels = _place_labels(points, shown.labels, classes, size)
    groups = []
    for number in np.unique(shown.labels).tolist():
        rows = np.flatnonzero(shown.labels == number).tolist()
        images = [
            (*points[row].tolist(), shown.names[row], shown.names[row] in marked) for row in rows
        ]
        if number == len(classes):
            groups.append(Group(-1, "none of the classes", images, None))
        else:
            groups.append(Group(number, classes[number], images, labels[number]))
    method = "t-SNE" if len(points) >= _FEWEST else "PCA"
    return EmbeddingMap(*size, method, len(points), len(support.names), groups)


def project(embeddings: Points) -> Points:
    """Project embeddings to two dimensions, each spanning 0 to 1.

    `embeddings` is of shape (n_images, dim): two or more. Return shape (n_images, 2): by t-SNE
    (van der Maaten and Hinton 2008) of their 50 principal components; by the first two principal
    components where there are fewer than 10 images.
    """
    centred = embeddings - embeddings.mean(axis=0)
    left, scales, _ = np.linalg.svd(centred, full_matrices=False)
    points = (left * scales)[:, :_COMPONENTS]
    points *= np.where(points.sum(axis=0) < 0, -1, 1)  # the sign of a component is arbitrary
    places = _tsne(points) if len(points) >= _FEWEST else points[:, :2]
    span = np.ptp(places, axis=0)
    return np.asarray((places - places.min(axis=0)) / np.where(span > 0, span, 1), np.float32)


def _tsne(points: Points) -> Points:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    if not np.ptp(points, axis=0).any():  # all are copies of one image
        return points[:, :2]
    with threadpool_limits(1):  # its threads wait for each other longer than they work
        layout = TSNE(init="pca", learning_rate="auto", perplexity=perplexity, random_state=0)
        return np.asarray(layout.fit_transform(points))


def _choose(support: SupportRecord, kept: Collection[str]) -> SupportRecord:
    """Draw at most 2000 images at random, those that are to be kept first."""
    if len(support.names) <= _MOST:
        return support
    first = np.array([name not in kept for name in support.names])
    order = np.random.default_rng(0).permutation(len(first))
    order = order[np.argsort(first[order], kind="stable")]
    return support.take(np.sort(order[:_MOST]))


def _place_labels(
    points: Points, numbers: Labels, classes: Sequence[str], size: tuple[int, int]
) -> list[Label | None]:
    """Find room for each name near the middle of its class."""
    steps = np.mgrid[-12:13, -12:13].reshape(2, -1).T * (2 * _STEP, _STEP)
    marks = np.hstack([points - _RADIUS, points + _RADIUS])
    taken = np.zeros((0, 4))
    labels: list[Label | None] = [None] * len(classes)
    for number in np.unique(numbers[numbers < len(classes)]).tolist():
        box = np.array([_INDENT + _text_width(classes[number]), _LABEL_HEIGHT])
        middle = np.median(points[numbers == number], axis=0) - box / 2
        corners = np.clip(middle + steps, 0, size - box)
        boxes = np.hstack([corners, corners + box])
        within = np.hstack([boxes.min(axis=0)[:2], boxes.max(axis=0)[2:]])[None]
        near = marks[_overlaps(within, marks)[0]]  # all of them would take long
        cost = ((corners - middle) ** 2).sum(axis=1) + _HIDING * _overlaps(boxes, near).sum(axis=1)
        cost[_overlaps(boxes, taken).any(axis=1)] = np.inf
        best = int(cost.argmin())
        if np.isfinite(cost[best]):
            taken = np.vstack([taken, boxes[best]])
            labels[number] = *corners[best].tolist(), float(box[0])
    return labels


def _overlaps(boxes: NDArray[Any], others: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which boxes (left, top, right, bottom) overlap which others, shape (n, n_others)."""
    first, second = boxes[:, None], others[None]
    return np.asarray(
        ((first[..., :2] < second[..., 2:]) & (second[..., :2] < first[..., 2:])).all(axis=2)
    )


def _text_width(text: str) -> float:
    """Guess the width of a name in pixels; the page cuts it there if it is wider."""
    return min(_LETTER * sum(map(_letter_width, visible(text))), _LONGEST)


def _letter_width(letter: str) -> float:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.1
    return 0.82 if letter.isupper() or letter >= "\u0590" else 0.66
