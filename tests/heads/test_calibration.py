"""Calibrated probabilities match how often held-out images are right."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from fewshot.heads.calibration import (
    fit_temperature,
    negative_log_likelihood,
    prior_temperature,
    softmax,
)
from fewshot.heads.linear import HEADS


def drawn(n: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose softmax at a temperature is how the labels were drawn."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(n, 4)).astype(np.float32) * 3
    labels = [rng.choice(4, p=p / p.sum()) for p in softmax(scores / temperature).astype(float)]
    return scores, np.array(labels)


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
def test_temperature_is_recovered(kind: str, temperature: float) -> None:
    scores, labels = drawn(3000, temperature)
    unit = prior_temperature(kind, labels)
    found = fit_temperature(kind, scores * np.float32(unit), labels)
    assert found / unit == pytest.approx(temperature, rel=0.15)


@pytest.mark.parametrize("kind", HEADS)
def test_without_held_out_images_the_prior_is_used(kind: str) -> None:
    for shots in (1, 4):
        labels = np.repeat(np.arange(3), shots)
        found = fit_temperature(kind, np.full((len(labels), 3), np.nan, np.float32), labels)
        assert found == pytest.approx(prior_temperature(kind, labels))


def test_few_images_move_the_temperature_less_than_many() -> None:
    few, many = (fit_temperature("logistic", *drawn(n, 3.0)) for n in (8, 800))
    assert prior_temperature("logistic", np.arange(4)) < few < many


def test_likelihood_is_scikit_learns_over_held_out_images() -> None:
    scores, labels = drawn(50, 1.0)
    expected = log_loss(labels, softmax(scores / 2), labels=range(4), normalize=False)
    assert negative_log_likelihood(scores, labels, 2.0) == pytest.approx(expected, rel=1e-4)
    never_held = np.full((5, 4), np.nan, np.float32)
    more = np.concatenate([never_held, scores]), np.concatenate([np.zeros(5, int), labels])
    assert negative_log_likelihood(*more, 2.0) == pytest.approx(expected, rel=1e-4)


def test_probabilities_sum_to_one_even_for_extreme_scores() -> None:
    probabilities = softmax(np.array([[1e6, -1e6, 0], [0, 0, 0]], np.float32))
    np.testing.assert_allclose(probabilities, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], atol=1e-6)
