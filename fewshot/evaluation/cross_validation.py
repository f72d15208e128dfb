"""Measure a classifier on images it was not fitted on: its support set held out, or others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot._parallel import Progress
from fewshot.artifact import Artifact, SupportRecord
from fewshot.errors import ImageError, SupportError
from fewshot.evaluation import metrics
from fewshot.evaluation.held_out import held_out_weight
from fewshot.heads.calibration import softmax
from fewshot.heads.decision import Decision, fit_decision
from fewshot.heads.folds import Folds, content_order, make_folds
from fewshot.heads.linear import Labels
from fewshot.prediction import Evidence

# Up to so many classes each is left out to serve as OOD images.
_MOST_OOD_CLASSES = 20


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Answers for labelled images that were not fitted on."""

    protocol: str  # how the images were kept from the fit
    classes: tuple[str, ...]
    names: tuple[str, ...]  # of the images
    truth: Labels  # class numbers: (n_images,)
    probabilities: NDArray[np.float32]  # (n_images, n_classes)
    known: NDArray[np.bool_]  # (n_images,)
    reject_rate: float  # the rate of False in `known` that was asked for
    ood_known: NDArray[np.bool_]  # of images of classes that were not fitted on: (n_ood_images,)
    evidence: Mapping[int, Evidence]  # of each wrong answer, by the position of its image
    skipped: tuple[ImageError, ...] = ()  # images that could not be read
    fitted_on: tuple[str, ...] = ()  # names of images that are not counted, as they were fitted on
    weight: float = 1.0  # of an image in intervals; less if the heads share training images

    def __repr__(self) -> str:
        found = (
            f"{self.protocol}: {np.trace(self.confusion)} of {len(self.truth)} images right, "
            f"{len(self.classes)} classes"
        )
        return f"<Evaluation, {found}>"

    @cached_property
    def predicted(self) -> Labels:
        """Class numbers, shape (n_images,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @cached_property
    def confusion(self) -> Labels:
        """Counts of images by class (rows) and prediction (columns)."""
        return metrics.confusion_matrix(self.truth, self.predicted, len(self.classes))

    def interval(self, count: int) -> tuple[float, float]:
        """Return the 95 % interval of the rate of images of which there are `count`."""
        return metrics.wilson_interval(count * self.weight, len(self.truth) * self.weight)

    @property
    def weakest(self) -> str | None:
        """The class of the lowest recall, the most confused on a tie; None without mistakes."""
        number = metrics.weakest_class(self.confusion)
        return None if number is None else self.classes[number]

    def to_dict(self) -> dict[str, Any]:
        """Return every figure, in types that JSON knows; rates in [0, 1].

        ``ood_rejection_rate`` is None without OOD images.
        """
        total, correct = len(self.truth), int(np.trace(self.confusion))
        low, high = self.interval(correct)
        n_ood = len(self.ood_known)
        return {
            "protocol": self.protocol,
            "fitted_on": len(self.fitted_on),
            "images": total,
            "correct": correct,
            "accuracy": correct / total,
            "accuracy_low": low,
            "accuracy_high": high,
            "balanced_accuracy": metrics.balanced_accuracy(self.confusion),
            "calibration_error": metrics.calibration_error(self.probabilities, self.truth),
            "log_loss": metrics.log_loss(self.probabilities, self.truth),
            "reject_rate": self.reject_rate,
            "false_rejection_rate": float(1 - self.known.mean()),
            "ood_images": n_ood,
            "ood_rejection_rate": float(1 - self.ood_known.mean()) if n_ood else None,
            "classes": self._per_class(),
            "weakest": self.weakest,
            "confusion": self.confusion.tolist(),
            "mistakes": self._mistakes(),
        }

    def _per_class(self) -> dict[str, dict[str, float]]:
        rows = {}
        for i, label in enumerate(self.classes):
            right, images = int(self.confusion[i, i]), int(self.confusion[i].sum())
            predicted = int(self.confusion[:, i].sum())
            rows[label] = {
                "images": images,
                "precision": right / predicted if predicted else 0.0,
                "recall": right / images if images else 0.0,
            }
        return rows

    def _mistakes(self) -> list[dict[str, Any]]:
        """List wrong answers, the most probable first."""
        highest = self.probabilities.max(axis=1)
        wrong = np.flatnonzero(self.predicted != self.truth)
        return [
            {
                "image": self.names[i],
                "truth": self.classes[self.truth[i]],
                "label": self.classes[self.predicted[i]],
                "probability": float(highest[i]),
                "known": bool(self.known[i]),
                "nearest": self.evidence[i].to_dict()["nearest"],
            }
            for i in wrong[np.argsort(-highest[wrong])]
        ]


def cross_validate(artifact: Artifact, progress: Progress | None = None) -> Evaluation:
    """Answer for every training image with classifiers fitted without it.

    The probabilities are those that `fewshot.training.fit` measured; which images are known, and
    which OOD images, is found by fitting without each fold, and without each class in turn.

    Parameters
    ----------
    artifact : Artifact
        A fitted classifier.
    progress : callable, optional
        Called with the number of fits done and to do.

    Raises
    ------
    SupportError
        If no class has two images.
    """
    support, n_classes = artifact.support, len(artifact.classes)
    folds = _folds(support, n_classes)
    tried = (folds.numbers[0] >= 0) & (support.labels < n_classes)
    ood_classes = range(n_classes) if 3 <= n_classes <= _MOST_OOD_CLASSES else range(0)
    step = _counter(progress, 1 + folds.n_folds + len(ood_classes))
    held_out = _fit(artifact, support, n_classes, repeat=True)[1]
    step()
    known = np.ones(len(tried), bool)
    for fold in range(folds.n_folds):
        held = tried & (folds.numbers[0] == fold)
        known[held] = _known(artifact, held, n_classes)
        step()
    ood_known = [np.zeros(0, bool)]
    for label in ood_classes:
        ood_known.append(_known(artifact, support.labels == label, n_classes - 1))
        step()
    query, probabilities = support.take(tried), softmax(held_out[tried])[:, :n_classes]
    return Evaluation(
        protocol=f"{len(folds.numbers)} x {folds.n_folds}-fold cross-validation",
        classes=artifact.classes,
        names=query.names,
        truth=query.labels,
        probabilities=probabilities,
        known=known[tried],
        reject_rate=artifact.decision.rejection.rate,
        ood_known=np.concatenate(ood_known),
        evidence=_evidence_of_mistakes(
            artifact, query, probabilities, (folds.units, folds.units[tried])
        ),
        weight=held_out_weight(folds, tried),
    )


def _folds(support: SupportRecord, n_classes: int) -> Folds:
    """Divide the support set as its classifier does when it is fitted."""
    order = content_order(support.labels, support.hashes)
    rows, back = support.take(order), np.argsort(order)
    folds = make_folds(rows.embeddings, rows.labels, n_classes, rows.groups)
    folds = replace(folds, numbers=folds.numbers[:, back], units=folds.units[back])
    if (folds.numbers[:, support.labels < n_classes] < 0).all():
        raise SupportError(
            "no class has two different images, so none can be held out to measure with; add "
            "images, or measure on others: fewshot evaluate DATA --test DIR"
        )
    return folds


def evaluate_on(artifact: Artifact, query: SupportRecord, protocol: str) -> Evaluation:
    """Answer for other labelled images; a label of n_classes marks OOD images.

    Raises
    ------
    SupportError
        If no image is of a class of the classifier.
    """
    probabilities, known = artifact.decision.decide(query.embeddings)
    own = query.labels < len(artifact.classes)
    if not own.any():
        raise SupportError(
            f"{protocol}: no image of a class that was fitted on ({', '.join(artifact.classes)})"
        )
    genuine = query.take(own)
    return Evaluation(
        protocol=protocol,
        classes=artifact.classes,
        names=genuine.names,
        truth=genuine.labels,
        probabilities=probabilities[own],
        known=known[own],
        reject_rate=artifact.decision.rejection.rate,
        ood_known=known[~own],
        evidence=_evidence_of_mistakes(artifact, genuine, probabilities[own]),
    )


def _counter(progress: Progress | None, total: int) -> Callable[[], None]:
    """Make a function that reports one more step of `total` at each call."""
    done = count(1)
    return lambda: progress(next(done), total) if progress else None


def _evidence_of_mistakes(
    artifact: Artifact,
    query: SupportRecord,
    probabilities: NDArray[np.float32],
    units: tuple[Labels, Labels] | None = None,
) -> dict[int, Evidence]:
    """Find the evidence of wrong answers: not images of the same unit, of the support and query."""
    predicted, support = probabilities.argmax(axis=1), artifact.support
    found = {}
    for i in np.flatnonzero(predicted != query.labels).tolist():
        others = support if units is None else support.take(units[0] != units[1][i])
        found[i] = others.nearest(artifact.classes, query.embeddings[i], int(predicted[i]))
    return found


def _known(artifact: Artifact, held: NDArray[np.bool_], n_classes: int) -> NDArray[np.bool_]:
    """Tell which images are known to a classifier that is fitted without them."""
    kept = artifact.support.take(~held)
    _, labels = np.unique(kept.labels, return_inverse=True)  # a class may be gone
    kept = replace(kept, labels=labels.astype(np.int64))
    decision, _ = _fit(artifact, kept, n_classes)
    return decision.decide(artifact.support.embeddings[held])[1]


def _fit(
    artifact: Artifact,
    support: SupportRecord,
    n_classes: int,
    *,
    repeat: bool = False,
) -> tuple[Decision, NDArray[np.float32]]:
    """Fit as the classifier was."""
    decision = artifact.decision
    return fit_decision(
        decision.head.kind,
        support.embeddings,
        support.labels,
        n_classes,
        decision.rejection.rate,
        groups=support.groups,
        hashes=support.hashes,
        repeat=repeat,
        same_person=artifact.backbone.same_person,
    )
