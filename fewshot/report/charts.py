"""The numbers behind the charts; `charts.html` draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewshot.evaluation.cross_validation import Evaluation
from fewshot.evaluation.metrics import wilson_interval

BINS = 15  # as `fewshot.evaluation.metrics.calibration_error` has them


@dataclass(frozen=True)
class Bin:
    """Images of similar probability: their mean probability, accuracy and its 95 % interval."""

    number: int
    images: int
    correct: int
    probability: float
    low: float
    high: float


def calibration_bins(evaluation: Evaluation) -> list[Bin]:
    """Compare probability with accuracy (reliability diagram, DeGroot and Fienberg 1983)."""
    probabilities = evaluation.probabilities.max(axis=1)
    right = evaluation.predicted == evaluation.truth
    numbers = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    bins = []
    for number in np.unique(numbers).tolist():
        inside = numbers == number
        images, correct = int(inside.sum()), int(right[inside].sum())
        mean = float(probabilities[inside].mean())
        bins.append(Bin(number, images, correct, mean, *wilson_interval(correct, images)))
    return bins


@dataclass(frozen=True)
class Curve:
    """A learning curve: pairs of images per class and accuracy, and an axis, all in percent."""

    points: list[tuple[int, float]]
    ticks: range


def scale_curve(curve: Mapping[str, Any]) -> Curve:
    """Choose an axis for what `fewshot.evaluation.learning_curve.learning_curve` returns."""
    points = [(point["shots"], 100 * point["accuracy"]) for point in curve["curve"]]
    low = max(min(accuracy for _, accuracy in points) - 15, 0)
    step = 10 if low >= 50 else 20
    return Curve(points, range(int(low // step * step), 101, step))
