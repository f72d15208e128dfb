"""Measure on random small tasks drawn from a set: the episodes of few-shot papers."""

import argparse
import json

import numpy as np
from accuracy_table import load_set
from numpy.typing import NDArray

from fewshot.artifact import SupportRecord
from fewshot.errors import SupportError, UsageError
from fewshot.evaluation.learning_curve import predict_queries
from fewshot.evaluation.metrics import t_interval

# As in most papers.
_QUERIES = 15


def run(arguments: argparse.Namespace) -> None:
    """Measure each set, and print a line or a JSON record for it."""
    for folder in arguments.data:
        record = load_set(folder, 1, arguments.cache)
        found = run_episodes(
            record, arguments.head, arguments.episodes, arguments.way, arguments.shot
        )
        if arguments.json:
            print(json.dumps({"set": folder.name, **found}))
        else:
            low, high = found["accuracy_low"], found["accuracy_high"]
            interval = f"95 % interval {low:.3f} to {high:.3f}"
            print(f"{folder.name}: {found['protocol']}, {found['accuracy']:.3f} ({interval})")


def run_episodes(
    record: SupportRecord, head: str, episodes: int, way: int, shot: int
) -> dict[str, str | float]:
    """Measure by the protocol of Vinyals et al. (2016): random classes, support and query images.

    Parameters
    ----------
    record : SupportRecord
        All images to draw from; no negatives.
    head : str
        Kind of head.
    episodes, way, shot : int
        Number of episodes; classes in each, and support images of each class. At most 15 query
        images a class are drawn.

    Returns
    -------
    dict
        ``protocol accuracy accuracy_low accuracy_high``; the interval is Student's t.

    Raises
    ------
    SupportError
        If fewer than `way` classes have more than `shot` images.
    UsageError
        If there are fewer than two episodes or classes.
    """
    if min(episodes, way) < 2:
        raise UsageError(f"{episodes} episodes of {way} classes; expected 2 or more of each")
    large = np.flatnonzero(np.bincount(record.labels) > shot)
    if len(large) < way:
        raise SupportError(
            f"{len(large)} classes have more than {shot} images; expected at least {way}: "
            "use a lower --way or --shot"
        )
    accuracies = [_episode(record, head, large, way, shot, seed) for seed in range(episodes)]
    low, high = t_interval(accuracies)
    return {
        "protocol": f"{episodes} episodes, {way}-way {shot}-shot",
        "accuracy": float(np.mean(accuracies)),
        "accuracy_low": low,
        "accuracy_high": high,
    }


def _episode(
    record: SupportRecord, head: str, large: NDArray[np.int64], way: int, shot: int, seed: int
) -> float:
    """Draw one episode and return its accuracy."""
    chance, labels = np.random.default_rng(seed), record.labels
    chosen = chance.permutation(large)[:way]
    members = [chance.permutation(np.flatnonzero(labels == label)) for label in chosen]
    support = np.concatenate([m[:shot] for m in members])
    query = np.concatenate([m[shot : shot + _QUERIES] for m in members])
    numbers = np.searchsorted(np.sort(chosen), labels)
    predicted = predict_queries(record, head, support, query, numbers, way)
    return float((predicted == numbers[query]).mean())
