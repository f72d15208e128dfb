"""The methods that the benchmark compares with, against scikit-learn and Keras where they agree."""

import numpy as np
import pytest
from numpy.typing import NDArray
from peers import (
    PEERS,
    autogluon_svm,
    dense_adam,
    imprinting,
    knn3,
    l2n,
    linear_svm,
    logistic_tian,
    nearest_mean,
    shrinkage_lda,
    train_dense,
    with_ones,
)
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

Points = NDArray[np.float32]
Labels = NDArray[np.int64]


def draw(
    classes: int, shots: int, noise: float, dim: int = 1280, queries: int = 5
) -> tuple[Points, Labels, Points, Labels]:
    """Draw rectified points; each class is active in dimensions of its own."""
    chance = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), shots + queries)
    active = np.arange(dim) % classes == labels[:, None]
    points = np.maximum(2 * active + noise * chance.normal(size=(len(labels), dim)), 0)
    known = np.arange(len(labels)) % (shots + queries) < shots
    points = points.astype(np.float32)
    return points[known], labels[known], points[~known], labels[~known]


def unit(points: Points) -> Points:
    """Scale rows to unit length."""
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("shots", [1, 5])
@pytest.mark.parametrize("name", PEERS)
def test_separates_clusters(name: str, shots: int, classes: int) -> None:
    support, labels, query, expected = draw(classes, shots, noise=0.3)
    probabilities = PEERS[name](support, labels, query)
    assert probabilities.shape == (len(query), classes) and probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities.min() >= 0
    np.testing.assert_array_equal(probabilities.argmax(axis=1), expected)


# All but the one that sees the images in batches.
@pytest.mark.parametrize("name", sorted(PEERS.keys() - {"Dense + Adam"}))
def test_does_not_depend_on_the_order_of_the_support(name: str) -> None:
    support, labels, query, _ = draw(4, 5, noise=4)
    order = np.random.default_rng(1).permutation(len(labels))
    np.testing.assert_allclose(
        PEERS[name](support[order], labels[order], query),
        PEERS[name](support, labels, query),
        atol=2e-3,
    )


def test_nearest_mean_is_nearest_centroid() -> None:
    support, labels, query, _ = draw(4, 5, noise=6, queries=20)
    given = nearest_mean(support, labels, query).argmax(axis=1)
    np.testing.assert_array_equal(given, NearestCentroid().fit(support, labels).predict(query))


def test_nearest_mean_is_a_softmax_of_squared_distances() -> None:
    support, labels, query, _ = draw(3, 2, noise=0.2, dim=6)
    means = np.stack([support[labels == label].mean(axis=0) for label in range(3)])
    powers = np.exp(-((query[:, None] - means) ** 2).sum(axis=2))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(nearest_mean(support, labels, query), expected, rtol=1e-4)


@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_tian_is_logistic_regression_without_the_span(classes: int) -> None:
    support, labels, query, _ = draw(classes, 5, noise=2)
    with threadpool_limits(1):
        model = LogisticRegression(C=1, max_iter=1000).fit(unit(support), labels)
        expected = model.predict_proba(unit(query))
    np.testing.assert_allclose(logistic_tian(support, labels, query), expected, atol=1e-3)


def test_linear_svm_is_linear_svc_without_the_span() -> None:
    support, labels, query, _ = draw(4, 5, noise=2)
    with threadpool_limits(1):
        model = LinearSVC(random_state=0, tol=1e-6, max_iter=10_000).fit(unit(support), labels)
    powers = np.exp(model.decision_function(unit(query)))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(linear_svm(support, labels, query), expected, atol=1e-3)


def test_autogluon_svm_treats_two_classes_alike() -> None:
    support, labels, query, _ = draw(2, 5, noise=4)
    np.testing.assert_allclose(
        autogluon_svm(support, 1 - labels, query)[:, ::-1],
        autogluon_svm(support, labels, query),
        atol=1e-3,
    )


@pytest.mark.parametrize(("classes", "shots"), [(4, 5), (2, 1)])
def test_knn3_gives_the_votes_of_k_neighbors(classes: int, shots: int) -> None:
    support, labels, query, _ = draw(classes, shots, noise=6, queries=20)
    model = KNeighborsClassifier(min(3, len(labels)), metric="cosine").fit(support, labels)
    expected = model.predict_proba(query)
    np.testing.assert_allclose(knn3(support, labels, query), expected, atol=1e-5)


