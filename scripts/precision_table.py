"""Compare the precisions of an exported classifier: size, accuracy, speed and how far answers move.

Each precision is a backbone of its own with a head fitted on its embeddings, as `fewshot export`
makes them; draws of the support set are the same for all.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from accuracy_table import REJECT_RATE, USUAL_SHOTS, embed_set
from measuring import interleaved
from threadpoolctl import threadpool_limits

from fewshot.artifact import SupportRecord
from fewshot.backbones import find_backbone
from fewshot.decision import Decision, fit_decision
from fewshot.embedder import Embedder
from fewshot.export import PRECISIONS, backbone_in
from fewshot.metrics import t_interval
from fewshot.protocols import draw_splits
from fewshot.sessions import open_session

Records = dict[str, dict[str, SupportRecord]]


def run(arguments: argparse.Namespace) -> None:
    """Measure, and print a table or JSON."""
    with tempfile.TemporaryDirectory() as temporary:
        files = {p: Path(temporary, f"{p}.onnx") for p in PRECISIONS}
        for precision, file in files.items():
            onnx.save(backbone_in(precision, find_backbone()), file)
        records = {
            precision: {
                folder.name: embed_set(
                    folder, Embedder(file), arguments.cache / f"{folder.name}-{precision}.pkl"
                )
                for folder in arguments.data
            }
            for precision, file in files.items()
        }
        seconds = _latencies(files, arguments.repeat)
        sizes = {precision: file.stat().st_size for precision, file in files.items()}
    with threadpool_limits(1):
        rows = {p: _accuracies(records, p, arguments.draws) for p in PRECISIONS}
    for precision, row in rows.items():
        row["bytes"] = sizes[precision]
        row["latency_ratio"] = seconds[precision] / seconds["fp32"]
    result = {"draws": arguments.draws, "shots": USUAL_SHOTS, "rows": rows}
    print(json.dumps(result) if arguments.json else "\n".join(_table(result)))


def _latencies(files: dict[str, Path], rounds: int) -> dict[str, float]:
    """Time one image on one thread."""
    image = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), np.uint8)
    sessions = {precision: open_session(file) for precision, file in files.items()}
    return interleaved(
        {p: lambda s=s: s.run(["feature_map"], {"image": image}) for p, s in sessions.items()},
        rounds,
    )


def _accuracies(records: Records, precision: str, draws: int) -> dict[str, Any]:
    """Measure the accuracy of a precision, and how far it is from full precision."""
    sets, moved = {}, []
    for name, full in records["fp32"].items():
        record = records[precision][name]
        both = [_right(each, full.labels, draws) for each in (record.embeddings, full.embeddings)]
        sets[name] = np.array(both)
        moved.append(_moved(full, record))
    mean = np.mean(list(sets.values()), axis=0)
    gain = mean[0] - mean[1]
    return {
        "accuracy": float(mean[0].mean()),
        "difference": float(gain.mean()),
        "interval": t_interval(gain.tolist()) if draws > 1 else None,
        "sets": {name: float((a - b).mean()) for name, (a, b) in sets.items()},
        "probability_difference": max(moved),
    }


def _right(embeddings: Any, labels: Any, draws: int) -> list[float]:
    """Measure the accuracy on the images not drawn, for each draw."""
    right = []
    for support, query in draw_splits(labels, USUAL_SHOTS, draws):
        decision = _fit(embeddings[support], labels[support])
        given = decision.decide(embeddings[query])[0].argmax(axis=1)
        right.append(float((given == labels[query]).mean()))
    return right


def _moved(full: SupportRecord, record: SupportRecord) -> float:
    """Say how far a probability moves at most under the head of full precision."""
    ((support, query), *_) = draw_splits(full.labels, USUAL_SHOTS, 1)
    decision = _fit(full.embeddings[support], full.labels[support])
    ours, theirs = (decision.decide(each.embeddings[query])[0] for each in (record, full))
    return float(np.abs(ours - theirs).max())


def _fit(embeddings: Any, labels: Any) -> Decision:
    return fit_decision("auto", embeddings, labels, int(labels.max()) + 1, REJECT_RATE)[0]


def _table(result: dict[str, Any]) -> Iterator[str]:
    """Lay out the results as text."""
    yield f"{result['draws']} draws of {result['shots']} images a class; accuracy in %"
    yield "precision      MB  accuracy  difference          latency  largest change of probability"
    for name, row in result["rows"].items():
        low, high = row["interval"] or (row["difference"],) * 2
        yield (
            f"{name:9}{row['bytes'] / 1e6:8.1f}{100 * row['accuracy']:10.2f}"
            f"{100 * row['difference']:+10.2f} +-{50 * (high - low):5.2f}"
            f"{row['latency_ratio']:10.2f}  {row['probability_difference']:.4f}"
        )
    yield ""
    yield "difference by set"
    for name in next(iter(result["rows"].values()))["sets"]:
        cells = "".join(f"{100 * row['sets'][name]:+8.2f}" for row in result["rows"].values())
        yield f"{name:24}{cells}"
