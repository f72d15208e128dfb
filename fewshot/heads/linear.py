"""Fit the classifier over embeddings; every kind of it is kept as weights and biases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

HEADS = ("auto", "logistic", "discriminant", "centroid")
Points: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int64]

# Inverse strength of the L2 penalty. Embeddings have unit length, so one value serves every
# backbone; from 30 to 300 it made no difference on the photographs this was measured on.
C = 100.0
# How far the covariance of a discriminant is drawn towards a ball; 0.5 to 0.9 differ little.
_SHRINKAGE = 0.7
# How far the gradient of a logistic regression may be from zero: in the head that is kept, and in
# those that only serve to score images left out, whose probabilities it moves by less than 0.005.
_EXACT, _ROUGH = 1e-6, 1e-4


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A fitted head: one score per class, linear in the embedding.

    Attributes
    ----------
    kind : {"auto", "logistic", "discriminant", "centroid"}
    weights : ndarray of float32, shape (n_classes, dim)
    bias : ndarray of float32, shape (n_classes,)
    """

    kind: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score embeddings; the highest score is the predicted class.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (n_images, dim)
            As a backbone returns them.

        Returns
        -------
        ndarray of float32, shape (n_images, n_classes)
            Log-odds up to a constant, and to a scale that `fewshot.heads.calibration` finds.
        """
        return np.asarray(embeddings @ self.weights.T + self.bias, np.float32)


def span(embeddings: NDArray[np.float32]) -> tuple[Points, Points]:
    """Express embeddings in an orthonormal basis of their span, exactly.

    Lengths and angles do not change under rotation, and no head here has weights outside the span
    of its support set; so n images cost n coordinates instead of dim.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n_images, dim)

    Returns
    -------
    points : ndarray of float64, shape (n_images, n_coordinates)
    basis : ndarray of float64, shape (n_coordinates, dim)
        ``points @ basis`` are the embeddings.
    """
    if len(embeddings) >= embeddings.shape[1]:
        return embeddings.astype(np.float64), np.eye(embeddings.shape[1])
    basis, coordinates = np.linalg.qr(embeddings.T.astype(np.float64))
    return coordinates.T, basis.T


def fit_head(kind: str, points: Points, labels: Labels, dim: int) -> LinearHead:
    """Fit a head on a support set.

    Parameters
    ----------
    kind : {"logistic", "discriminant", "centroid"}
    points : ndarray of float64, shape (n_images, n_coordinates)
        Embeddings of length 1, in any orthonormal basis.
    labels : ndarray of int64, shape (n_images,)
        Class numbers, every one from 0 to n_classes - 1 present.
    dim : int
        Of the space the embeddings come from.

    Returns
    -------
    LinearHead
        In the same coordinates.
    """
    weights, bias = _FITTERS[kind](points, labels, dim, _EXACT)
    return LinearHead(kind, weights.astype(np.float32), bias.astype(np.float32))


def held_out_scores(
    kind: str, points: Points, labels: Labels, dim: int, folds: Labels
) -> NDArray[np.float32]:
    """Score each image by a head that was fitted without it (cross-validation).

    Parameters
    ----------
    kind, points, labels, dim
        As for `fit_head`.
    folds : ndarray of int64, shape (n_images,)
        Which images are held out together; those with a negative number never are. Whatever is
        held out, every class keeps an image.

    Returns
    -------
    ndarray of float32, shape (n_images, n_classes)
        Rows of NaN for images never held out.
    """
    scores = np.full((len(labels), labels.max() + 1), np.nan, np.float32)
    for fold in np.unique(folds[folds >= 0]):
        held = folds == fold
        weights, bias = _FITTERS[kind](points[~held], labels[~held], dim, _ROUGH)
        scores[held] = points[held] @ weights.T + bias
    return scores


def _fit_logistic(
    points: Points, labels: Labels, dim: int, tolerance: float
) -> tuple[Points, Points]:
    """Fit multinomial logistic regression with an L2 penalty (as in Tian et al. 2020)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=C, solver="newton-cg", tol=tolerance, max_iter=1000)
    model.fit(points, labels)
    weights, bias = model.coef_, model.intercept_
    if len(weights) == 1:  # of two classes scikit-learn keeps the second one's log-odds alone
        return np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return weights, bias


def _fit_discriminant(
    points: Points, labels: Labels, dim: int, tolerance: float
) -> tuple[Points, Points]:
    """Fit a linear discriminant with a shrunk covariance (Friedman 1989).

    Classes share one covariance, drawn towards a ball of its own average variance: far fewer
    images than dimensions say something of it, but not all.
    """
    centroids = _centroids(points, labels)
    spread = points - centroids[labels]
    freedom = len(points) - len(centroids)
    if freedom == 0:
        return _nearest(centroids, centroids)
    covariance = spread.T @ spread / freedom
    variance = np.trace(covariance) / dim
    shrunk = (1 - _SHRINKAGE) * covariance / variance + _SHRINKAGE * np.eye(points.shape[1])
    return _nearest(centroids, np.linalg.solve(shrunk, centroids.T).T)


def _fit_centroid(
    points: Points, labels: Labels, dim: int, tolerance: float
) -> tuple[Points, Points]:
    """Fit nearest centroids (prototypes: Snell, Swersky and Zemel 2017).

    The centroids are those of scikit-learn's NearestCentroid, which itself divides by zero at one
    image a class.
    """
    centroids = _centroids(points, labels)
    return _nearest(centroids, centroids)


def _centroids(points: Points, labels: Labels) -> Points:
    """Average the points of each class."""
    return np.stack([points[labels == label].mean(axis=0) for label in np.unique(labels)])


def _nearest(centroids: Points, weights: Points) -> tuple[Points, Points]:
    """Score by minus half the squared distance, less what all classes share: that is linear."""
    return weights, -0.5 * (centroids * weights).sum(axis=1)


_FITTERS = {
    "logistic": _fit_logistic,
    "discriminant": _fit_discriminant,
    "centroid": _fit_centroid,
}
