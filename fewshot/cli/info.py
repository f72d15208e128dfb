"""Show what a classifier file holds."""

from __future__ import annotations

import argparse

from fewshot.cli.options import add_models
from fewshot.cli.output import printable, say_result
from fewshot.cli.wording import accuracy_text, classes_text
from fewshot.errors import UsageError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

EPILOG = """examples:
  fewshot info
  fewshot info --images
  fewshot info --models classifier.onnx"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("--images", action="store_true", help="list the training images")
    add_models(parser, exported=True)


def run(arguments: argparse.Namespace) -> int:
    """Read a classifier file without opening its backbone."""
    from fewshot.artifact import artifact_path, read_artifact
    from fewshot.backbones.find import models_folder
    from fewshot.classifier.exported import ExportedClassifier

    file = models_folder(arguments.models)
    if file.suffix == ".onnx" and arguments.images:
        raise UsageError(f"{file}: an exported file, which holds no training images")
    if file.suffix == ".onnx":
        summary = ExportedClassifier(file).summary()
    else:
        file = artifact_path(file)
        artifact = read_artifact(file)
        summary = artifact.summary()
        if arguments.images:
            summary["images"] = artifact.list_images()
    text = _images_text(summary["images"]) if arguments.images else _text(summary, file)
    say_result(arguments, {"file": str(file), **summary}, text)
    return 0


def _images_text(images: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(
        f"{printable(row['label'] or '(negative)')}  {printable(row['image'])}" for row in images
    )


def _text(summary: Mapping[str, Any], file: Path) -> str:
    """Describe a classifier file, a line for each thing it holds."""
    shots, backbone, pixels = (summary[key] for key in ("classes", "backbone", "preprocessing"))
    made_with = ", ".join(f"{name} {number}" for name, number in summary["versions"].items())
    rows = {
        "file": f"{file}, {file.stat().st_size / 1e6:.1f} MB, format {summary['format']}",
        "made": f"{summary['created']} with {made_with}",
        "classes": classes_text(shots, 100),
        "images": f"{sum(shots.values())} and {summary['negatives']} negatives, as embeddings",
        "head": f"{summary['head']}, temperature {summary['temperature']:.3g}",
        "unknown": f"false rejection rate about {summary['reject_rate']:.0%}"
        if summary["rejects"]
        else "never: too few images to set a threshold, or --reject-rate 0",
        "accuracy": accuracy_text(summary["measured"]),
        "backbone": f"{backbone['file']}, {backbone['dim']} dimensions, "
        f"sha256 {backbone['sha256'][:16]}",
        "pixels": f"{pixels['resize']} to {pixels['image_size']} x {pixels['image_size']}, "
        f"{pixels['interpolation']}, views: {pixels['views']}",
    }
    if pixels["crop"] == "face":
        without = "used whole" if pixels["no_face"] == "whole" else "unknown"
        rows["faces"] = (
            f"the largest is used, found by {pixels['detector']}; an image without one: {without}"
        )
    if pixels["crop"] == "face" and backbone["same_person"]:
        rows["pixels"] = f"face aligned to {pixels['image_size']} x {pixels['image_size']}"
    return "\n".join(f"{name:<9} {printable(text)}" for name, text in rows.items())
