"""Compare fewshot with published methods on embeddings of the same pass of the same backbone."""

import argparse
import json
import platform
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers import PEERS
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from fewshot.artifact import SupportRecord, write_artifact
from fewshot.backbones.find import find_backbone
from fewshot.backbones.session import OnnxNetwork
from fewshot.embedder import Embedder
from fewshot.evaluation.learning_curve import draw_splits
from fewshot.evaluation.metrics import calibration_error, log_loss, t_interval
from fewshot.heads.decision import fit_decision
from fewshot.heads.linear import HEADS
from fewshot.images.views import load_views
from fewshot.training.fit import fit_artifact
from fewshot.training.support_set import collect

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Answer = Callable[[Floats, Labels, Floats], tuple[Floats, NDArray[np.bool_]]]
REJECT_RATE = 0.05
# Where calibration and rejection are read off.
USUAL_SHOTS = 10


@dataclass
class Row:
    """What one method did: accuracy of each draw by set and shots, and its probabilities."""

    accuracy: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    loss: list[float] = field(default_factory=list)
    false_rejections: list[float] = field(default_factory=list)
    highest: list[Floats] = field(default_factory=list)
    right: list[NDArray[np.bool_]] = field(default_factory=list)


def run(arguments: argparse.Namespace) -> None:
    """Measure, and print tables or JSON."""
    rows: dict[str, Row] = defaultdict(Row)
    records = defaultdict(dict)
    for folder in arguments.data:
        for views in arguments.views:
            records[views][folder.name] = load_set(folder, views, arguments.cache)
    with threadpool_limits(1):
        for folder in arguments.data:
            average = average_pooled(folder, arguments.cache)
            for name, method in PEERS.items():
                _measure(rows[name], folder.name, average, _peer(method), arguments)
            for views, head in _own(arguments.views):
                name = f"fewshot {head}" + (f", {views} views" if views > 1 else "")
                record = records[views][folder.name]
                _measure(rows[name], folder.name, record, _fewshot(head), arguments)
        rejection = {v: _rejection(records[v], arguments.draws) for v in arguments.views}
    result = {
        "machine": f"Python {platform.python_version()}, {platform.machine()}",
        "draws": arguments.draws,
        "rows": {name: _figures(row, arguments) for name, row in rows.items()},
        "rejection": rejection,
    }
    print(json.dumps(result) if arguments.json else "\n".join(_tables(result, arguments)))


def load_set(folder: Path, views: int, cache: Path) -> SupportRecord:
    """Embed every image of a set as fewshot does, or take it from an earlier run."""
    return embed_set(folder, Embedder(views=views), cache / f"{folder.name}-{views}.pkl")


def embed_set(folder: Path, embedder: Embedder, kept: Path) -> SupportRecord:
    """Embed every image of a set, or take from a file what an earlier run kept in it."""
    artifact, *_ = fit_artifact(collect(folder), embedder, "centroid", REJECT_RATE, reuse=kept)
    write_artifact(artifact, kept)
    return artifact.support


def average_pooled(folder: Path, cache: Path) -> SupportRecord:
    """Embed every image of a set as the backbone itself does, or take it from an earlier run."""
    like = load_set(folder, 1, cache)
    kept = cache / f"{folder.name}-average.npz"
    if kept.exists():
        stored = np.load(kept)
        if stored["hashes"].tolist() == list(like.hashes):
            return SupportRecord(stored["embeddings"], like.labels, like.names, like.hashes)
    session = OnnxNetwork(find_backbone()).session
    recipe = Embedder().preprocessing_
    embeddings = np.concatenate(
        [
            session.run(["embedding"], {"image": load_views(folder / n, recipe).pixels})[0]
            for n in like.names
        ]
    )
    np.savez(kept, embeddings=embeddings, hashes=np.array(like.hashes))
    return SupportRecord(embeddings, like.labels, like.names, like.hashes)


def _own(views: list[int]) -> Iterator[tuple[int, str]]:
    """List what fewshot offers: every head on one view, the default on more."""
    for n in views:
        for head in HEADS if n == 1 else HEADS[:1]:
            yield n, head


