"""Own the published methods that the benchmark compares with, each as its paper or program says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from threadpoolctl import threadpool_limits

Floats: TypeAlias = NDArray[np.float64]
Points: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int64]
Kind = TypeVar("Kind", np.float32, np.float64)

IMPRINTING_SCALE = 10.0
ADAM_RATE, ADAM_DECAY_1, ADAM_DECAY_2, ADAM_EPSILON = 1e-3, 0.9, 0.999, 1e-8
EPOCHS, BATCH = 30, 32


class Method(Protocol):
    """A way to classify query embeddings by a few labelled ones."""

    def __call__(self, support: Points, labels: Labels, query: Points) -> Floats:
        """Fit on the support set and answer for the query set.

        Parameters
        ----------
        support : ndarray of float32, shape (n_support, dim)
            As a backbone returns them.
        labels : ndarray of int64, shape (n_support,)
            Class numbers, every one from 0 to n_classes - 1 present; two classes or more.
        query : ndarray of float32, shape (n_query, dim)

        Returns
        -------
        ndarray of float64, shape (n_query, n_classes)
            Probabilities as the method itself defines them, not calibrated: rows in [0, 1] that
            sum to 1. The highest is the predicted class.
        """


def nearest_mean(support: Points, labels: Labels, query: Points) -> Floats:
    """Compare with class means (SimpleShot UN: Wang et al. 2019).

    The probabilities are those of prototypical networks (Snell, Swersky and Zemel 2017): the
    softmax of negative squared distances.
    """
    asked, means = query.astype(np.float64), _class_means(support, labels)
    # The query's own squared length is the same for every class, so softmax drops it.
    return _softmax(2 * asked @ means.T - (means**2).sum(axis=1))


def l2n(support: Points, labels: Labels, query: Points) -> Floats:
    """Scale embeddings to unit length, then compare with class means (SimpleShot L2N)."""
    return nearest_mean(_unit(support), labels, _unit(query))


def cl2n(support: Points, labels: Labels, query: Points) -> Floats:
    """Centre embeddings, then as `l2n` (SimpleShot CL2N).

    The paper centres by the mean of the base classes that the network was trained on. Those
    images are not at hand, so the mean of the support set stands in.
    """
    centre = support.mean(axis=0)
    return l2n(support - centre, labels, query - centre)


def logistic_raw(support: Points, labels: Labels, query: Points) -> Floats:
    """Fit scikit-learn's logistic regression on embeddings as they are, C = 1."""
    return _logistic(support, labels, query, C=1.0)


def logistic_tian(support: Points, labels: Labels, query: Points) -> Floats:
    """Fit logistic regression on embeddings of unit length, C = 1 (Tian et al. 2020).

    Without the augmented copies of the support images that the paper's evaluation adds.
    """
    return _logistic(_unit(support), labels, _unit(query), C=1.0)


def logistic_l2_c100(support: Points, labels: Labels, query: Points) -> Floats:
    """Fit logistic regression on embeddings of unit length with a weak penalty, C = 100."""
    return _logistic(_unit(support), labels, _unit(query), C=100.0)


def knn3(support: Points, labels: Labels, query: Points) -> Floats:
    """Let the three most similar embeddings vote (the KNN classifier of TensorFlow.js).

    Similarity is the cosine. Where TensorFlow.js settles a tie by the order of the classes, the
    more similar neighbour wins here, by a millionth of a vote.
    """
    similarity = _unit(query).astype(np.float64) @ _unit(support).T
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :3]
    votes = 1 + 1e-6 * np.take_along_axis(similarity, nearest, axis=1)
    shares = np.einsum("qk,qkc->qc", votes, _one_hot(labels)[nearest])
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def linear_svm(support: Points, labels: Labels, query: Points) -> Floats:
    """Fit scikit-learn's LinearSVC on embeddings of unit length, C = 1 (Fan et al. 2008).

    One class against the rest; the probabilities are the softmax of the decision values.
    """
    points, asked = _rotate(_unit(support), _unit(query))
    with threadpool_limits(1):
        model = LinearSVC(C=1.0, random_state=0, max_iter=10_000).fit(points, labels)
    return _softmax(_by_class(model.decision_function(asked)))


