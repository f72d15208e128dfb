"""Metrics agree with published tables, scikit-learn or a calculation by hand."""

import numpy as np
import pytest
from sklearn.metrics import log_loss as sklearn_log_loss

from fewshot.evaluation import metrics


@pytest.mark.parametrize(
    ("correct", "total", "interval"),
    [
        (81, 263, (0.2553, 0.3662)),  # Newcombe 1998, table I
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (20, 20, (0.8389, 1.0)),
        (0, 0, (0.0, 1.0)),
    ],
)
def test_wilson_interval(correct: int, total: int, interval: tuple[float, float]) -> None:
    assert metrics.wilson_interval(correct, total) == pytest.approx(interval, abs=5e-5)


def test_t_interval() -> None:
    half = 4.302653 / 3**0.5  # of Student's t with 2 degrees of freedom
    assert metrics.t_interval([1.0, 2.0, 3.0]) == pytest.approx((2 - half, 2 + half), abs=1e-5)
    assert metrics.t_interval([0.5, 0.5]) == (0.5, 0.5)


def drawn(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of four classes, and labels that follow them."""
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.5] * 4, n).astype(np.float32)
    return probabilities, np.array(
        [rng.choice(4, p=p / p.sum()) for p in probabilities.astype(float)]
    )


def test_log_loss_is_scikit_learns() -> None:
    probabilities, truth = drawn()
    exact = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    expected = sklearn_log_loss(truth, exact, labels=range(4))
    assert metrics.log_loss(probabilities, truth) == pytest.approx(expected, rel=1e-4)


def test_log_loss_of_the_impossible_is_finite_and_of_the_certain_zero() -> None:
    certain = np.array([[1, 0]], np.float32)
    assert f"{metrics.log_loss(certain, np.array([0])):.3f}" == "0.000"  # and not -0.000
    assert 20 < metrics.log_loss(certain, np.array([1])) < 100


def test_confusion_has_classes_in_rows_and_predictions_in_columns() -> None:
    counts = metrics.confusion_matrix(np.array([0, 0, 2]), np.array([0, 2, 2]), 4)
    assert counts.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_recalls_leave_out_classes_without_images() -> None:
    confusion = np.array([[3, 1, 0], [0, 0, 0], [0, 2, 2]])
    np.testing.assert_array_equal(metrics.recalls(confusion), [0.75, np.nan, 0.5])
    assert metrics.balanced_accuracy(confusion) == 0.625


@pytest.mark.parametrize(
    ("confusion", "weakest"),
    [
        ([[3, 1, 0], [0, 0, 0], [0, 2, 2]], 2),
        ([[3, 1, 0], [1, 3, 0], [1, 0, 3]], 0),  # the same recall, but others are taken for it
        ([[4, 0], [0, 9]], None),
    ],
)
def test_the_weakest_class(confusion: list[list[int]], weakest: int | None) -> None:
    assert metrics.weakest_class(np.array(confusion)) == weakest


def test_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1]] * 2 + [[0.35, 0.65]] * 2, np.float32)
    both_off = metrics.calibration_error(probabilities, np.array([0, 1, 1, 1]))
    assert both_off == pytest.approx((abs(1.8 - 1) + abs(1.3 - 2)) / 4, abs=1e-6)
    sure = np.array([[1, 0]] * 4, np.float32)
    assert metrics.calibration_error(sure, np.array([0, 0, 0, 0])) == 0
    assert metrics.calibration_error(sure, np.array([0, 1, 1, 1])) == 0.75


def test_probabilities_that_labels_follow_are_calibrated() -> None:
    probabilities, truth = drawn(4000)
    assert metrics.calibration_error(probabilities, truth) < 0.03
    assert metrics.calibration_error(probabilities**4, truth) > 0.06
