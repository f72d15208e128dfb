"""Accuracy of held-out scores, with an interval that allows for how they were held out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fewshot.evaluation.metrics import (
    balanced_accuracy,
    confusion_matrix,
    wilson_interval,
)
from fewshot.heads.decision import Decision
from fewshot.heads.folds import Folds, make_folds
from fewshot.heads.linear import PROTOTYPE, Embeddings, Labels
from fewshot.heads.rejection import NEVER, false_rejection_interval


def measure_held_out(
    decision: Decision,
    held_out: NDArray[np.float32],
    embeddings: Embeddings,
    labels: Labels,
    groups: Labels | None = None,
    among: NDArray[np.bool_] | None = None,
) -> dict[str, float]:
    """Measure what `fewshot.heads.decision.fit_decision` returned for images, or some `among` them.

    Returns
    -------
    dict
        ``held_out_images held_out_correct accuracy_low accuracy_high``. If any image was held out,
        ``balanced_accuracy``, the mean recall of the classes, and ``held_out_shots``, of how
        many images of a class of median size heads were fitted: with all, accuracy is a little
        higher. If images are rejected, ``false_rejection_low false_rejection_high``, the interval
        of that rate. Of faces of one person those are correct that are not rejected, and
        ``target_false_rejection_rate`` is among the keys.
    """
    n_classes = len(decision.rejection.prototypes)
    folds = make_folds(embeddings, labels, n_classes, groups, repeat=False)
    tried = ~np.isnan(held_out[:, 0]) & (labels < n_classes) & (True if among is None else among)
    predicted = _predicted(held_out[tried], n_classes)
    alone = n_classes == 1 and decision.head.kind == PROTOTYPE
    if alone:  # nobody to be confused with
        from fewshot.heads.prototype import are_known

        predicted = np.where(are_known(decision, held_out[tried]), 0, 1)
    confusion = confusion_matrix(labels[tried], predicted, held_out.shape[1])
    correct, total = int(np.trace(confusion)), int(tried.sum())
    weight = held_out_weight(folds, tried)
    low, high = wilson_interval(correct * weight, total * weight)
    measured: dict[str, float] = {
        "held_out_images": float(total),
        "held_out_correct": float(correct),
        "accuracy_low": low,
        "accuracy_high": high,
    }
    if alone:
        measured["target_false_rejection_rate"] = decision.rejection.rate
    if total:
        measured["balanced_accuracy"] = balanced_accuracy(confusion)
        measured["held_out_shots"] = float(folds.shots)
    if decision.rejection.threshold > NEVER:
        rates = false_rejection_interval(folds.count(tried), decision.rejection.rate)
        measured["false_rejection_low"], measured["false_rejection_high"] = rates
    return measured


def held_out_weight(folds: Folds, tried: NDArray[np.bool_]) -> float:
    """Return how much a held-out image counts in an interval of accuracy, compared with a new one.

    Near duplicates count once, and the variance is 1 + k / (k - 1) times that of new images at k
    folds, as heads that share images err alike (Nadeau and Bengio 2003).
    """
    if not tried.any():
        return 0.0
    return folds.count(tried) / int(tried.sum()) / (1 + folds.n_folds / (folds.n_folds - 1))


def count_by_class(
    held_out: NDArray[np.float32], labels: Labels, classes: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Count, for each class, the held-out images that get their own label, and all of them."""
    tried = ~np.isnan(held_out[:, 0])
    right = tried & (_predicted(held_out, len(classes)) == labels)
    return {
        name: (int(right[labels == number].sum()), int(tried[labels == number].sum()))
        for number, name in enumerate(classes)
    }


def _predicted(held_out: NDArray[np.float32], n_classes: int) -> Labels:
    """Return the best class, as an answer does; of one class, whether it is above the negatives."""
    columns = n_classes if n_classes > 1 else held_out.shape[1]
    return np.asarray(held_out[:, :columns].argmax(axis=1))
