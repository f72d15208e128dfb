"""Calibration by temperature scaling (Guo et al. 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fewshot.heads.linear import KINDS, Labels

Scores = NDArray[np.float32]

# The standard deviation of the logarithm of the best temperature around the prior of its kind.
_PRIOR_DEVIATION = 0.6


def softmax(scores: Scores) -> Scores:
    """Return the softmax over the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def fit_temperature(kind: str, scores: Scores, labels: Labels) -> float:
    """Find the temperature that makes held-out images likeliest, shrunk towards the kind's prior.

    Rows of NaN in the scores, shape (n_images, n_classes), are ignored.
    """
    prior = np.log(prior_temperature(kind, labels))

    def loss(log: float) -> float:
        likelihood = negative_log_likelihood(scores, labels, float(np.exp(log)))
        return float(likelihood + ((log - prior) / _PRIOR_DEVIATION) ** 2 / 2)

    # The loss has one minimum: a coarse search, then a fine one.
    near = min(prior + np.arange(-5, 5.1, 0.5), key=loss)
    return float(np.exp(min(near + np.arange(-0.5, 0.51, 0.05), key=loss)))


def prior_temperature(kind: str, labels: Labels) -> float:
    """Return the temperature to expect of a kind of head on a support set of these labels."""
    if kind == "auto":  # a blend of scores that are calibrated already
        return 1.0
    shots = len(labels) / len(np.unique(labels))
    return float(KINDS[kind].temperature * shots ** KINDS[kind].power)


def negative_log_likelihood(scores: Scores, labels: Labels, temperature: float) -> float:
    """Sum minus the log-probability of each held-out image's label, in nats."""
    held = ~np.isnan(scores[:, 0])
    logits = scores[held] / np.float32(temperature)
    logits -= logits.max(axis=1, keepdims=True)
    right = logits[np.arange(len(logits)), labels[held]]
    return float((np.log(np.exp(logits).sum(axis=1)) - right).sum())
