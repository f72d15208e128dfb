"""Rejection of out-of-distribution images, which belong to no class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot.heads.linear import Labels

Floats = NDArray[np.float32]

REJECT_RATE = 0.05
# A threshold below any confidence: nothing is rejected.
NEVER = -1e9


@dataclass(frozen=True, eq=False)
class Rejection:
    """Reject an image whose confidence is below a threshold."""

    # Mean embedding of each class, of length 1 or such that one threshold suits all classes:
    # (n_classes, dim).
    prototypes: Floats
    units: Floats  # standard deviation of each term of the confidence: (2,) or (3,)
    threshold: float
    rate: float  # the false rejection rate it was chosen for

    def is_known(self, logits: Floats, embeddings: Floats) -> NDArray[np.bool_]:
        """Return which images are not rejected, shape (n_images,)."""
        return self.confidence(logits, embeddings) >= self.threshold

    def confidence(self, logits: Floats, embeddings: Floats) -> Floats:
        """Score how well each image fits the classes: unbounded, shape (n_images,).

        It adds up the margin of the best class over the mean (maximum logit: Hendrycks et al.
        2022), the similarity to the nearest prototype and, if there were negatives, the margin of
        the best class over them, which are the last column of the logits.
        """
        # Each in units of its spread among genuine images. The first two together rank better than
        # either: at 10 images a class an AUROC of 0.86 against other classes of the same set, and
        # of 0.98 against other sets.
        similarity = (embeddings @ self.prototypes.T).max(axis=1)
        terms = _terms(logits, similarity, len(self.prototypes))
        return np.asarray((terms / self.units).sum(axis=1), np.float32)


def fit_rejection(
    embeddings: Floats,
    labels: Labels,
    logits: Floats,
    n_classes: int,
    rate: float,
    units: Labels,
) -> Rejection:
    """Choose the threshold at which a given rate of genuine images is rejected.

    The logits are calibrated held-out scores, with rows of NaN where there are none; `units` are
    those of `fewshot.heads.folds.Folds`. Nothing is rejected at a rate of 0 or with fewer than two
    held-out images.
    """
    genuine = labels < n_classes
    sums = np.stack([embeddings[labels == label].sum(axis=0) for label in range(n_classes)])
    prototypes = np.asarray(_unit(sums), np.float32)
    held = genuine & ~np.isnan(logits[:, 0])
    if rate == 0 or held.sum() < 2:
        width = 2 + logits.shape[1] - n_classes
        return Rejection(prototypes, np.ones(width, np.float32), NEVER, rate)
    copies = np.zeros((units.max() + 1, embeddings.shape[1]), np.float32)
    np.add.at(copies, units, embeddings)
    left = sums[labels[held]] - copies[units[held]]
    similarity = _held_out_similarity(embeddings[held], labels[held], sums, left)
    terms = _terms(logits[held], similarity, n_classes)
    spreads = np.asarray(np.maximum(terms.std(axis=0), 1e-6), np.float32)
    return Rejection(prototypes, spreads, _threshold((terms / spreads).sum(axis=1), rate), rate)


def _threshold(confidence: Floats, rate: float) -> float:
    """Estimate below which confidence a given rate of new images lies."""
    n = len(confidence)
    if rate * (n + 1) >= 1:
        # Of n images the k-th lowest has k / (n + 1) of all others below it, on the average.
        return float(np.quantile(confidence, rate, method="weibull"))
    # The lowest has more than the rate below it. Instead, the tail of a normal distribution of
    # which mean and deviation are estimated (Student's t).
    from scipy.special import stdtrit

    tail = stdtrit(n - 1, rate) * np.sqrt(1 + 1 / n)
    return float(confidence.mean() + tail * confidence.std(ddof=1))


def false_rejection_interval(n_images: int, rate: float) -> tuple[float, float]:
    """Return where the false rejection rate lies with a probability of 95 %, in [0, 1].

    The threshold is an order statistic of the confidence of `n_images` held-out images, so the
    part of new images below it has a beta distribution, whose mean is the rate aimed at.
    """
    if not rate or n_images < 2:
        return 0.0, 0.0
    from scipy.special import betaincinv

    rank = rate * (n_images + 1)
    low, high = betaincinv(rank, n_images + 1 - rank, (0.025, 0.975))
    return float(low), float(high)


def _terms(logits: Floats, similarity: Floats, n_classes: int) -> Floats:
    """Return the terms of the confidence before they are scaled, one column each."""
    best = logits[:, :n_classes].max(axis=1)
    over_negatives = [best - logits[:, n_classes]] if logits.shape[1] > n_classes else []
    return np.stack([best - logits.mean(axis=1), similarity, *over_negatives], axis=1)


def _held_out_similarity(embeddings: Floats, labels: Labels, sums: Floats, left: Floats) -> Floats:
    """Compare images with the nearest prototype, that of their own class being what is left."""
    similarity = embeddings @ _unit(sums).T
    rows = np.arange(len(labels))
    similarity[rows, labels] = (embeddings * _unit(left)).sum(axis=1)
    return np.asarray(similarity.max(axis=1), np.float32)


def _unit(vectors: Floats) -> Floats:
    """Scale rows to length 1, except zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
