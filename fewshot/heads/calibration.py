"""Find the temperature at which scores become probabilities that mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The temperature expected before anything is held out: at one image a class, and the power of the
# number of images a class by which it changes. Medians of what fits other images of nine sets of
# photographs best, at 1 to 20 images a class; its logarithm strays by about the deviation.
_PRIORS = {
    "auto": (1.0, 0.0),
    "logistic": (0.44, 0.0),
    "discriminant": (0.037, -0.75),
    "centroid": (0.033, -0.45),
}
_PRIOR_DEVIATION = 0.6


def softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax over the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def make_folds(labels: NDArray[np.int64], most: int = 5) -> NDArray[np.int64]:
    """Divide a support set into stratified folds, no more than the images allow.

    Parameters
    ----------
    labels : ndarray of int64, shape (n_images,)
    most : int
        How many folds at most.

    Returns
    -------
    ndarray of int64, shape (n_images,)
        The fold of each image; -1 for the only image of its class, which cannot be held out.
    """
    counts = np.bincount(labels)
    folds = np.full(len(labels), -1, np.int64)
    for label in np.flatnonzero(counts >= 2):
        draw = np.random.default_rng(0)  # anew, so that the order of the classes has no say
        members = np.flatnonzero(labels == label)
        folds[draw.permutation(members)] = np.arange(len(members)) % min(most, len(members))
    return folds


def assign_folds(
    embeddings: NDArray[np.floating], labels: NDArray[np.int64], most: int | None = 5
) -> NDArray[np.int64]:
    """Divide a support set into folds with copies of an image in the same one.

    A copy of an image that is left out would otherwise give its answer away.

    Parameters
    ----------
    embeddings : ndarray of float, shape (n_images, n_coordinates)
    labels : ndarray of int64, shape (n_images,)
    most : int or None
        How many folds at most; None for one fold each image.

    Returns
    -------
    ndarray of int64, shape (n_images,)
    """
    seen: dict[tuple[int, bytes], int] = {}
    contents = zip(labels.tolist(), map(bytes, embeddings), strict=True)
    copies = np.array([seen.setdefault(content, len(seen)) for content in contents])
    folds = make_folds(np.array([label for label, _ in seen]), most or 2)
    if most is None:
        folds[folds >= 0] = np.flatnonzero(folds >= 0)
    return np.asarray(folds[copies])


def fit_temperature(kind: str, scores: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Find the temperature that makes held-out images likeliest, drawn towards the prior.

    Scores are divided by it before the softmax (temperature scaling: Guo et al. 2017).

    Parameters
    ----------
    kind : {"auto", "logistic", "discriminant", "centroid"}
        Which prior to start from.
    scores : ndarray of float32, shape (n_images, n_classes)
        Each row from a head fitted without that image; rows of NaN are left out.
    labels : ndarray of int64, shape (n_images,)

    Returns
    -------
    float
        Above 0; the prior where nothing was held out.
    """
    prior = np.log(prior_temperature(kind, labels))

    def loss(log: float) -> float:
        likelihood = negative_log_likelihood(scores, labels, float(np.exp(log)))
        return float(likelihood + ((log - prior) / _PRIOR_DEVIATION) ** 2 / 2)

    # The loss has one minimum: find it roughly, then closely.
    near = min(prior + np.arange(-5, 5.1, 0.5), key=loss)
    return float(np.exp(min(near + np.arange(-0.5, 0.51, 0.05), key=loss)))


def prior_temperature(kind: str, labels: NDArray[np.int64]) -> float:
    """Say which temperature to expect of a head on a support set of these labels."""
    start, power = _PRIORS[kind]
    return float(start * (len(labels) / len(np.unique(labels))) ** power)


def negative_log_likelihood(
    scores: NDArray[np.float32], labels: NDArray[np.int64], temperature: float
) -> float:
    """Sum minus the log-probability of each held-out image's label, in nats."""
    held = _held(scores)
    logits = scores[held] / np.float32(temperature)
    logits -= logits.max(axis=1, keepdims=True)
    right = logits[np.arange(len(logits)), labels[held]]
    return float((np.log(np.exp(logits).sum(axis=1)) - right).sum())


def _held(scores: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which rows hold scores."""
    return ~np.isnan(scores[:, 0])
