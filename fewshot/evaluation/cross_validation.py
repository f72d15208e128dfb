"""Measure a classifier on images it was not fitted on: held out in turn, or given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import Artifact, SupportRecord
from fewshot.errors import ImageError, SupportError
from fewshot.evaluation import metrics
from fewshot.explain.evidence import find_evidence
from fewshot.heads.calibration import assign_folds
from fewshot.heads.decision import Decision, fit_decision
from fewshot.heads.linear import Labels
from fewshot.prediction import Evidence
from fewshot.training.fit import Progress

# Up to so many images each is left out by itself; that many fits take a few seconds.
_LEAVE_ONE_OUT = 60
_FOLDS = 10
_STRANGERS = 20


@dataclass(frozen=True)
class Evaluation:
    """Answers for labelled images that were not fitted on, and what they are worth.

    Attributes
    ----------
    protocol : str
        How the images were kept from the fit.
    classes : tuple of str
    names : tuple of str
        Of the images.
    truth : ndarray of int64, shape (n_images,)
        Positions in the classes.
    probabilities : ndarray of float32, shape (n_images, n_classes)
    known : ndarray of bool, shape (n_images,)
    reject_rate : float
        The rate of False in `known` that was asked for.
    strangers_known : ndarray of bool, shape (n_strangers,)
        The same for images of classes that were not fitted on.
    evidence : mapping of int to Evidence
        What each wrong answer rests on, by the position of its image.
    skipped : tuple of ImageError
        Images that could not be read.
    """

    protocol: str
    classes: tuple[str, ...]
    names: tuple[str, ...]
    truth: Labels
    probabilities: NDArray[np.float32]
    known: NDArray[np.bool_]
    reject_rate: float
    strangers_known: NDArray[np.bool_]
    evidence: Mapping[int, Evidence]
    skipped: tuple[ImageError, ...] = ()

    @cached_property
    def confusion(self) -> Labels:
        """Counts of answers, shape (n_classes, n_classes): rows are true, columns given."""
        given = self.probabilities.argmax(axis=1)
        return metrics.confusion_matrix(self.truth, given, len(self.classes))

    def summary(self) -> dict[str, Any]:
        """Work out every figure, in types that JSON knows.

        Returns
        -------
        dict
            Keys ``protocol images correct accuracy accuracy_low accuracy_high balanced_accuracy
            calibration_error log_loss reject_rate turned_away strangers strangers_unknown classes
            confusion mistakes``; rates in [0, 1], ``strangers_unknown`` None without strangers.
        """
        total, correct = len(self.truth), int(np.trace(self.confusion))
        low, high = metrics.wilson_interval(correct, total)
        per_class = self._per_class()
        recalls = [row["recall"] for row in per_class.values() if row["images"]]
        strangers = len(self.strangers_known)
        return {
            "protocol": self.protocol,
            "images": total,
            "correct": correct,
            "accuracy": correct / total,
            "accuracy_low": low,
            "accuracy_high": high,
            "balanced_accuracy": float(np.mean(recalls)),
            "calibration_error": metrics.calibration_error(self.probabilities, self.truth),
            "log_loss": metrics.log_loss(self.probabilities, self.truth),
            "reject_rate": self.reject_rate,
            "turned_away": float(1 - self.known.mean()),
            "strangers": strangers,
            "strangers_unknown": float(1 - self.strangers_known.mean()) if strangers else None,
            "classes": per_class,
            "confusion": self.confusion.tolist(),
            "mistakes": self._mistakes(),
        }

    def _per_class(self) -> dict[str, dict[str, float]]:
        """Work out precision and recall of each class."""
        rows = {}
        for i, label in enumerate(self.classes):
            right, images = int(self.confusion[i, i]), int(self.confusion[i].sum())
            given = int(self.confusion[:, i].sum())
            rows[label] = {
                "images": images,
                "precision": right / given if given else 0.0,
                "recall": right / images if images else 0.0,
            }
        return rows

    def _mistakes(self) -> list[dict[str, Any]]:
        """List wrong answers, the surest first."""
        given, highest = self.probabilities.argmax(axis=1), self.probabilities.max(axis=1)
        wrong = np.flatnonzero(given != self.truth)
        return [
            {
                "image": self.names[i],
                "truth": self.classes[self.truth[i]],
                "label": self.classes[given[i]],
                "probability": float(highest[i]),
                "known": bool(self.known[i]),
                "nearest": [asdict(neighbour) for neighbour in self.evidence[i].nearest],
            }
            for i in wrong[np.argsort(-highest[wrong])]
        ]


def cross_validate(artifact: Artifact, progress: Progress | None = None) -> Evaluation:
    """Fit again and again without some images, and answer for those.

    Parameters
    ----------
    artifact : Artifact
        A fitted classifier; its kind of head and reject rate are what is measured.
    progress : callable, optional
        Called with the number of fits done and to do.

    Returns
    -------
    Evaluation
        Up to 60 images are left out one by one, more in ten stratified folds. The strangers are
        the images of each class in its turn, for a classifier fitted without that class.

    Raises
    ------
    SupportError
        If no class has two images.
    """
    support, n_classes = artifact.support, len(artifact.classes)
    genuine = support.labels < n_classes
    few = genuine.sum() <= _LEAVE_ONE_OUT
    folds = assign_folds(support.embeddings, support.labels, None if few else _FOLDS)
    folds[~genuine] = -1  # negatives are only fitted on
    if folds.max() < 0:
        raise SupportError(
            "no class has two different images, so none can be left out to measure with; add "
            "images, or measure on others: fewshot evaluate DATA --test DIR"
        )
    numbers = np.unique(folds[folds >= 0])
    protocol = "leave-one-out" if few else f"{len(numbers)}-fold cross-validation"
    away = range(n_classes) if 3 <= n_classes <= _STRANGERS else ()
    fits = len(numbers) + len(away)
    probabilities = np.zeros((len(folds), n_classes), np.float32)
    known = np.ones(len(folds), bool)
    for done, fold in enumerate(numbers, 1):
        held = folds == fold
        probabilities[held], known[held] = _fit(artifact, ~held).decide(support.embeddings[held])
        if progress:
            progress(done, fits)
    strangers = [np.zeros(0, bool)]
    for done, label in enumerate(away, len(numbers) + 1):
        strangers.append(_known_without(artifact, label))
        if progress:
            progress(done, fits)
    tried = np.flatnonzero(folds >= 0)
    asked, probabilities = support.take(tried), probabilities[tried]
    return Evaluation(
        protocol,
        artifact.classes,
        asked.names,
        asked.labels,
        probabilities,
        known[tried],
        artifact.decision.rejection.rate,
        np.concatenate(strangers),
        _explain_mistakes(artifact, asked, probabilities, folds),
    )


def evaluate_on(artifact: Artifact, query: SupportRecord, protocol: str) -> Evaluation:
    """Answer for other labelled images.

    Parameters
    ----------
    artifact : Artifact
        A fitted classifier.
    query : SupportRecord
        Their embeddings; labels are positions in the classifier's classes, or one past the last
        for strangers.
    protocol : str
        What the images are.

    Returns
    -------
    Evaluation

    Raises
    ------
    SupportError
        If no image is of a class of the classifier.
    """
    probabilities, known = artifact.decision.decide(query.embeddings)
    own = query.labels < len(artifact.classes)
    asked = query.take(own)
    if not own.any():
        raise SupportError(
            f"{protocol}: no image of a class that was fitted on ({', '.join(artifact.classes)})"
        )
    return Evaluation(
        protocol,
        artifact.classes,
        asked.names,
        asked.labels,
        probabilities[own],
        known[own],
        artifact.decision.rejection.rate,
        known[~own],
        _explain_mistakes(artifact, asked, probabilities[own]),
    )


def _explain_mistakes(
    artifact: Artifact,
    asked: SupportRecord,
    probabilities: NDArray[np.float32],
    folds: Labels | None = None,
) -> dict[int, Evidence]:
    """Say what wrong answers rest on; `folds` are those of the support, if it was held out."""
    given = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(given != asked.labels)
    held = np.full(len(asked.labels), -1) if folds is None else folds[folds >= 0]
    found = {}
    for fold in np.unique(held[wrong]):
        support = artifact.support if folds is None else artifact.support.take(folds != fold)
        for i in wrong[held[wrong] == fold].tolist():
            found[i] = find_evidence(support, artifact.classes, asked.embeddings[i], int(given[i]))
    return found


def _fit(artifact: Artifact, kept: NDArray[np.bool_]) -> Decision:
    """Fit as the classifier was, on some of its images."""
    support, decision = artifact.support, artifact.decision
    embeddings, labels = support.embeddings[kept], support.labels[kept]
    n_classes, rate = len(artifact.classes), decision.rejection.rate
    return fit_decision(decision.head.kind, embeddings, labels, n_classes, rate)[0]


def _known_without(artifact: Artifact, label: int) -> NDArray[np.bool_]:
    """Answer for the images of a class with a classifier fitted without it."""
    support, decision = artifact.support, artifact.decision
    away = support.labels == label
    labels = support.labels[~away] - (support.labels[~away] > label)
    rate, n_classes = decision.rejection.rate, len(artifact.classes) - 1
    fitted, _ = fit_decision(decision.head.kind, support.embeddings[~away], labels, n_classes, rate)
    return fitted.decide(support.embeddings[away])[1]
