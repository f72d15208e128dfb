"""Linear heads over embeddings, and the table of their kinds."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int64]
Embeddings: TypeAlias = NDArray[np.float32]
HeadKind: TypeAlias = Literal["auto", "logistic", "discriminant", "centroid", "prototype"]

# Inverse strength of the L2 penalty. Embeddings have unit length, so one value serves every
# backbone; from 30 to 300 it made no difference on the images this was measured on.
C = 100.0
# Weight of the identity in the covariance of a discriminant; 0.5 to 0.9 differ little.
_SHRINKAGE = 0.7
# Largest gradient of a logistic regression: in the head that is kept, and in those that only score
# held-out images, whose probabilities it moves by less than 0.005.
_EXACT, _ROUGH = 1e-6, 1e-4


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A fitted head: one score per class, linear in the embedding."""

    kind: str  # one of `HEADS`
    weights: NDArray[np.float32]  # (n_classes, dim)
    bias: NDArray[np.float32]  # (n_classes,)

    def scores(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """Return log-odds up to a constant and a scale, shape (n_images, n_classes)."""
        return np.asarray(embeddings @ self.weights.T + self.bias, np.float32)


def span(embeddings: Embeddings) -> tuple[Points, Points]:
    """Express embeddings in an orthonormal basis of their span.

    Return points, shape (n_images, n_coordinates), and the basis; their product are the embeddings.
    """
    # Lengths and angles stay the same, and no head has weights outside the span of its support
    # set; so n images cost n coordinates instead of dim.
    if len(embeddings) >= embeddings.shape[1]:
        return embeddings.astype(np.float64), np.eye(embeddings.shape[1])
    basis, coordinates = np.linalg.qr(embeddings.T.astype(np.float64))
    return coordinates.T, basis.T


def fit_head(kind: str, points: Points, labels: Labels, dim: int) -> LinearHead:
    """Fit a head of one of `KINDS` in the coordinates of the points.

    `points` are embeddings of length 1 in any orthonormal basis, shape (n_images, n_coordinates);
    `labels` hold every number from 0 to n_classes - 1; `dim` is that of the embeddings.
    """
    weights, bias = KINDS[kind].fit(points, labels, dim, _EXACT)
    return LinearHead(kind, weights.astype(np.float32), bias.astype(np.float32))


def held_out_scores(
    kind: str, points: Points, labels: Labels, dim: int, folds: Labels
) -> NDArray[np.float32]:
    """Score each image by a head fitted without its fold, shape (n_repeats, n_images, n_classes).

    Folds have shape (n_repeats, n_images); below 0 an image is never held out and its row is NaN.
    Whatever is held out, every class keeps an image. The rest is as for `fit_head`.
    """
    scores = np.full((*folds.shape, labels.max() + 1), np.nan, np.float32)
    for row, numbers in zip(scores, folds, strict=True):
        for fold in np.unique(numbers[numbers >= 0]):
            held = numbers == fold
            weights, bias = KINDS[kind].fit(points[~held], labels[~held], dim, _ROUGH)
            row[held] = points[held] @ weights.T + bias
    return scores


def _fit_logistic(
    points: Points, labels: Labels, dim: int, tolerance: float
) -> tuple[Points, Points]:
    """Fit multinomial logistic regression with an L2 penalty (as in Tian et al. 2020)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=C, solver="newton-cg", tol=tolerance, max_iter=1000)
    with warnings.catch_warnings():  # scikit-learn wonders about few images of many classes
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model.fit(points, labels)
    weights, bias = model.coef_, model.intercept_
    if len(weights) == 1:  # of two classes scikit-learn keeps the second one's log-odds alone
        return np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return weights, bias


def _fit_discriminant(
    points: Points, labels: Labels, dim: int, tolerance: float
) -> tuple[Points, Points]:
    """Fit a linear discriminant with a shrunk covariance (Friedman 1989)."""
    centroids = _centroids(points, labels)
    spread = points - centroids[labels]
    freedom = len(points) - len(centroids)
    if freedom == 0:
        return _nearest(centroids, centroids)
    # One covariance for all classes, shrunk towards its mean variance times the identity, because
    # there are fewer images than dimensions.
    covariance = spread.T @ spread / freedom
    variance = np.trace(covariance) / dim
    shrunk = (1 - _SHRINKAGE) * covariance / variance + _SHRINKAGE * np.eye(points.shape[1])
    return _nearest(centroids, np.linalg.solve(shrunk, centroids.T).T)


def _fit_centroid(
    points: Points, labels: Labels, dim: int, tolerance: float
) -> tuple[Points, Points]:
    """Fit nearest centroids (prototypes: Snell, Swersky and Zemel 2017)."""
    # Not scikit-learn's NearestCentroid, which divides by zero at one image a class.
    centroids = _centroids(points, labels)
    return _nearest(centroids, centroids)


def _centroids(points: Points, labels: Labels) -> Points:
    return np.stack([points[labels == label].mean(axis=0) for label in np.unique(labels)])


def _nearest(centroids: Points, weights: Points) -> tuple[Points, Points]:
    """Score by minus half the squared distance, without the part that all classes share."""
    return weights, -0.5 * (centroids * weights).sum(axis=1)


@dataclass(frozen=True)
class Kind:
    """How a kind of head is fitted, and which temperature to expect of it."""

    fit: Callable[[Points, Labels, int, float], tuple[Points, Points]]
    # The prior at one image a class, and the power of the number of images a class by which it
    # changes: medians of what fits other images of nine sets best, at 1 to 20 images a class.
    temperature: float
    power: float = 0.0


KINDS = {
    "logistic": Kind(_fit_logistic, 0.44),
    "discriminant": Kind(_fit_discriminant, 0.037, -0.75),
    "centroid": Kind(_fit_centroid, 0.033, -0.45),
}
# "auto" is the blend of `fewshot.heads.blend`, or the prototypes of `fewshot.heads.prototype`.
HEADS = ("auto", *KINDS)
PROTOTYPE = "prototype"
