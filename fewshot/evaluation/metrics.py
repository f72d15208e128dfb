"""Metrics of answers: intervals of accuracy, confusion, calibration error, log loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
_Z = 1.959964  # of a two-sided 95 % interval
_BINS = 15


def wilson_interval(correct: float, total: float) -> tuple[float, float]:
    """Return the 95 % interval of a proportion (Wilson 1927); 0 to 1 of nothing."""
    if total == 0:
        return 0.0, 1.0
    rate, z2 = correct / total, _Z**2 / total
    middle = (rate + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(max(0.0, rate * (1 - rate)) / total + z2 / (4 * total)) / (1 + z2)
    return max(0.0, middle - half), min(1.0, middle + half)


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of two or more values, by Student's t."""
    from scipy.stats import sem, t

    mean = float(np.mean(values))
    half = float(t.ppf(0.975, len(values) - 1) * sem(values))
    return mean - half, mean + half


def confusion_matrix(truth: Labels, predicted: Labels, n_classes: int) -> Labels:
    """Count images by class (rows) and prediction (columns)."""
    # Not scikit-learn's, which warns if there is a single class.
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def recalls(confusion: Labels) -> NDArray[np.float64]:
    """Return the part of each class that is predicted correctly; NaN of a class without images."""
    images = confusion.sum(axis=1)
    return np.where(images > 0, np.diag(confusion) / np.maximum(images, 1), np.nan)


def balanced_accuracy(confusion: Labels) -> float:
    """Return the mean recall of the classes that have images."""
    return float(np.nanmean(recalls(confusion)))


def weakest_class(confusion: Labels) -> int | None:
    """Return the class of the lowest recall, the most confused on a tie; None without mistakes."""
    mistakes = confusion - np.diag(np.diag(confusion))
    if not mistakes.any():
        return None
    confused = mistakes.sum(axis=0) + mistakes.sum(axis=1)
    recall = np.nan_to_num(recalls(confusion), nan=np.inf)
    return int(np.lexsort((-confused, recall))[0])


def calibration_error(probabilities: NDArray[np.float32], truth: Labels) -> float:
    """Return the expected calibration error over 15 bins (Naeini et al. 2015), in [0, 1]."""
    highest, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((highest * _BINS).astype(int), _BINS - 1)
    gaps = [np.abs((highest - right)[bins == i].sum()) for i in range(_BINS)]
    return float(np.sum(gaps) / len(truth))


def log_loss(probabilities: NDArray[np.float32], truth: Labels) -> float:
    """Return the mean negative log-likelihood of the true labels, in nats."""
    # Not scikit-learn's: beside negatives the rows do not sum to 1, which it warns of.
    right = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(np.log(1 / np.maximum(right, 1e-12)).mean())
