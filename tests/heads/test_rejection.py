"""The false rejection rate is the one asked for, or within what few images allow."""

import numpy as np
import pytest
from scipy.stats import beta

from fewshot.heads.rejection import NEVER, false_rejection_interval, fit_rejection
from tests.conftest import Floats


def drawn(rng: np.random.Generator, n_images: int) -> tuple[Floats, Floats]:
    """Logits and embeddings of images of one class, and negatives' logits beside it."""
    points = 3 + rng.normal(size=(n_images, 32))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    margins = 20 + rng.normal(size=n_images)
    return np.float32(np.stack([margins, -margins], axis=1)), np.float32(points)


def rates(n_images: int, rate: float) -> Floats:
    """False rejection rates of thresholds that were fitted on so many images."""
    rng = np.random.default_rng(n_images)
    new, found = drawn(rng, 5000), []
    for _ in range(300):
        logits, embeddings = drawn(rng, n_images)
        labels, units = np.zeros(n_images, np.int64), np.arange(n_images)
        fitted = fit_rejection(embeddings, labels, logits, 1, rate, units)
        found.append(1 - fitted.is_known(*new).mean())
    return np.float32(found)


@pytest.mark.parametrize("n_images", [6, 12, 18, 19, 30, 100])
def test_the_rate_holds_on_the_average_and_within_the_interval(n_images: int) -> None:
    found = rates(n_images, 0.05)
    assert found.mean() == pytest.approx(0.05, abs=0.015)
    low, high = false_rejection_interval(n_images, 0.05)
    assert ((found >= low) & (found <= high)).mean() > 0.9


def test_the_interval_is_that_of_an_order_statistic() -> None:
    assert false_rejection_interval(19, 0.05) == pytest.approx(beta(1, 19).interval(0.95))
    assert false_rejection_interval(99, 0.1) == pytest.approx(beta(10, 90).interval(0.95))
    wide, narrow = (np.diff(false_rejection_interval(n, 0.05))[0] for n in (10, 1000))
    assert wide > 0.2 and narrow < 0.03


@pytest.mark.parametrize(("n_images", "rate"), [(0, 0.05), (1, 0.05), (50, 0.0)])
def test_nothing_is_rejected_without_a_rate_or_images(n_images: int, rate: float) -> None:
    assert false_rejection_interval(n_images, rate) == (0, 0)
    embeddings, labels = np.ones((n_images + 1, 2), np.float32), np.zeros(n_images + 1, np.int64)
    logits = np.ones((n_images + 1, 2), np.float32)
    logits[n_images] = np.nan
    fitted = fit_rejection(embeddings, labels, logits, 1, rate, np.arange(n_images + 1))
    assert fitted.threshold == NEVER


def test_a_copy_does_not_make_an_image_similar_to_its_class() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(8, 16)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    embeddings[1] = embeddings[0]
    labels, logits = np.repeat([0, 1], 4), np.zeros((8, 2), np.float32)
    apart = fit_rejection(embeddings, labels, logits, 2, 0.2, np.arange(8))
    together = fit_rejection(embeddings, labels, logits, 2, 0.2, np.array([0, 0, 1, 2, 3, 4, 5, 6]))
    assert together.units[1] < apart.units[1]  # the copies stood out
