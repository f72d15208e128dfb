"""Probabilities follow how often held-out images are right; a threshold follows the rate asked."""

import numpy as np
import pytest

from fewshot.confidence import (
    PRIOR_TEMPERATURE,
    REJECT_RATE,
    Confidence,
    fit_confidence,
    make_folds,
    softmax,
)
from fewshot.heads import HEADS


def drawn(n: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose softmax at a temperature is how the labels were drawn."""
    chance = np.random.default_rng(0)
    scores = chance.normal(size=(n, 4)).astype(np.float32) * 3
    labels = [chance.choice(4, p=p / p.sum()) for p in softmax(scores / temperature).astype(float)]
    return scores, np.array(labels)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
def test_temperature_is_recovered(temperature: float) -> None:
    found = fit_confidence("logistic", *drawn(3000, temperature)).temperature
    assert found == pytest.approx(temperature, rel=0.15)


def test_threshold_turns_away_the_rate_asked_for() -> None:
    scores, labels = drawn(1000, 1.0)
    confidence = fit_confidence("logistic", scores, labels)
    highest = confidence.probabilities(scores).max(axis=1)
    assert (highest < confidence.threshold).mean() == pytest.approx(REJECT_RATE, abs=0.005)


@pytest.mark.parametrize("kind", HEADS)
def test_without_held_out_images_the_prior_stands_and_nothing_is_unknown(kind: str) -> None:
    scores = np.full((3, 3), np.nan, np.float32)
    expected = Confidence(pytest.approx(PRIOR_TEMPERATURE[kind]), 0.0)
    assert fit_confidence(kind, scores, np.arange(3)) == expected


def test_probabilities_sum_to_one_even_for_extreme_scores() -> None:
    scores = np.array([[1e4, -1e4, 0], [0, 0, 0]], np.float32)
    probabilities = Confidence(0.01, 0.5).probabilities(scores)
    np.testing.assert_allclose(probabilities, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], atol=1e-6)


def test_folds_leave_every_class_an_image_and_hold_out_each_that_can_be() -> None:
    labels = np.repeat([0, 1, 2, 3], [1, 2, 3, 23])
    folds = make_folds(labels)
    np.testing.assert_array_equal(folds == -1, labels == 0)
    for fold in range(folds.max() + 1):
        assert set(labels[folds != fold]) == {0, 1, 2, 3}
    assert folds.max() == 4
    assert np.bincount(folds[labels == 3]).tolist() == [5, 5, 5, 4, 4]
