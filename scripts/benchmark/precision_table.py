"""Compare the precisions of an exported classifier: size, accuracy, speed, changes of answers."""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from accuracy_table import REJECT_RATE, USUAL_SHOTS, embed_set
from threadpoolctl import threadpool_limits
from timing import interleaved

from fewshot import FewShotClassifier
from fewshot.artifact import SupportRecord
from fewshot.backbones.find import find_backbone
from fewshot.backbones.session import OnnxNetwork
from fewshot.embedder import Embedder
from fewshot.evaluation.learning_curve import draw_splits
from fewshot.evaluation.metrics import t_interval
from fewshot.export.onnx_file import export_classifier
from fewshot.export.precision import PRECISIONS, calibration_pixels, convert_backbone
from fewshot.heads.decision import Decision, fit_decision
from fewshot.images.decode import open_rgb
from fewshot.images.files import image_files

# How many images there are to one that is resized in both ways.
_EVERY = 15
Records = dict[str, dict[str, SupportRecord]]


def run(arguments: argparse.Namespace) -> None:
    """Measure, and print a table or JSON."""
    with tempfile.TemporaryDirectory() as folder:
        files = {p: _write(p, Path(folder, f"{p}.onnx")) for p in PRECISIONS}
        records = {p: _embed(p, file, arguments) for p, file in files.items()}
        seconds = _latencies(files, arguments.repeat)
        sizes = {precision: file.stat().st_size for precision, file in files.items()}
    with threadpool_limits(1):
        rows = {p: _accuracies(records, p, arguments.draws) for p in PRECISIONS}
    for precision, row in rows.items():
        row["bytes"] = sizes[precision]
        row["latency_ratio"] = seconds[precision] / seconds["fp32"]
    result = {"draws": arguments.draws, "shots": USUAL_SHOTS, "rows": rows}
    result["resize"] = _resized(arguments.data)
    print(json.dumps(result) if arguments.json else "\n".join(_table(result)))


def _write(precision: str, file: Path, images: Sequence[Path] = ()) -> Path:
    """Write the backbone in a precision, calibrated on images or on drawn ones."""
    pixels = calibration_pixels(images, Embedder().preprocessing_) if images else None
    onnx.save(convert_backbone(precision, find_backbone(), pixels), file)
    return file


def _embed(precision: str, file: Path, arguments: argparse.Namespace) -> dict[str, SupportRecord]:
    """Embed every set, int8 by a backbone that is calibrated on it."""
    records = {}
    for folder in arguments.data:
        if precision == "int8":
            file = _write(precision, file.with_name(f"{folder.name}.onnx"), image_files(folder))
        kept = arguments.cache / f"{folder.name}-{precision}.pkl"
        records[folder.name] = embed_set(folder, Embedder(file), kept)
    return records


def _latencies(files: dict[str, Path], rounds: int) -> dict[str, float]:
    """Time one image on one thread."""
    image = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), np.uint8)
    sessions = {precision: OnnxNetwork(file).session for precision, file in files.items()}
    return interleaved(
        {p: lambda s=s: s.run(["feature_map"], {"image": image}) for p, s in sessions.items()},
        rounds,
    )


def _accuracies(records: Records, precision: str, draws: int) -> dict[str, Any]:
    """Measure the accuracy of a precision, and how far it is from full precision."""
    sets, moved = {}, []
    for name, full in records["fp32"].items():
        record = records[precision][name]
        fitted = record if precision == "int8" else full
        sets[name] = np.array([_right(fitted, record, draws), _right(full, full, draws)])
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


def _right(fitted: SupportRecord, asked: SupportRecord, draws: int) -> list[float]:
    """Fit on embeddings drawn, and measure on others of the images not drawn, for each draw."""
    right, labels = [], asked.labels
    for support, query in draw_splits(labels, USUAL_SHOTS, draws):
        decision = _fit(fitted.embeddings[support], labels[support])
        given = decision.decide(asked.embeddings[query])[0].argmax(axis=1)
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


def _resized(sets: Sequence[Path]) -> dict[str, float]:
    """Compare answers for images resized in the graph with those resized by Pillow."""
    moved, same = [], []
    for folder in sets:
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary, "classifier.onnx")
            classifier = FewShotClassifier().fit(folder)
            export_classifier(classifier, file, resize_in_graph=True)
            session = OnnxNetwork(file).session
        for path in image_files(folder)[::_EVERY]:
            pixels = np.asarray(open_rgb(path))[np.newaxis]
            (inside,) = session.run(["probabilities"], {"image": pixels})
            outside = classifier.answer([path]).probabilities
            moved.append(float(np.abs(inside - outside).max()))
            same.append(inside.argmax() == outside.argmax())
    return {
        "images": len(moved),
        "mean": float(np.mean(moved)),
        "largest": max(moved),
        "same_label": float(np.mean(same)),
    }


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
    resize = result["resize"]
    yield ""
    yield (
        f"resize in the file instead of Pillow's, {resize['images']} images: a probability changes "
        f"by {resize['mean']:.4f} in the mean, {resize['largest']:.4f} at most; the label is the "
        f"same for {100 * resize['same_label']:.1f} %"
    )
    yield ""
    yield "difference by set"
    for name in next(iter(result["rows"].values()))["sets"]:
        cells = "".join(f"{100 * row['sets'][name]:+8.2f}" for row in result["rows"].values())
        yield f"{name:24}{cells}"
