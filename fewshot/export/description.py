"""Describe an exported file in a JSON file beside it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fewshot._files import file_sha256, replacing
from fewshot.errors import ArtifactError

# Metadata that is too long for the description, and metadata that is JSON.
_LONG = ("summary", "references")
_JSON = (
    "classes image_size crop_fraction resize_in_graph temperature threshold reject_rate "
    "alignment face_steps"
).split()
# What numbers are measured in.
_UNITS = {
    "image_size": "pixels, height and width",
    "crop_fraction": "of the shorter side, a square from the centre",
    "reject_rate": "of images of the classes, target false rejection rate",
    "alignment": "x and y in pixels of the input, of each landmark",
}


def write_with_description(path: Path, content: bytes, metadata: Mapping[str, str]) -> None:
    """Write an exported file, and what a program must know to use it."""
    with replacing(path) as stream:
        stream.write(content)
    # If this is interrupted, the hash in the old description tells that it is of another file.
    with replacing(path.with_suffix(".json")) as stream:
        stream.write(_describe(path.name, content, metadata))


def require_description(path: str | os.PathLike[str]) -> None:
    """Raise ArtifactError if the description beside an exported file is of another file."""
    if os.fspath(path).endswith(".onnx") and Path(path).with_suffix(".json").exists():
        read_description(Path(path))


def read_description(path: Path) -> dict[str, Any]:
    """Read the description beside an exported file, if it is of that very file.

    ArtifactError: if it is of another file, as after an export that was interrupted; or damaged.
    """
    beside = path.with_suffix(".json")
    try:
        described: dict[str, Any] = json.loads(beside.read_bytes())
        expected = described.get("sha256")  # earlier versions wrote none
    except (ValueError, AttributeError) as error:
        raise ArtifactError(f"{beside}: damaged ({error}); export the classifier again") from error
    if expected is not None and expected != file_sha256(path):
        raise ArtifactError(
            f"{beside}: describes another file than {path.name}, the sha256 differs; export the "
            "classifier again"
        )
    return described


def _describe(name: str, content: bytes, metadata: Mapping[str, str]) -> bytes:
    found = {
        key: json.loads(value) if key in _JSON else value
        for key, value in metadata.items()
        if key not in _LONG
    }
    sides = ["H", "W"] if found["resize_in_graph"] else [found["image_size"]] * 2
    n_classes = len(found["classes"])
    described = {
        "file": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "input": {
            "name": "image",
            "type": "uint8",
            "shape": ["N", *sides, 3],
            "layout": "NHWC: images, rows, columns, channels",
            "channels": "RGB, 0 to 255",
        },
        "outputs": {
            "probabilities": {
                "type": "float32",
                "shape": ["N", n_classes],
                "values": "0 to 1, in the order of classes",
            },
            "known": {"type": "bool", "shape": ["N"], "values": "false: none of the classes"},
            "embedding": {"type": "float32", "values": "of length 1"},
        },
        **found,
        "units": {key: unit for key, unit in _UNITS.items() if key in found},
    }
    # What cannot be encoded is escaped, as JSON does.
    text = json.dumps(described, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"
