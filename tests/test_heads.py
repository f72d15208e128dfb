"""Heads are exactly what scikit-learn fits, kept as weights and biases."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

from fewshot.confidence import softmax
from fewshot.errors import UsageError
from fewshot.heads import HEADS, C, fit_head, held_out_scores, normalise


def clusters(n_classes: int, shots: int, dim: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Non-negative embeddings around one centre a class, as of a rectified network."""
    chance = np.random.default_rng(shots)
    labels = np.repeat(np.arange(n_classes), shots)
    centres = np.random.default_rng(n_classes).gamma(1.0, size=(n_classes, dim))
    points = centres[labels] + chance.gamma(1.0, size=(len(labels), dim))
    return points.astype(np.float32), labels


@pytest.mark.parametrize(("n_classes", "shots"), [(2, 1), (2, 10), (5, 1), (5, 8), (5, 40)])
def test_logistic_is_scikit_learns(n_classes: int, shots: int) -> None:
    support, labels = clusters(n_classes, shots)
    query = clusters(n_classes, 50)[0]
    model = LogisticRegression(C=C, max_iter=10_000, tol=1e-8)
    model.fit(normalise(support).astype(np.float64), labels)
    scores = fit_head("logistic", support, labels).scores(query)
    expected = model.predict_proba(normalise(query).astype(np.float64))
    np.testing.assert_array_equal(scores.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(softmax(scores), expected, atol=2e-4)


@pytest.mark.parametrize(("n_classes", "shots"), [(2, 2), (5, 8), (5, 40)])
def test_centroid_is_scikit_learns(n_classes: int, shots: int) -> None:
    support, labels = clusters(n_classes, shots)
    query = clusters(n_classes, 50)[0]
    model = NearestCentroid().fit(normalise(support), labels)
    scores = fit_head("centroid", support, labels).scores(query)
    np.testing.assert_array_equal(scores.argmax(axis=1), model.predict(normalise(query)))


def test_centroid_scores_are_half_squared_distances_up_to_a_constant() -> None:
    support, labels = clusters(3, 1)
    scores = fit_head("centroid", support, labels).scores(support)
    points = normalise(support)
    distances = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    difference = scores + 0.5 * distances
    np.testing.assert_allclose(difference, difference[:, :1].repeat(3, axis=1), atol=1e-5)


@pytest.mark.parametrize("kind", HEADS)
def test_one_image_a_class_is_enough(kind: str) -> None:
    support, labels = clusters(4, 1)
    head = fit_head(kind, support, labels)
    assert head.weights.shape == (4, 64) and head.weights.dtype == np.float32
    assert np.isfinite(head.weights).all() and np.isfinite(head.bias).all()
    np.testing.assert_array_equal(head.scores(support).argmax(axis=1), labels)


@pytest.mark.parametrize("kind", HEADS)
def test_held_out_scores_are_those_of_a_head_fitted_without(kind: str) -> None:
    support, labels = clusters(3, 4)
    folds = np.tile([0, 1, 1, -1], 3)
    scores = held_out_scores(kind, support, labels, folds)
    assert np.isnan(scores[folds == -1]).all()
    for fold in (0, 1):
        held = folds == fold
        without = fit_head(kind, support[~held], labels[~held]).scores(support[held])
        np.testing.assert_allclose(softmax(scores[held]), softmax(without), atol=2e-4)


def test_normalised_embeddings_have_unit_length() -> None:
    embeddings = np.array([[4, -9, 0], [0, 0, 0]], np.float32)
    np.testing.assert_allclose(
        normalise(embeddings), [[2 / 13**0.5, -3 / 13**0.5, 0], [0, 0, 0]], rtol=1e-6
    )


def test_other_heads_are_refused() -> None:
    with pytest.raises(UsageError, match="head is 'forest'; expected one of logistic, centroid"):
        fit_head("forest", *clusters(2, 2))
