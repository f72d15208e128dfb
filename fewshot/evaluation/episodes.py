"""Measure on tasks drawn from a larger set: episodes, and accuracy against images per class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import Artifact, SupportRecord
from fewshot.errors import SupportError, UsageError
from fewshot.evaluation.metrics import t_interval
from fewshot.heads.decision import fit_decision
from fewshot.heads.linear import Labels


def run_episodes(
    artifact: Artifact, episodes: int, way: int, shot: int, queries: int = 15
) -> dict[str, Any]:
    """Measure by the field's protocol: random small tasks (Vinyals et al. 2016).

    Parameters
    ----------
    artifact : Artifact
        All images to draw from.
    episodes, way, shot, queries : int
        How many tasks; and in each the classes, images a class to fit on, and at most to ask.

    Returns
    -------
    dict
        ``protocol accuracy accuracy_low accuracy_high``, the interval by Student's t.

    Raises
    ------
    SupportError
        If there are not that many classes with more than `shot` images.
    UsageError
        If there are fewer than two episodes or classes.
    """
    if min(episodes, way) < 2:
        raise UsageError(f"{episodes} episodes of {way} classes; expected 2 or more of each")
    labels, kind = artifact.support.labels, artifact.decision.head.kind
    counts = np.bincount(labels)[: len(artifact.classes)]
    large = np.flatnonzero(counts > shot)
    if len(large) < way:
        raise SupportError(
            f"{len(large)} classes have more than {shot} images; expected at least {way}: "
            "ask for less with --way or --shot"
        )
    results = []
    for seed in range(episodes):
        chance = np.random.default_rng(seed)
        chosen = chance.permutation(large)[:way]
        members = [chance.permutation(np.flatnonzero(labels == label)) for label in chosen]
        support = np.concatenate([m[:shot] for m in members])
        query = np.concatenate([m[shot : shot + queries] for m in members])
        numbers = np.searchsorted(np.sort(chosen), labels)
        results.append(_accuracy(artifact.support, kind, support, query, numbers, way).mean())
    low, high = t_interval(results)
    return {
        "protocol": f"{episodes} episodes, {way}-way {shot}-shot",
        "accuracy": float(np.mean(results)),
        "accuracy_low": low,
        "accuracy_high": high,
    }


def learning_curve(artifact: Artifact, shots: Sequence[int], draws: int = 5) -> dict[str, Any]:
    """Measure accuracy against the number of images per class.

    Parameters
    ----------
    artifact : Artifact
        All images to draw from.
    shots : sequence of int
        Numbers of images per class; those that leave a class nothing to ask about are left out.
    draws : int
        Support sets drawn for each.

    Returns
    -------
    dict
        ``curve``: a list of ``shots accuracy``; ``wanted``: the class whose recall rose most over
        the last step, which more images would help most, or None.

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
    recalls = np.zeros((len(possible), n_classes))
    for row, n in enumerate(possible):
        for chosen, query in draw_splits(support.labels, n, draws):
            right = _accuracy(
                support, artifact.decision.head.kind, chosen, query, support.labels, n_classes
            )
            truth = support.labels[query]
            recalls[row] += [right[truth == label].mean() / draws for label in range(n_classes)]
    gains = recalls[-1] - recalls[-2] if len(possible) > 1 else np.zeros(n_classes)
    wanted = artifact.classes[int(gains.argmax())] if gains.max() > 0 else None
    curve = [
        {"shots": n, "accuracy": float(row.mean())}
        for n, row in zip(possible, recalls, strict=True)
    ]
    return {"curve": curve, "wanted": wanted}


def draw_splits(labels: Labels, shots: int, draws: int) -> Iterator[tuple[Labels, Labels]]:
    """Draw support sets of `shots` images a class; the query set is all that is left."""
    for seed in range(draws):
        chance = np.random.default_rng([shots, seed])
        members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        support = np.concatenate([chance.permutation(m)[:shots] for m in members])
        yield support, np.setdiff1d(np.arange(len(labels)), support)


def _accuracy(
    record: SupportRecord,
    kind: str,
    support: Labels,
    query: Labels,
    numbers: Labels,
    n_classes: int,
) -> NDArray[np.bool_]:
    """Tell which query images get their own label from a head fitted on the support images."""
    embeddings = record.embeddings
    decision, _ = fit_decision(kind, embeddings[support], numbers[support], n_classes, 0.0)
    given = decision.decide(embeddings[query])[0].argmax(axis=1)
    return np.asarray(given == numbers[query])
