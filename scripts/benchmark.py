"""Measure fewshot on folders of images; every number in the README comes from here.

It draws support and query sets and prints tables; what is measured is the package itself.
"""

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import SupportRecord, write_artifact
from fewshot.embedder import Embedder
from fewshot.fitting import fit_artifact
from fewshot.heads import HEADS, fit_head
from fewshot.support import collect

Labels = NDArray[np.int64]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    accuracy = commands.add_parser("accuracy", help="accuracy on images not fitted on")
    accuracy.add_argument("data", nargs="+", type=Path, metavar="DATA", help="folder of classes")
    accuracy.add_argument("--shots", type=_numbers, default=[1, 5, 10, 20], metavar="N,N,...")
    accuracy.add_argument("--draws", type=int, default=10, help="of the support set (default: 10)")
    accuracy.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir(), "fewshot-benchmark"),
        help="folder where embeddings are kept between runs",
    )
    accuracy.add_argument("--json", action="store_true", help="print JSON instead of a table")
    accuracy.set_defaults(run=_accuracy)
    arguments = parser.parse_args(argv)
    arguments.run(arguments)
    return 0


def measure_accuracy(
    record: SupportRecord, head: str, shots: int, draws: int
) -> tuple[float, float]:
    """Fit on `shots` images a class and classify all others, several times.

    Parameters
    ----------
    record : SupportRecord
        All images of a set.
    head : str
    shots : int
    draws : int
        How many times, each with a support set of its own.

    Returns
    -------
    mean, deviation : float
        Of the accuracy over the draws, in [0, 1].
    """
    results = []
    for support, query in draw_splits(record.labels, shots, draws):
        fitted = fit_head(head, record.embeddings[support], record.labels[support])
        given = fitted.scores(record.embeddings[query]).argmax(axis=1)
        results.append((given == record.labels[query]).mean())
    return float(np.mean(results)), float(np.std(results, ddof=1)) if draws > 1 else 0.0


def draw_splits(labels: Labels, shots: int, draws: int) -> Iterator[tuple[Labels, Labels]]:
    """Draw support sets of `shots` images a class; the query set is all that is left."""
    for seed in range(draws):
        chance = np.random.default_rng([shots, seed])
        members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        support = np.concatenate([chance.permutation(m)[:shots] for m in members])
        yield support, np.setdiff1d(np.arange(len(labels)), support)


def load_set(folder: Path, cache: Path) -> SupportRecord:
    """Embed every image of a set, or take it from an earlier run."""
    kept = cache / f"{folder.name}.pkl"
    artifact, _ = fit_artifact(collect(folder), Embedder(), "centroid", reuse=kept)
    write_artifact(artifact, kept)
    return artifact.support


def _accuracy(arguments: argparse.Namespace) -> None:
    """Print accuracy by set, head and shots."""
    rows = []
    for folder in arguments.data:
        record = load_set(folder, arguments.cache)
        smallest = int(np.bincount(record.labels).min())
        for head in HEADS:
            for shots in (n for n in arguments.shots if n < smallest):
                mean, deviation = measure_accuracy(record, head, shots, arguments.draws)
                rows.append({"set": folder.name, "head": head, "shots": shots, "accuracy": mean})
                rows[-1]["deviation"] = deviation
    if arguments.json:
        print(json.dumps({"machine": _machine(), "draws": arguments.draws, "rows": rows}))
        return
    print(f"{_machine()}; {arguments.draws} draws, mean and standard deviation")
    for row in rows:
        print("{set:24} {head:9} {shots:3} shots  {accuracy:.3f} +- {deviation:.3f}".format(**row))


def _machine() -> str:
    """Name what the numbers were measured on."""
    return f"Python {platform.python_version()}, {platform.machine()} {platform.system()}"


def _numbers(text: str) -> list[int]:
    """Parse numbers with commas between."""
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
