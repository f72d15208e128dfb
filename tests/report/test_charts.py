"""The numbers behind the charts."""

import dataclasses

import numpy as np
import pytest

from fewshot.evaluation.metrics import calibration_error
from fewshot.report.charts import calibration_bins, scale_curve
from tests.report.conftest import make_evaluation


def test_images_are_binned_by_probability() -> None:
    probabilities = np.float32([[0.99, 0.01]] * 7 + [[0.55, 0.45]] * 3 + [[1, 0]])
    truth = np.array([0] * 6 + [1] + [0, 1, 1, 0])
    evaluation = dataclasses.replace(
        make_evaluation([[7, 0], [0, 4]]), probabilities=probabilities, truth=truth
    )
    first, last = calibration_bins(evaluation)
    assert (first.number, first.correct, first.images) == (8, 1, 3)
    assert (last.number, last.correct, last.images) == (14, 7, 8)
    assert first.probability == pytest.approx(0.55)
    assert first.low < 1 / 3 < first.high


def test_the_bins_are_those_of_the_calibration_error() -> None:
    chance = np.random.default_rng(0)
    probabilities = chance.dirichlet(np.ones(3), 300).astype(np.float32)
    evaluation = dataclasses.replace(
        make_evaluation([[100, 0, 0], [0, 100, 0], [0, 0, 100]]), probabilities=probabilities
    )
    gaps = [
        abs(each.probability * each.images - each.correct) for each in calibration_bins(evaluation)
    ]
    expected = calibration_error(probabilities, evaluation.truth)
    assert sum(gaps) / 300 == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("accuracies", "ticks"),
    [
        ((0.71, 0.84, 0.96), [50, 60, 70, 80, 90, 100]),
        ((0.04, 0.61, 1.0), [0, 20, 40, 60, 80, 100]),
        ((0.56, 0.77), [40, 60, 80, 100]),
    ],
)
def test_the_axis_of_the_curve_fits_it(accuracies: tuple[float, ...], ticks: list[int]) -> None:
    points = [{"shots": 2**i, "accuracy": accuracy} for i, accuracy in enumerate(accuracies)]
    curve = scale_curve({"curve": points})
    assert [*curve.ticks] == ticks
    assert curve.points == [(2**i, 100 * accuracy) for i, accuracy in enumerate(accuracies)]
