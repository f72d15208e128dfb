"""Fit the classifier over embeddings: `logistic` or `centroid`, both kept as weights and biases.

It sees embeddings and class numbers, never a file; what the scores are worth as probabilities is
left to `fewshot.confidence`. scikit-learn is imported only while fitting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fewshot.errors import UsageError

HEADS = ("logistic", "centroid")
Points: TypeAlias = NDArray[np.float64]

# Inverse strength of the L2 penalty. Embeddings have unit length, so one value serves every
# backbone; 30 was the best of 1 to 300 over the photographs this was measured on.
C = 30.0


@dataclass(frozen=True)
class LinearHead:
    """A fitted head: one score per class, linear in the normalised embedding.

    Attributes
    ----------
    kind : {"logistic", "centroid"}
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
            Of any range: log-odds up to a constant for `logistic`, minus half the squared
            distance up to a constant for `centroid`.
        """
        return np.asarray(normalise(embeddings) @ self.weights.T + self.bias, np.float32)


def normalise(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take signed square roots, then scale each embedding to unit length.

    The root tames the few very active channels of a rectified network (power normalisation,
    Perronnin, Sanchez and Mensink 2010).

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n_images, dim)

    Returns
    -------
    ndarray of float32, shape (n_images, dim)
        Of length 1; an embedding of zeros stays as it is.
    """
    roots = np.sign(embeddings) * np.sqrt(np.abs(embeddings))
    lengths = np.linalg.norm(roots, axis=1, keepdims=True)
    return np.asarray(roots / np.where(lengths > 0, lengths, 1), np.float32)


def fit_head(kind: str, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> LinearHead:
    """Fit a head on the embeddings of a support set.

    Parameters
    ----------
    kind : {"logistic", "centroid"}
    embeddings : ndarray of float32, shape (n_images, dim)
        As a backbone returns them.
    labels : ndarray of int64, shape (n_images,)
        Class numbers, every one from 0 to n_classes - 1 present.

    Returns
    -------
    LinearHead

    Raises
    ------
    UsageError
        If there is no head of that kind.
    """
    check_kind(kind)
    points, basis = _span(normalise(embeddings))
    weights, bias = _FITTERS[kind](points, labels)
    return LinearHead(kind, (weights @ basis).astype(np.float32), bias.astype(np.float32))


def check_kind(kind: str) -> None:
    """Refuse a kind of head that is not there."""
    if kind not in HEADS:
        raise UsageError(f"head is {kind!r}; expected one of {', '.join(HEADS)}")


def held_out_scores(
    kind: str,
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    folds: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Score each image by a head that was fitted without it (cross-validation).

    Parameters
    ----------
    kind, embeddings, labels
        As for `fit_head`.
    folds : ndarray of int64, shape (n_images,)
        Which images are held out together; those with a negative number never are. Whatever is
        held out, every class keeps an image.

    Returns
    -------
    ndarray of float32, shape (n_images, n_classes)
        Rows of NaN for images never held out.
    """
    fit = _FITTERS[kind]
    points, _ = _span(normalise(embeddings))
    scores = np.full((len(labels), labels.max() + 1), np.nan, np.float32)
    for fold in np.unique(folds[folds >= 0]):
        held = folds == fold
        weights, bias = fit(points[~held], labels[~held])
        scores[held] = points[held] @ weights.T + bias
    return scores


def _fit_logistic(points: Points, labels: NDArray[np.int64]) -> tuple[Points, Points]:
    """Fit multinomial logistic regression with an L2 penalty (as in Tian et al. 2020)."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    model = LogisticRegression(C=C, solver="newton-cg", tol=1e-6, max_iter=1000)
    # The matrices are small: several BLAS threads wait for each other longer than they compute.
    with threadpool_limits(1):
        model.fit(points, labels)
    weights, bias = model.coef_, model.intercept_
    if len(weights) == 1:  # of two classes scikit-learn keeps the second one's log-odds alone
        return np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return weights, bias


def _fit_centroid(points: Points, labels: NDArray[np.int64]) -> tuple[Points, Points]:
    """Fit nearest centroids (prototypes: Snell, Swersky and Zemel 2017).

    Minus half the squared distance to a centroid is linear in the point, up to a term that all
    classes share; so this too is weights and biases. The centroids are those of scikit-learn's
    NearestCentroid, which itself divides by zero at one image a class.
    """
    centroids = np.stack([points[labels == label].mean(axis=0) for label in np.unique(labels)])
    return centroids, -0.5 * (centroids**2).sum(axis=1)


_FITTERS = {"logistic": _fit_logistic, "centroid": _fit_centroid}


def _span(points: NDArray[np.float32]) -> tuple[Points, Points]:
    """Express points in an orthonormal basis of their span, exactly; return that basis too.

    An L2 penalty and distances do not change under rotation, and no head of these has weights
    outside the span; so n images cost n coordinates instead of dim.
    """
    if len(points) >= points.shape[1]:
        return points.astype(np.float64), np.eye(points.shape[1])
    basis, coordinates = np.linalg.qr(points.T.astype(np.float64))
    return coordinates.T, basis.T