def autogluon_svm(support: Points, labels: Labels, query: Points) -> Floats:
    """Fit the SVM of AutoGluon's problem type `few_shot_classification` (Tang et al. 2024).

    It is not linear: each dimension is standardised, then scikit-learn's SVC with a Gaussian
    kernel, gamma = 1 / dim and C = 1. The probabilities are the softmax of the decision values.
    """
    with threadpool_limits(1):
        model = make_pipeline(StandardScaler(), SVC(gamma="auto")).fit(support, labels)
        return _softmax(_by_class(model.decision_function(query)))


def imprinting(support: Points, labels: Labels, query: Points) -> Floats:
    """Take normalised means of normalised embeddings for weights (Qi, Brown and Lowe 2018).

    The paper learns the scale of the cosines with its network; a frozen one has none, so it is
    10, where public code starts the training. It decides the probabilities, not the classes.
    """
    weights = _unit(_class_means(_unit(support), labels))
    return _softmax(IMPRINTING_SCALE * _unit(query) @ weights.T)


def shrinkage_lda(support: Points, labels: Labels, query: Points) -> Floats:
    """Fit linear discriminant analysis on unit-length square roots, the covariance shrunk.

    The covariance within classes is drawn towards a multiple of the identity as far as Ledoit
    and Wolf (2004) estimate; it is pooled before that, as single classes are too small. At one
    image a class there is none, and the nearest mean is left.
    """
    roots, query_roots = _signed_root(support), _signed_root(query)
    points, asked = _rotate(_unit(roots), _unit(query_roots))
    means = _class_means(points, labels)
    within = points - means[labels]
    if np.allclose(within, 0):
        return l2n(roots, labels, query_roots)
    with threadpool_limits(1):
        weights = np.linalg.solve(_shrunk_covariance(within, support.shape[1]), means.T)
    bias = np.log(np.bincount(labels) / len(labels)) - 0.5 * (means.T * weights).sum(axis=0)
    return _softmax(asked @ weights + bias)


def dense_adam(support: Points, labels: Labels, query: Points) -> Floats:
    """Train a dense softmax layer on embeddings as they are, as tutorials do.

    Adam at its defaults, batches of 32, 30 epochs, Glorot-uniform weights (Glorot and Bengio
    2010) and no bias at first; one seed for weights and order.
    """
    chance, targets = np.random.default_rng(0), _one_hot(labels)
    shape = (support.shape[1], targets.shape[1])
    limit = np.sqrt(6 / sum(shape))
    start = np.vstack([chance.uniform(-limit, limit, shape), np.zeros(shape[1])])
    orders = (chance.permutation(len(labels)) for _ in range(EPOCHS))
    batches = (order[i : i + BATCH] for order in orders for i in range(0, len(order), BATCH))
    with threadpool_limits(1):
        layer = train_dense(support, targets, start, batches)
    return _softmax(with_ones(query) @ layer)


def train_dense(
    support: Points, targets: Floats, start: Floats, batches: Iterable[Labels]
) -> Floats:
    """Minimise the cross-entropy of a softmax layer by Adam (Kingma and Ba 2015, algorithm 1).

    Parameters
    ----------
    support : ndarray of float32, shape (n_support, dim)
    targets : ndarray of float64, shape (n_support, n_classes)
        One 1 a row.
    start : ndarray of float64, shape (dim + 1, n_classes)
        Weights, and biases in the last row; left as they are.
    batches : iterable of ndarray of int64, shape (n_batch,)
        Which rows each step sees.

    Returns
    -------
    ndarray of float64, shape (dim + 1, n_classes)
        The layer after all steps.
    """
    points, layer = with_ones(support), start.copy()
    mean, square = np.zeros_like(layer), np.zeros_like(layer)
    for step, batch in enumerate(batches, start=1):
        error = _softmax(points[batch] @ layer) - targets[batch]
        gradient = points[batch].T @ error / len(batch)
        mean = ADAM_DECAY_1 * mean + (1 - ADAM_DECAY_1) * gradient
        square = ADAM_DECAY_2 * square + (1 - ADAM_DECAY_2) * gradient**2
        unbiased_mean = mean / (1 - ADAM_DECAY_1**step)
        unbiased_square = square / (1 - ADAM_DECAY_2**step)
        layer -= ADAM_RATE * unbiased_mean / (np.sqrt(unbiased_square) + ADAM_EPSILON)
    return layer


