"""What people read on a terminal: summaries, answers and progress, as text.

It only words what it is given; printing it, and JSON, are left to `fewshot.cli`.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fewshot.classifier import Prediction


def fit_text(summary: Mapping[str, Any], n_skipped: int, file: Path) -> str:
    """Say what was learned, where it is, and what to type next."""
    shots = summary["classes"]
    place = file.parent if file.name == "classifier.pkl" else file
    models = "" if place == Path("models") else f" --models {shlex.quote(str(place))}"
    return (
        f"{_list_classes(shots, 8)}\n"
        f"{sum(shots.values())} images used, {n_skipped} skipped\n"
        f"held-out accuracy: {_accuracy(summary['measured'])}\n"
        f"wrote {file}\n"
        f"next: fewshot classify{models} IMAGE"
    )


def prediction_text(answer: Prediction, top: int) -> str:
    """Say what an image shows, with the `top` likeliest classes."""
    best, *others = [f"{label} {p:.2f}" for label, p in answer.scores.items()][:top]
    verdict = best if answer.known else f"unknown (closest: {best})"
    return "  ".join([answer.image, verdict, *others])


def info_text(summary: Mapping[str, Any], file: Path) -> str:
    """Describe a classifier file, a line for each thing it holds."""
    shots, confidence, backbone = (summary[key] for key in ("classes", "confidence", "backbone"))
    size = summary["preprocessing"]["image_size"]
    made_with = ", ".join(f"{name} {number}" for name, number in summary["versions"].items())
    rows = {
        "file": f"{file}, {file.stat().st_size / 1e6:.1f} MB, format {summary['format']}",
        "made": f"{summary['created']} with {made_with}",
        "classes": _list_classes(shots, 100),
        "images": f"{sum(shots.values())}, kept as embeddings",
        "head": f"{summary['head']}, temperature {confidence['temperature']:.3g}",
        "unknown": f"below probability {confidence['threshold']:.2f}, "
        f"which turns away about {confidence['reject_rate']:.0%} of genuine images",
        "accuracy": _accuracy(summary["measured"]),
        "backbone": f"{backbone['file']}, {backbone['dim']} dimensions, "
        f"sha256 {backbone['sha256'][:16]}",
        "pixels": f"{summary['preprocessing']['resize']} to {size} x {size}, "
        f"{summary['preprocessing']['interpolation']}",
    }
    return "\n".join(f"{name:<9} {text}" for name, text in rows.items())


def progress_bar(what: str) -> Callable[[int, int], None] | None:
    """Make a progress bar if somebody is watching."""
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:  # a device may have no more than classifying needs
        return None
    bar = tqdm(desc=what, unit=" images", leave=False)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return show


def _accuracy(measured: Mapping[str, float]) -> str:
    """Say what was measured on images the head had not seen."""
    total, correct = measured["held_out_images"], measured["held_out_correct"]
    if not total:
        return "not measured, as every class has one image; add more to know"
    return f"{correct / total:.2f} ({correct:.0f} of {total:.0f} images, each left out in its turn)"


def _list_classes(shots: Mapping[str, int], most: int) -> str:
    """List the first few classes with their number of images."""
    named = [f"{label} {n}" for label, n in shots.items()]
    rest = [f"and {len(named) - most} more"] if len(named) > most else []
    return f"{len(named)} classes: {', '.join(named[:most] + rest)}"