def _fewshot(head: str) -> Answer:
    """Answer as fewshot does."""

    def answer(support: Floats, labels: Labels, query: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        n_classes = int(labels.max()) + 1
        decision, _ = fit_decision(head, support, labels, n_classes, REJECT_RATE)
        return decision.decide(query)

    return answer


def _peer(method: Callable[..., Any]) -> Answer:
    """Answer as a published method does; none of them knows of unknown images."""

    def answer(support: Floats, labels: Labels, query: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        probabilities = method(support, labels, query)
        return probabilities.astype(np.float32), np.ones(len(query), bool)

    return answer


def _measure(
    row: Row, name: str, record: SupportRecord, answer: Answer, arguments: argparse.Namespace
) -> None:
    """Fit on some images a class and answer for all others, several times."""
    embeddings, labels = record.embeddings, record.labels
    smallest = int(np.bincount(labels).min())
    for shots in (n for n in arguments.shots if n < smallest):
        for support, query in draw_splits(labels, shots, arguments.draws):
            probabilities, known = answer(embeddings[support], labels[support], embeddings[query])
            right = probabilities.argmax(axis=1) == labels[query]
            row.accuracy[name, shots].append(float(right.mean()))
            if shots == USUAL_SHOTS:
                row.loss.append(log_loss(probabilities, labels[query]))
                row.false_rejections.append(float(1 - known.mean()))
                row.highest.append(probabilities.max(axis=1))
                row.right.append(right)


def _figures(row: Row, arguments: argparse.Namespace) -> dict[str, Any]:
    """Average a method's results over draws and sets."""
    sets = [folder.name for folder in arguments.data]
    shots = sorted({n for _, n in row.accuracy})
    by_shots = {
        n: np.mean([row.accuracy[s, n] for s in sets if (s, n) in row.accuracy], axis=0)
        for n in shots
    }
    draws = np.mean(list(by_shots.values()), axis=0)
    figures: dict[str, Any] = {
        "shots": {n: float(values.mean()) for n, values in by_shots.items()},
        "mean": float(draws.mean()),
        "interval": t_interval(draws.tolist()) if len(draws) > 1 else None,
        "sets": {
            s: float(
                np.mean([np.mean(row.accuracy[s, n]) for n in shots if (s, n) in row.accuracy])
            )
            for s in sets
        },
    }
    if row.right:
        highest, right = np.concatenate(row.highest), np.concatenate(row.right)
        # The error needs only the highest probability and whether it was right.
        pairs = np.stack([highest, np.zeros_like(highest)], axis=1)
        figures["calibration_error"] = calibration_error(pairs, np.where(right, 0, 1))
        figures["log_loss"] = float(np.mean(row.loss))
        figures["false_rejections"] = float(np.mean(row.false_rejections))
    return figures


def _rejection(records: dict[str, SupportRecord], draws: int) -> dict[str, float | None]:
    """Measure how well images of other classes, and of other sets, are told from known ones."""
    near, far, away = [], [], []
    for name, record in records.items():
        others = [r.embeddings[::7] for other, r in records.items() if other != name]
        n_classes = int(record.labels.max()) + 1
        for seed in range(draws):
            chosen = np.random.default_rng(seed).permutation(n_classes)
            # Half the classes are left out, as long as two remain.
            fitted = np.sort(chosen[: max(2, n_classes - n_classes // 2)])
            own = np.isin(record.labels, fitted)
            labels = np.searchsorted(fitted, record.labels[own])
            embeddings = record.embeddings[own]
            if np.bincount(labels).min() <= USUAL_SHOTS:
                continue
            *_, (support, query) = draw_splits(labels, USUAL_SHOTS, seed + 1)
            decision, _ = fit_decision(
                "auto", embeddings[support], labels[support], len(fitted), REJECT_RATE
            )

            def confidence(of: Floats, decision: Any = decision) -> Floats:
                logits = decision.head.scores(of) / np.float32(decision.temperature)
                return np.asarray(decision.rejection.confidence(logits, of))

            known = confidence(embeddings[query])
            away.append(float((known < decision.rejection.threshold).mean()))
            if not own.all():
                near.append(_auroc(known, confidence(record.embeddings[~own])))
            if others:
                far.append(_auroc(known, confidence(np.concatenate(others))))
    figures = {"near_auroc": near, "far_auroc": far, "false_rejections": away}
    return {name: float(np.mean(v)) if v else None for name, v in figures.items()}


def _auroc(higher: Floats, lower: Floats) -> float:
    """Return how often one of the first numbers is above one of the second, in [0, 1]."""
    truth = np.repeat([1, 0], [len(higher), len(lower)])
    return float(roc_auc_score(truth, np.concatenate([higher, lower])))


def _tables(result: dict[str, Any], arguments: argparse.Namespace) -> Iterator[str]:
    """Lay out the results as text."""
    rows = result["rows"]
    shots = list(next(iter(rows.values()))["shots"])
    yield f"{result['machine']}; {result['draws']} draws; accuracy in %, 95 % interval of the mean"
    yield f"{'shots':24}" + "".join(f"{n:7}" for n in shots) + "    mean         ECE  log-loss"
    for name, row in sorted(rows.items(), key=lambda item: item[1]["mean"]):
        cells = "".join(f"{100 * row['shots'][n]:7.1f}" for n in shots)
        low, high = row["interval"] or (row["mean"], row["mean"])
        calibration = (
            f"{row['calibration_error']:8.3f}{row['log_loss']:9.3f}" if "log_loss" in row else ""
        )
        mean = f"{100 * row['mean']:8.2f} +-{50 * (high - low):5.2f}"
        yield f"{name:24}{cells}{mean}{calibration}"
    yield ""
    yield "by set: best published method, its accuracy, fewshot auto, difference"
    for name in (folder.name for folder in arguments.data):
        best = max(PEERS, key=lambda peer: rows[peer]["sets"][name])
        theirs, ours = (100 * rows[m]["sets"][name] for m in (best, "fewshot auto"))
        yield f"{name:24}{best:18}{theirs:7.1f}{ours:7.1f}{ours - theirs:+7.1f}"
    yield ""
    yield f"unknown images at {USUAL_SHOTS} shots, false rejection rate asked for {REJECT_RATE:.0%}"
    for views, figures in result["rejection"].items():
        told = ", ".join(f"{k} {v:.3f}" for k, v in figures.items() if v is not None)
        yield f"{views} view(s): {told}"
