"""Accuracy against the number of images per class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import Artifact, SupportRecord
from fewshot.errors import SupportError
from fewshot.heads.decision import fit_decision
from fewshot.heads.linear import Labels


def learning_curve(artifact: Artifact, shots: Sequence[int], draws: int = 5) -> dict[str, Any]:
    """Measure accuracy against the number of images per class.

    Each is an average over `draws` support sets; numbers that leave a class without query images
    are ignored. ``wanted`` is the class whose recall rose most over the last step, or None.

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
    recalls = np.array([_recalls(artifact, n, draws) for n in possible])
    gains = recalls[-1] - recalls[-2] if len(possible) > 1 else np.zeros(n_classes)
    wanted = artifact.classes[int(gains.argmax())] if gains.max() > 0 else None
    curve = [
        {"shots": n, "accuracy": float(row.mean())}
        for n, row in zip(possible, recalls, strict=True)
    ]
    return {"curve": curve, "wanted": wanted}


def draw_splits(labels: Labels, shots: int, draws: int) -> Iterator[tuple[Labels, Labels]]:
    """Draw support sets of `shots` images a class, with all other images as query set."""
    for seed in range(draws):
        rng = np.random.default_rng([shots, seed])
        members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        support = np.concatenate([rng.permutation(m)[:shots] for m in members])
        yield support, np.setdiff1d(np.arange(len(labels)), support)


def _recalls(artifact: Artifact, shots: int, draws: int) -> NDArray[np.float64]:
    """Average the recall of each class over draws of a support set."""
    support, kind = artifact.support, artifact.decision.head.kind
    n_classes = len(artifact.classes)
    recalls = np.zeros(n_classes)
    for chosen, query in draw_splits(support.labels, shots, draws):
        correct = correct_queries(support, kind, chosen, query, support.labels, n_classes)
        truth = support.labels[query]
        recalls += [correct[truth == label].mean() / draws for label in range(n_classes)]
    return recalls


def correct_queries(
    record: SupportRecord,
    kind: str,
    support: Labels,
    query: Labels,
    numbers: Labels,
    n_classes: int,
) -> NDArray[np.bool_]:
    """Fit a head on support rows of a record, and tell which query rows it predicts correctly.

    `numbers` are the classes of all rows, from 0; the result has shape (n_queries,).
    """
    embeddings = record.embeddings
    decision, _ = fit_decision(kind, embeddings[support], numbers[support], n_classes, 0.0)
    predicted = decision.decide(embeddings[query])[0].argmax(axis=1)
    return np.asarray(predicted == numbers[query])
