"""Measure a classifier on images it was not fitted on: its support set held out, or others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot._parallel import Progress
from fewshot.artifact import Artifact, SupportRecord
from fewshot.errors import ImageError, SupportError
from fewshot.evaluation import metrics
from fewshot.heads.decision import Decision, fit_decision
from fewshot.heads.folds import assign_folds
from fewshot.heads.linear import Labels
from fewshot.prediction import Evidence

# Up to so many images each is held out by itself; that many fits take a few seconds.
_LEAVE_ONE_OUT = 60
_FOLDS = 10
# Up to so many classes each is left out to serve as OOD images.
_MOST_OOD_CLASSES = 20


@dataclass(frozen=True)
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

    @cached_property
    def predicted(self) -> Labels:
        """Class numbers, shape (n_images,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @cached_property
    def confusion(self) -> Labels:
        """Counts of images by class (rows) and prediction (columns)."""
        return metrics.confusion_matrix(self.truth, self.predicted, len(self.classes))

    def to_dict(self) -> dict[str, Any]:
        """Return every figure, in types that JSON knows; rates in [0, 1].

        ``ood_rejection_rate`` is None without OOD images.
        """
        total, correct = len(self.truth), int(np.trace(self.confusion))
        low, high = metrics.wilson_interval(correct, total)
        per_class = self._per_class()
        recalls = [row["recall"] for row in per_class.values() if row["images"]]
        n_ood = len(self.ood_known)
        return {
            "protocol": self.protocol,
            "fitted_on": len(self.fitted_on),
            "images": total,
            "correct": correct,
            "accuracy": correct / total,
            "accuracy_low": low,
            "accuracy_high": high,
            "balanced_accuracy": float(np.mean(recalls)),
            "calibration_error": metrics.calibration_error(self.probabilities, self.truth),
            "log_loss": metrics.log_loss(self.probabilities, self.truth),
            "reject_rate": self.reject_rate,
            "false_rejection_rate": float(1 - self.known.mean()),
            "ood_images": n_ood,
            "ood_rejection_rate": float(1 - self.ood_known.mean()) if n_ood else None,
            "classes": per_class,
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
    """Answer for every training image with a classifier fitted without it.

    Up to 60 images are held out one by one, more in ten stratified folds. The OOD images are those
    of each class in turn, for a classifier fitted without that class. `progress` is called with
    the number of fits done and to do.

    Raises
    ------
    SupportError
        If no class has two images.
    """
    support, n_classes = artifact.support, len(artifact.classes)
    folds, protocol = _folds(support, n_classes)
    fold_numbers = np.unique(folds[folds >= 0])
    ood_classes = range(n_classes) if 3 <= n_classes <= _MOST_OOD_CLASSES else range(0)
    step = _counter(progress, len(fold_numbers) + len(ood_classes))
    probabilities = np.zeros((len(folds), n_classes), np.float32)
    known = np.ones(len(folds), bool)
    for fold in fold_numbers:
        held = folds == fold
        probabilities[held], known[held] = _fit(artifact, ~held).decide(support.embeddings[held])
        step()
    ood_known = [np.zeros(0, bool)]
    for label in ood_classes:
        ood_known.append(_known_without(artifact, label))
        step()
    tried = folds >= 0
    query = support.take(tried)
    return Evaluation(
        protocol=protocol,
        classes=artifact.classes,
        names=query.names,
        truth=query.labels,
        probabilities=probabilities[tried],
        known=known[tried],
        reject_rate=artifact.decision.rejection.rate,
        ood_known=np.concatenate(ood_known),
        evidence=_evidence_of_mistakes(artifact, query, probabilities[tried], folds),
    )


def _folds(support: SupportRecord, n_classes: int) -> tuple[Labels, str]:
    """Assign the images to folds, -1 for those that are never held out, and name the protocol."""
    genuine = support.labels < n_classes
    few = genuine.sum() <= _LEAVE_ONE_OUT
    folds = assign_folds(support.embeddings, support.labels, None if few else _FOLDS)
    folds[~genuine] = -1
    if folds.max() < 0:
        raise SupportError(
            "no class has two different images, so none can be held out to measure with; add "
            "images, or measure on others: fewshot evaluate DATA --test DIR"
        )
    n_folds = len(np.unique(folds[folds >= 0]))
    return folds, "leave-one-out" if few else f"{n_folds}-fold cross-validation"


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
    folds: Labels | None = None,
) -> dict[int, Evidence]:
    """Find the evidence of wrong answers; `folds` are those of the support, if it was held out."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != query.labels)
    held = np.full(len(query.labels), -1) if folds is None else folds[folds >= 0]
    found = {}
    for fold in np.unique(held[wrong]):
        support = artifact.support if folds is None else artifact.support.take(folds != fold)
        for i in wrong[held[wrong] == fold].tolist():
            embedding, label = query.embeddings[i], int(predicted[i])
            found[i] = support.nearest(artifact.classes, embedding, label)
    return found


def _fit(artifact: Artifact, kept: NDArray[np.bool_]) -> Decision:
    """Fit as the classifier was, on some of its images."""
    support, decision = artifact.support, artifact.decision
    embeddings, labels = support.embeddings[kept], support.labels[kept]
    n_classes, rate = len(artifact.classes), decision.rejection.rate
    same_person = artifact.backbone.same_person
    return fit_decision(
        decision.head.kind, embeddings, labels, n_classes, rate, same_person=same_person
    )[0]


def _known_without(artifact: Artifact, label: int) -> NDArray[np.bool_]:
    """Answer for the images of a class with a classifier fitted without it."""
    support, decision = artifact.support, artifact.decision
    away = support.labels == label
    labels = support.labels[~away] - (support.labels[~away] > label)
    rate, n_classes = decision.rejection.rate, len(artifact.classes) - 1
    fitted, _ = fit_decision(
        decision.head.kind,
        support.embeddings[~away],
        labels,
        n_classes,
        rate,
        same_person=artifact.backbone.same_person,
    )
    return fitted.decide(support.embeddings[away])[1]
