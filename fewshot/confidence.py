"""Turn scores into probabilities, and decide when an image belongs to none of the classes.

It sees scores and class numbers; where the scores come from is left to `fewshot.heads`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REJECT_RATE = 0.05

# The temperature before anything is held out, by kind of head, and how far its logarithm strays:
# of those that fit other images of nine sets of photographs best, at 1 to 10 images per class.
PRIOR_TEMPERATURE = {"logistic": 0.22, "centroid": 0.015}
_PRIOR_DEVIATION = 0.6
_MAX_FOLDS = 5


@dataclass(frozen=True)
class Confidence:
    """What scores are worth.

    Attributes
    ----------
    temperature : float
        Scores are divided by it before the softmax (Guo et al. 2017); above 0.
    threshold : float
        An image whose highest probability is below it is unknown; in [0, 1].
    reject_rate : float
        The part of genuine images that the threshold was chosen to turn away; in [0, 1].
    """

    temperature: float
    threshold: float
    reject_rate: float = REJECT_RATE

    def probabilities(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn scores, shape (n_images, n_classes), into probabilities that sum to 1."""
        return softmax(scores / np.float32(self.temperature))


def softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax over the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def make_folds(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide a support set into stratified folds, at most 5 and no more than the images allow.

    Parameters
    ----------
    labels : ndarray of int64, shape (n_images,)

    Returns
    -------
    ndarray of int64, shape (n_images,)
        The fold of each image; -1 for the only image of its class, which cannot be held out.
    """
    counts = np.bincount(labels)
    folds = np.full(len(labels), -1, np.int64)
    draw = np.random.default_rng(0)
    for label in np.flatnonzero(counts >= 2):
        members = np.flatnonzero(labels == label)
        folds[draw.permutation(members)] = np.arange(len(members)) % min(_MAX_FOLDS, len(members))
    return folds


def fit_confidence(kind: str, scores: NDArray[np.float32], labels: NDArray[np.int64]) -> Confidence:
    """Fit temperature and threshold on held-out scores.

    Parameters
    ----------
    kind : {"logistic", "centroid"}
        Which prior to start from.
    scores : ndarray of float32, shape (n_images, n_classes)
        Each row from a head fitted without that image; rows of NaN are left out.
    labels : ndarray of int64, shape (n_images,)

    Returns
    -------
    Confidence
        Where nothing could be held out, the prior temperature, and a threshold of 0.
    """
    held = ~np.isnan(scores[:, 0])
    scores, labels = scores[held], labels[held]
    temperature = _fit_temperature(scores, labels, PRIOR_TEMPERATURE[kind])
    highest = softmax(scores / np.float32(temperature)).max(axis=1)
    threshold = float(np.quantile(highest, REJECT_RATE)) if len(highest) else 0.0
    return Confidence(temperature, threshold)


def _fit_temperature(scores: NDArray[np.float32], labels: NDArray[np.int64], prior: float) -> float:
    """Find the temperature of least negative log-likelihood, drawn towards the prior."""
    logs = np.linspace(np.log(prior) - 4, np.log(prior) + 4, 401)
    losses = ((logs - np.log(prior)) / _PRIOR_DEVIATION) ** 2 / 2
    rows = np.arange(len(labels))
    for i, temperature in enumerate(np.exp(logs)):
        losses[i] -= np.log(softmax(scores / np.float32(temperature))[rows, labels] + 1e-12).sum()
    return float(np.exp(logs[losses.argmin()]))