def with_ones(points: Points) -> Floats:
    """Append a column of ones, so that the last row of a layer is its bias."""
    return np.column_stack([points, np.ones(len(points))])


PEERS: dict[str, Method] = {
    "nearest mean": nearest_mean,
    "SimpleShot L2N": l2n,
    "SimpleShot CL2N": cl2n,
    "LR raw": logistic_raw,
    "LR L2 C=1": logistic_tian,
    "LR L2 C=100": logistic_l2_c100,
    "3-NN cosine": knn3,
    "linear SVM": linear_svm,
    "AutoGluon SVM": autogluon_svm,
    "imprinting": imprinting,
    "shrinkage LDA": shrinkage_lda,
    "Dense + Adam": dense_adam,
}


def _logistic(support: Points, labels: Labels, query: Points, C: float) -> Floats:
    """Fit multinomial logistic regression with an L2 penalty."""
    points, asked = _rotate(support, query)
    model = LogisticRegression(C=C, solver="newton-cg", max_iter=1000)
    # The matrices are small: several BLAS threads wait for each other longer than they compute.
    with threadpool_limits(1):
        return np.asarray(model.fit(points, labels).predict_proba(asked))


def _rotate(support: Points, query: Points) -> tuple[Floats, Floats]:
    """Express both in an orthonormal basis of the support's span.

    For methods that do not change under rotation and have no weights outside the span, as with an
    L2 penalty: n images then cost n coordinates instead of dim, and the answers are the same.
    """
    if len(support) >= support.shape[1]:
        return support.astype(np.float64), query.astype(np.float64)
    with threadpool_limits(1):
        basis, coordinates = np.linalg.qr(support.T.astype(np.float64))
        return coordinates.T, query @ basis


def _shrunk_covariance(within: Floats, dim: int) -> Floats:
    """Estimate the covariance in dim dimensions, and give the part of it that the points span."""
    padded = np.pad(within, ((0, 0), (0, dim - within.shape[1])))
    share = ledoit_wolf_shrinkage(padded, assume_centered=True)
    variance = (within**2).sum() / (len(within) * dim)
    sample = within.T @ within / len(within)
    return np.asarray((1 - share) * sample + share * variance * np.eye(len(sample)))


def _by_class(decisions: Floats) -> Floats:
    """Give decision values a column per class; of two, scikit-learn keeps the second one's."""
    return decisions if decisions.ndim == 2 else np.column_stack([-decisions, decisions])


def _class_means(points: Points | Floats, labels: Labels) -> Floats:
    """Average the points of each class."""
    targets = _one_hot(labels)
    return np.asarray(targets.T @ points / targets.sum(axis=0)[:, None])


def _one_hot(labels: Labels) -> Floats:
    """Give each label a row with a single 1."""
    return np.eye(int(labels.max()) + 1)[labels]


def _unit(points: NDArray[Kind]) -> NDArray[Kind]:
    """Scale rows to unit length; a row of zeros stays as it is."""
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points / np.where(lengths > 0, lengths, 1))


def _signed_root(points: Points) -> Points:
    """Take square roots; of negative numbers, which some networks give, minus their size's."""
    return np.asarray(np.sign(points) * np.sqrt(np.abs(points)))


def _softmax(logits: Floats) -> Floats:
    """Turn logits into probabilities along rows."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
