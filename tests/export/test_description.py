"""The JSON beside an exported file: what it says, and whether it is of that very file."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fewshot import FewShotClassifier
from fewshot.classifier.exported import metadata_of
from fewshot.errors import ArtifactError
from fewshot.export.description import read_description, write_with_description
from tests.conftest import CLASSES

_WRITER = """
import json, sys
from pathlib import Path
from fewshot.export.description import write_with_description
path, metadata = Path(sys.argv[1]), json.loads(sys.argv[2])
print("ready", flush=True)
while True:
    for precision in ("fp32", "fp16"):
        changed = {**metadata, "precision": precision}
        write_with_description(path, precision.encode() * 9999, changed)
"""


@pytest.fixture(scope="module")
def metadata(classifier: FewShotClassifier) -> dict[str, str]:
    return metadata_of(classifier.artifact_, "fp32", False)


def test_input_outputs_and_units_are_named(metadata: dict[str, str], tmp_path: Path) -> None:
    write_with_description(tmp_path / "any.onnx", b"content", metadata)
    found = read_description(tmp_path / "any.onnx")
    assert found["file"] == "any.onnx" and found["classes"] == list(CLASSES)
    image = found["input"]
    assert (image["name"], image["type"], image["shape"]) == ("image", "uint8", ["N", 224, 224, 3])
    assert image["layout"].startswith("NHWC") and image["channels"] == "RGB, 0 to 255"
    assert found["outputs"]["probabilities"]["shape"] == ["N", len(CLASSES)]
    assert list(found["outputs"]) == ["probabilities", "known", "embedding"]
    assert found["units"]["image_size"] == "pixels, height and width"
    assert (found["image_size"], found["resize_in_graph"]) == (224, False)


def test_a_file_that_resizes_takes_any_size(classifier: FewShotClassifier, tmp_path: Path) -> None:
    metadata = metadata_of(classifier.artifact_, "fp32", True)
    write_with_description(tmp_path / "any.onnx", b"content", metadata)
    assert read_description(tmp_path / "any.onnx")["input"]["shape"] == ["N", "H", "W", 3]


def test_a_description_of_another_file_is_refused(metadata: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "any.onnx"
    write_with_description(path, b"content", metadata)
    path.write_bytes(b"new content")
    with pytest.raises(ArtifactError, match=r"any\.json: describes another file than any\.onnx"):
        read_description(path)


def test_a_description_without_a_hash_is_read(tmp_path: Path) -> None:
    (tmp_path / "old.onnx").write_bytes(b"content")
    (tmp_path / "old.json").write_text('{"classes": ["a"]}', encoding="utf-8")
    assert read_description(tmp_path / "old.onnx") == {"classes": ["a"]}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_description_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "any.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"any\.json: damaged"):
        read_description(tmp_path / "any.onnx")


def test_killed_at_any_moment_a_wrong_description_is_noticed(
    metadata: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "any.onnx"
    short = {key: value for key, value in metadata.items() if len(value) < 1000}
    for delay in np.random.default_rng(0).uniform(0, 0.1, 12):
        command = [sys.executable, "-c", _WRITER, path, json.dumps(short)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout and process.stdout.readline() == b"ready\n"
            time.sleep(0.02 + delay)
            process.kill()
        held = path.read_bytes()[:4].decode()
        try:
            assert read_description(path)["precision"] == held
        except ArtifactError as error:
            assert "describes another file" in str(error)
