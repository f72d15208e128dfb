"""Accuracy against the number of images per class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fewshot.artifact import Artifact, SupportRecord
from fewshot.errors import SupportError
from fewshot.evaluation.metrics import balanced_accuracy, confusion_matrix
from fewshot.heads.decision import fit_decision
from fewshot.heads.linear import Labels


def learning_curve(artifact: Artifact, shots: Sequence[int], draws: int = 5) -> dict[str, Any]:
    """Measure accuracy against the number of images per class.

    Each is an average over `draws` support sets; numbers that leave a class without query images
    are ignored.

    Raises
    ------
    SupportError
        If no number of shots can be measured.
    """
    support, n_classes = artifact.support, len(artifact.classes)
    smallest = int(np.bincount(support.labels)[:n_classes].min())
    possible = sorted({n for n in shots if 1 <= n < smallest})
    if not possible:
        raise SupportError(
            f"the smallest class has {smallest} images; expected more than the shots asked for"
        )
    confusions = [_confusion(artifact, n, draws) for n in possible]
    curve = [
        {"shots": n, "accuracy": balanced_accuracy(confusion)}
        for n, confusion in zip(possible, confusions, strict=True)
    ]
    return {"curve": curve}


def draw_splits(labels: Labels, shots: int, draws: int) -> Iterator[tuple[Labels, Labels]]:
    """Draw support sets of `shots` images a class, with all other images as query set."""
    for seed in range(draws):
        rng = np.random.default_rng([shots, seed])
        members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        support = np.concatenate([rng.permutation(m)[:shots] for m in members])
        yield support, np.setdiff1d(np.arange(len(labels)), support)


def _confusion(artifact: Artifact, shots: int, draws: int) -> Labels:
    """Add up the confusion matrices of draws of a support set."""
    record, n_classes = artifact.support, len(artifact.classes)
    total = np.zeros((n_classes, n_classes), np.int64)
    for support, query in draw_splits(record.labels, shots, draws):
        query = query[record.labels[query] < n_classes]
        kind, truth = artifact.decision.head.kind, record.labels[query]
        same = artifact.backbone.same_person
        predicted = predict_queries(record, kind, support, query, record.labels, n_classes, same)
        total += confusion_matrix(truth, predicted, n_classes)
    return total


def predict_queries(
    record: SupportRecord,
    kind: str,
    support: Labels,
    query: Labels,
    numbers: Labels,
    n_classes: int,
    same_person: tuple[float, ...] = (),
) -> Labels:
    """Fit a head on support rows of a record, and predict the class of query rows.

    `numbers` are the classes of all rows, from 0; the result has shape (n_queries,).
    """
    fitted, labels = record.embeddings[support], numbers[support]
    decision, _ = fit_decision(
        kind, fitted, labels, n_classes, 0.0, repeat=False, same_person=same_person
    )
    return np.asarray(decision.decide(record.embeddings[query])[0].argmax(axis=1))
