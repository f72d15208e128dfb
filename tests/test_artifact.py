"""The classifier file: built-in types only, read back exactly, refused when it is anything else."""

import hashlib
import math
import os
import pickle
import pickletools
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewshot import Artifact, FewShotClassifier, read_artifact
from fewshot.artifact import write_artifact
from fewshot.errors import ArtifactError, MissingFileError


def assert_same(one: Any, other: Any) -> None:
    if is_dataclass(one):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other and type(one) is type(other)


@pytest.fixture(scope="module")
def artifact(classifier: FewShotClassifier) -> Artifact:
    return classifier.artifact_


@pytest.fixture(scope="module")
def record(models: Path) -> dict[str, Any]:
    """What the file holds, as any Python would read it."""
    with open(models / "classifier.pkl", "rb") as file:
        loaded: dict[str, Any] = pickle.load(file)
    return loaded


def test_it_reads_back_exactly(artifact: Artifact, tmp_path: Path) -> None:
    path = write_artifact(artifact, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "classifier.pkl"
    assert_same(read_artifact(path), artifact)
    assert_same(read_artifact(path.parent), artifact)
    assert os.listdir(path.parent) == ["classifier.pkl"]


def test_arrays_are_read_only(artifact: Artifact, models: Path) -> None:
    for one in (artifact, read_artifact(models)):
        for array in (
            one.decision.head.weights,
            one.decision.head.bias,
            one.decision.rejection.prototypes,
            one.decision.rejection.units,
            one.support.embeddings,
            one.references.probabilities,
        ):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0


def test_it_names_no_global(models: Path) -> None:
    operations = {
        op.name for op, _, _ in pickletools.genops((models / "classifier.pkl").read_bytes())
    }
    assert not operations & {"GLOBAL", "STACK_GLOBAL", "INST", "REDUCE", "BUILD", "PERSID"}


def test_it_holds_what_the_design_says(record: dict[str, Any]) -> None:
    assert record["format"] == 4
    assert record["classes"] == ["disc", "grid", "stripes"]
    assert set(record["decision"]) == {"head", "temperature", "rejection"}
    assert record["decision"]["head"]["kind"] == "auto"
    assert record["decision"]["head"]["weights"]["shape"] == [3, 1280]
    assert set(record["decision"]["rejection"]) == {"prototypes", "units", "threshold", "rate"}
    assert record["backbone"]["file"] == "mobilenet_v2.onnx"
    assert len(record["backbone"]["sha256"]) == 64
    assert set(record["preprocessing"]) == {
        "image_size",
        "resize",
        "crop_fraction",
        "interpolation",
        "views",
        "crop",
        "no_face",
        "detector",
        "detector_sha256",
    }
    assert record["support"]["names"][0] == "disc/00.png"
    assert {len(h) for h in record["support"]["hashes"]} == {64}
    assert record["measured"]["held_out_images"] == 12
    assert {"fewshot", "python", "numpy", "scikit-learn", "onnxruntime"} <= set(record["versions"])


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_names_a_global_is_refused_unrun(tmp_path: Path, protocol: int) -> None:
    path, target = tmp_path / "classifier.pkl", tmp_path / "made"
    malicious = pickle.dumps({"format": 1, "x": Malicious(target)}, protocol)
    path.write_bytes(seal(malicious))
    with pytest.raises(ArtifactError, match=r"classifier\.pkl: refused: it names .*mkdir"):
        read_artifact(path)
    path.write_bytes(malicious)
    with pytest.raises(ArtifactError):
        read_artifact(path)
    assert not target.exists()


def seal(data: bytes) -> bytes:
    """Append the check sum, as whoever wants to deceive would."""
    return data + hashlib.sha256(data).digest()


def save(record: object, folder: Path) -> Path:
    path = folder / "classifier.pkl"
    path.write_bytes(seal(pickle.dumps(record)))
    return path


def array(dtype: str, shape: list[int], data: bytes) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data": data}


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("classes", ["disc", "disc", "grid"], "classes does not fit"),
        ("classes", ["disc", 3, "grid"], "record.classes is int, expected str"),
        ("classes", LOOP, "record.classes is list, expected str"),
        ("decision.head", {"kind": "logistic"}, "record.decision.head lacks weights, bias"),
        ("decision.head.bias", array("<f4", [3], b"123"), "head.bias has 3 bytes for shape"),
        ("decision.head.bias", array("<f4", [-3], b""), "head.bias has a shape that is none"),
        ("decision.head.bias", array("<f4", [2], b"12345678"), "head.bias does not fit"),
        ("decision.head.bias", array("<f4", [3], b"\xff" * 12), "numbers does not fit"),
        ("decision.head.bias", array("|O", [3], b"1" * 24), "head.bias is not an array of float32"),
        ("decision.temperature", 0.0, "temperature does not fit"),
        ("decision.temperature", math.inf, "temperature does not fit"),
        ("decision.head.kind", "forest", "head.kind does not fit"),
        ("decision.temperature", "hot", "decision.temperature is str, expected float"),
        ("decision.rejection.prototypes", array("<f4", [1, 2], b"1" * 8), "prototypes does not"),
        ("decision.rejection.units", array("<f4", [3], b"1" * 12), "units does not fit"),
        ("decision.rejection.units", array("<f4", [2], bytes(8)), "units does not fit"),
        ("decision.rejection.threshold", math.nan, "threshold does not fit"),
        ("decision.rejection.rate", 7.0, "rate does not fit"),
        ("preprocessing.views", 9, "views is 9"),
        ("preprocessing.resize", "pad", "resize is 'pad'"),
        ("backbone.file", "../secret.onnx", "backbone.file does not fit"),
        ("backbone.file", "..\\secret.onnx", "backbone.file does not fit"),
        ("support.labels", array("<i8", [0], b""), "support.labels does not fit"),
        ("support.names", [], "does not fit"),
        ("references.known", array("|b1", [1], b"1"), "references does not fit"),
        ("references.known", array("|b1", [], b"1"), "references does not fit"),
        ("measured", {}, "measured does not fit"),
        ("measured", {1: 2.0}, "record.measured is int, expected str"),
    ],
)
def test_a_record_that_does_not_hold_together_is_refused(
    part: str, value: object, message: str, record: dict[str, Any], tmp_path: Path
) -> None:
    inner = changed = deepcopy(record)
    *outer, key = part.split(".")
    for name in outer:
        inner = inner[name]
    inner[key] = value
    with pytest.raises(ArtifactError, match=f"damaged classifier file .*{message}"):
        read_artifact(save(changed, tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a classifier file, or a damaged one"),
        (b"garbage", "not a classifier file, or a damaged one"),
        (pickle.dumps("somebody's own work"), "not a classifier file, or a damaged one"),
        (seal(pickle.dumps([1])), "not a fewshot classifier file"),
        (seal(pickle.dumps({"format": "1"})), "not a fewshot classifier file"),
        (seal(pickle.dumps({"format": 1})), "classifier format 1; this fewshot reads format 4"),
        (seal(pickle.dumps({"format": 3})), "record lacks classes, decision"),
    ],
)
def test_files_that_are_something_else(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "classifier.pkl").write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"classifier\.pkl: .*{message}"):
        read_artifact(tmp_path)