def test_knn3_gives_a_tie_to_the_most_similar() -> None:
    support = np.array([[3, 1], [1, 1], [1, 3]], np.float32)
    query = np.array([[0, 1], [1, 1.1], [1, 0]], np.float32)
    assert knn3(support, np.arange(3), query).argmax(axis=1).tolist() == [2, 1, 0]


def test_imprinting_at_one_shot_ranks_as_l2n() -> None:
    support, labels, query, _ = draw(4, 1, noise=6, queries=20)
    given, expected = imprinting(support, labels, query), l2n(support, labels, query)
    np.testing.assert_array_equal(given.argsort(axis=1), expected.argsort(axis=1))


@pytest.mark.parametrize("dim", [12, 60])
def test_shrinkage_lda_is_discriminant_analysis_of_that_shrinkage(dim: int) -> None:
    support, labels, query, _ = draw(4, 5, noise=2, dim=dim)
    # Noise of one size in all dimensions would be shrunk all the way.
    sizes = np.geomspace(0.01, 10, dim, dtype=np.float32)
    support, query = support * sizes, query * sizes
    points, asked = unit(np.sqrt(support)).astype(float), unit(np.sqrt(query)).astype(float)
    means = np.stack([points[labels == label].mean(axis=0) for label in range(4)])
    share = ledoit_wolf_shrinkage(points - means[labels], assume_centered=True)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=share).fit(points, labels)
    expected = model.predict_proba(asked)
    assert 0.01 < share < 0.9
    np.testing.assert_allclose(shrinkage_lda(support, labels, query), expected, atol=1e-5)


def test_shrinkage_lda_takes_copies_for_one_image() -> None:
    support, labels, query, _ = draw(4, 1, noise=2)
    once = shrinkage_lda(support, labels, query)
    twice = shrinkage_lda(np.repeat(support, 2, axis=0), np.repeat(labels, 2), query)
    np.testing.assert_allclose(twice, once, atol=1e-6)


def layer_to_train() -> tuple[Points, NDArray[np.float64], NDArray[np.float64], list[Labels]]:
    """Give points, targets, a layer, and one epoch of batches in order, the last one short."""
    support, labels, _, _ = draw(4, 10, noise=2, dim=50)
    start = np.vstack([np.random.default_rng(1).uniform(-0.3, 0.3, (50, 4)), np.zeros(4)])
    return support, np.eye(4)[labels], start, [np.arange(0, 32), np.arange(32, 40)]


def test_dense_layer_learns() -> None:
    support, targets, start, epoch = layer_to_train()
    losses = []
    for epochs in (0, 1, 5, 20):
        logits = with_ones(support) @ train_dense(support, targets, start, epoch * epochs)
        losses.append((np.log(np.exp(logits).sum(axis=1)) - (logits * targets).sum(axis=1)).mean())
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.8 * losses[0]


def test_first_step_of_adam_is_the_rate_whatever_the_gradient() -> None:
    support, targets, start, _ = layer_to_train()
    moved = train_dense(support, targets, start, [np.arange(40)]) - start
    np.testing.assert_allclose(np.abs(moved), 1e-3, rtol=1e-3)


def test_dense_adam_gives_the_same_answer_twice() -> None:
    support, labels, query, _ = draw(4, 5, noise=4)
    once, twice = (dense_adam(support, labels, query) for _ in range(2))
    np.testing.assert_array_equal(once, twice)


def test_dense_layer_is_trained_as_by_keras() -> None:
    keras = pytest.importorskip("keras")
    support, targets, start, epoch = layer_to_train()
    layer = keras.layers.Dense(4, activation="softmax")
    model = keras.Sequential([keras.Input((50,)), layer])
    layer.set_weights([start[:-1], start[-1]])
    # Keras adds its epsilon before the square root is unbiased; small enough, it does not matter.
    model.compile(keras.optimizers.Adam(1e-3, epsilon=1e-8), "categorical_crossentropy")
    model.fit(support, targets, batch_size=32, epochs=30, shuffle=False, verbose=0)
    expected = np.vstack(layer.get_weights())
    given = train_dense(support, targets, start, epoch * 30)
    assert np.abs(given - start).max() > 0.02
    np.testing.assert_allclose(given, expected, atol=1e-4)
