"""How good answers are: accuracy and its interval, per class, calibration, ranking."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
_Z = 1.959964  # of a two-sided 95 % interval
_BINS = 15


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Give the 95 % interval of a proportion (Wilson 1927).

    Parameters
    ----------
    correct, total : int

    Returns
    -------
    low, high : float
        In [0, 1]; the whole of it when `total` is 0.
    """
    if total == 0:
        return 0.0, 1.0
    rate, z2 = correct / total, _Z**2 / total
    middle = (rate + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(rate * (1 - rate) / total + z2 / (4 * total)) / (1 + z2)
    return max(0.0, middle - half), min(1.0, middle + half)


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """Give the 95 % interval of a mean by Student's t.

    Parameters
    ----------
    values : sequence of float
        Two or more, such as the accuracies of episodes.

    Returns
    -------
    low, high : float
    """
    from scipy.stats import t

    mean, error = np.mean(values), np.std(values, ddof=1) / math.sqrt(len(values))
    half = float(t.ppf(0.975, len(values) - 1) * error)
    return float(mean) - half, float(mean) + half


def confusion_matrix(truth: Labels, given: Labels, n_classes: int) -> Labels:
    """Count answers: one row for each true class, one column for each given, int64."""
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (truth, given), 1)
    return counts


def calibration_error(probabilities: NDArray[np.float32], truth: Labels) -> float:
    """Give the expected calibration error over 15 bins (Naeini et al. 2015), in [0, 1].

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n_images, n_classes)
    truth : ndarray of int64, shape (n_images,)
    """
    highest, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((highest * _BINS).astype(int), _BINS - 1)
    gaps = [np.abs((highest - right)[bins == i].sum()) for i in range(_BINS)]
    return float(np.sum(gaps) / len(truth))


def log_loss(probabilities: NDArray[np.float32], truth: Labels) -> float:
    """Give the mean negative log-likelihood of the true labels, in nats; 0 is perfect."""
    right = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(np.log(1 / np.maximum(right, 1e-12)).mean())


def auroc(higher: NDArray[np.float32], lower: NDArray[np.float32]) -> float:
    """Give the chance that one of the first numbers is above one of the second, in [0, 1]."""
    order = np.sort(lower)
    below = np.searchsorted(order, higher, "left") + np.searchsorted(order, higher, "right")
    return float(below.mean() / 2 / len(lower))
