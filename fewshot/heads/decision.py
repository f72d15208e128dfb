"""Head, temperature and rejection, fitted and applied together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fewshot.errors import UsageError
from fewshot.heads.calibration import fit_temperature, softmax
from fewshot.heads.linear import PROTOTYPE, Labels, LinearHead, span
from fewshot.heads.rejection import Floats, Rejection, fit_rejection

if TYPE_CHECKING:
    from fewshot.heads.folds import Folds


@dataclass(frozen=True, eq=False)
class Decision:
    """How embeddings become answers."""

    head: LinearHead
    temperature: float  # the head's scores are divided by it before the softmax
    rejection: Rejection

    def decide(self, embeddings: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Answer for embeddings of length 1, shape (n_images, dim).

        Return probabilities, shape (n_images, n_classes), of which a row sums to 1 less the
        probability of the negatives; and which images are known, shape (n_images,).
        """
        logits = self.head.scores(embeddings) / np.float32(self.temperature)
        n_classes = len(self.rejection.prototypes)
        known = self.rejection.is_known(logits, embeddings)
        return softmax(logits)[:, :n_classes], known

    def decide_one(self, embedding: NDArray[np.float32]) -> tuple[NDArray[np.float32], bool]:
        """Answer for one embedding, (dim,): its probabilities, (n_classes,), and whether known."""
        probabilities, known = self.decide(embedding[np.newaxis])
        return probabilities[0], bool(known[0])


def fit_decision(
    kind: str,
    embeddings: Floats,
    labels: Labels,
    n_classes: int,
    reject_rate: float,
    *,
    same_person: tuple[float, ...] = (),
    groups: Labels | None = None,
    hashes: Sequence[str] | None = None,
    repeat: bool = True,
) -> tuple[Decision, Floats]:
    """Fit on the embeddings of a support set.

    Parameters
    ----------
    kind, embeddings
        One of `fewshot.heads.linear.HEADS`; of length 1, shape (n_images, dim).
    labels, n_classes
        Class numbers, shape (n_images,); `n_classes` for negatives.
    reject_rate : float
        The false rejection rate to aim at, in [0, 1).
    same_person : tuple of float
        As in `fewshot.backbones.backbone.Backbone`; "auto" then means "prototype".
    groups, repeat
        As for `fewshot.heads.folds.make_folds`; repeats make the held-out scores steadier.
    hashes : sequence of str, optional
        Of the images; with them the order of the images makes no difference.

    Returns
    -------
    Decision
    ndarray of float32, shape (n_images, n_classes) or (n_images, n_classes + 1)
        Calibrated scores, the mean of heads fitted without the image (out-of-fold, as the
        out-of-bag scores of Breiman 1996); rows of NaN for the only image of a class.
    """
    from fewshot.heads.folds import content_order, make_folds

    order = np.arange(len(labels)) if hashes is None else content_order(labels, hashes)
    embeddings, labels = embeddings[order], labels[order]
    groups = None if groups is None else groups[order]
    if kind == PROTOTYPE or (kind == "auto" and same_person):
        if not same_person:
            raise UsageError(
                "head 'prototype' needs embeddings whose similarity has a known meaning, as those "
                "of face_resnet; choose another head or backbone"
            )
        from fewshot.heads.prototype import SamePerson, fit_prototypes

        same = SamePerson(*same_person)
        decision, mean = fit_prototypes(embeddings, labels, n_classes, reject_rate, same, groups)
    else:
        folds = make_folds(embeddings, labels, n_classes, groups, repeat=repeat)
        decision, logits = _fit(kind, embeddings, labels, folds, n_classes, reject_rate)
        mean = logits.mean(axis=0)
    held_out = np.empty_like(mean)
    held_out[order] = mean
    return decision, held_out


def _fit(
    kind: str, embeddings: Floats, labels: Labels, folds: Folds, n_classes: int, rate: float
) -> tuple[Decision, Floats]:
    """Fit, and return the logits of all repeats."""
    from threadpoolctl import threadpool_limits

    from fewshot.heads.blend import fit_with_held_out

    # The matrices are small: several BLAS threads wait for each other longer than they compute.
    with threadpool_limits(1):
        points, basis = span(embeddings)
        head, scores = fit_with_held_out(kind, points, labels, embeddings.shape[1], folds.numbers)
        head = replace(head, weights=(head.weights @ basis).astype(np.float32))
        temperature = fit_temperature(kind, scores[0], labels)
        logits = scores / np.float32(temperature)
        rejection = fit_rejection(embeddings, labels, logits[0], n_classes, rate, folds.units)
    return Decision(head, temperature, rejection), logits
