"""Heads are exactly what scikit-learn fits, kept as weights and biases."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

from fewshot.heads.calibration import softmax
from fewshot.heads.linear import KINDS, C, LinearHead, fit_head, held_out_scores, span
from tests.conftest import Floats, Labels, clusters

SIZES = [(2, 1), (2, 10), (5, 1), (5, 8), (5, 40)]


def fit(kind: str, support: Floats, labels: Labels) -> LinearHead:
    """Fit in the coordinates of the span, and return to those of the embeddings."""
    points, basis = span(support)
    head = fit_head(kind, points, labels, support.shape[1])
    return LinearHead(kind, np.float32(head.weights @ basis), head.bias)


@pytest.mark.parametrize(("n_classes", "shots"), SIZES)
def test_logistic_is_scikit_learns(n_classes: int, shots: int) -> None:
    support, labels = clusters(n_classes, shots)
    query = clusters(n_classes, 50)[0]
    model = LogisticRegression(C=C, max_iter=10_000, tol=1e-8).fit(support.astype(float), labels)
    scores = fit("logistic", support, labels).scores(query)
    expected = model.predict_proba(query.astype(float))
    np.testing.assert_array_equal(scores.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(softmax(scores), expected, atol=5e-4)


@pytest.mark.parametrize(("n_classes", "shots"), [(2, 2), (5, 8), (5, 40)])
def test_centroid_is_scikit_learns(n_classes: int, shots: int) -> None:
    support, labels = clusters(n_classes, shots)
    query = clusters(n_classes, 50)[0]
    scores = fit("centroid", support, labels).scores(query)
    expected = NearestCentroid().fit(support, labels).predict(query)
    np.testing.assert_array_equal(scores.argmax(axis=1), expected)


class Shrunk:
    """A shrunk covariance, as an estimator of scikit-learn."""

    def fit(self, points: np.ndarray) -> "Shrunk":
        covariance = np.cov(points.T, bias=True)
        identity = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        self.covariance_ = 0.3 * covariance + 0.7 * identity
        return self


@pytest.mark.parametrize(("n_classes", "shots"), [(2, 3), (5, 40)])
def test_discriminant_is_scikit_learns(n_classes: int, shots: int) -> None:
    support, labels = clusters(n_classes, shots)
    query = clusters(n_classes, 50)[0]
    model = LinearDiscriminantAnalysis(
        solver="lsqr", covariance_estimator=Shrunk(), priors=np.full(n_classes, 1 / n_classes)
    ).fit(support.astype(float), labels)
    head = fit("discriminant", support, labels)
    np.testing.assert_array_equal(head.scores(query).argmax(axis=1), model.predict(query))
    if n_classes > 2:  # of two classes scikit-learn keeps the difference alone
        ratios = np.concatenate(
            [head.weights / model.coef_, (head.bias / model.intercept_)[:, None]], 1
        )
        np.testing.assert_allclose(ratios, ratios[0, 0], rtol=1e-2)


@pytest.mark.parametrize("kind", ["centroid", "discriminant"])
def test_at_one_image_scores_are_half_squared_distances_up_to_a_constant(kind: str) -> None:
    support, labels = clusters(3, 1)
    scores = fit(kind, support, labels).scores(support)
    distances = ((support[:, None] - support[None]) ** 2).sum(axis=2)
    difference = scores + 0.5 * distances
    np.testing.assert_allclose(difference, difference[:, :1].repeat(3, axis=1), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_one_image_a_class_is_enough(kind: str) -> None:
    support, labels = clusters(4, 1)
    head = fit(kind, support, labels)
    assert head.weights.shape == (4, 64) and head.weights.dtype == np.float32
    assert np.isfinite(head.weights).all() and np.isfinite(head.bias).all()
    np.testing.assert_array_equal(head.scores(support).argmax(axis=1), labels)


@pytest.mark.parametrize("kind", KINDS)
def test_held_out_scores_are_those_of_a_head_fitted_without(kind: str) -> None:
    support, labels = clusters(3, 4)
    folds = np.tile([0, 1, 1, -1], 3)
    both = np.stack([folds, np.roll(folds, 1)])
    scores, _ = held_out_scores(kind, span(support)[0], labels, 64, both)
    assert np.isnan(scores[folds == -1]).all()
    for fold in (0, 1):
        held = folds == fold
        without = fit(kind, support[~held], labels[~held]).scores(support[held])
        np.testing.assert_allclose(softmax(scores[held]), softmax(without), atol=5e-3)


@pytest.mark.parametrize(("n_classes", "shots"), [(2, 1), (5, 8), (5, 40)])
def test_the_span_is_exact(n_classes: int, shots: int) -> None:
    support, _ = clusters(n_classes, shots)
    points, basis = span(support)
    n_coordinates = min(support.shape)
    assert points.shape == (len(support), n_coordinates) and basis.shape == (n_coordinates, 64)
    np.testing.assert_allclose(points @ basis, support, atol=1e-6)
    np.testing.assert_allclose(basis @ basis.T, np.eye(n_coordinates), atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_does_not_depend_on_the_coordinates(kind: str) -> None:
    support, labels = clusters(3, 4)
    plain = fit_head(kind, support.astype(np.float64), labels, 64)
    spanned = fit(kind, support, labels)
    np.testing.assert_allclose(spanned.weights, plain.weights, atol=1e-3)
    np.testing.assert_allclose(spanned.bias, plain.bias, atol=1e-3)