def test_every_truncation_is_refused(models: Path, tmp_path: Path) -> None:
    whole = (models / "classifier.pkl").read_bytes()
    path = tmp_path / "classifier.pkl"
    for length in range(0, len(whole), len(whole) // 50):
        path.write_bytes(whole[:length])
        with pytest.raises(ArtifactError):
            read_artifact(path)


def test_every_changed_byte_is_refused(models: Path, tmp_path: Path) -> None:
    whole = (models / "classifier.pkl").read_bytes()
    path = tmp_path / "classifier.pkl"
    for place in range(0, len(whole), len(whole) // 50):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ArtifactError):
            read_artifact(path)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no classifier there; make one with 'fewshot fit"):
        read_artifact(tmp_path)


def test_a_full_disk_leaves_the_old_classifier(artifact: Artifact, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = write_artifact(artifact, tmp_path)
    before = path.read_bytes()

    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    code = (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from fewshot.artifact import *\n"
        f"write_artifact(read_artifact({str(tmp_path)!r}), {str(tmp_path)!r})"
    )
    failed = subprocess.run(
        [sys.executable, "-c", code], preexec_fn=limit_file_size, capture_output=True, text=True
    )
    assert failed.returncode == 1 and "File too large" in failed.stderr
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["classifier.pkl"]
