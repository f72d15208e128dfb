"""The classifier file: built-in types only, read back exactly, refused when it is anything else."""

import hashlib
import math
import os
import pickle
import pickletools
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewshot import Artifact, FewShotClassifier, read_artifact
from fewshot.artifact import previous_path, write_artifact
from fewshot.errors import ArtifactError, BackboneError, DamagedArtifactError, MissingFileError
from tests.conftest import draw


def seal(data: bytes) -> bytes:
    """Append the check sum, as whoever wants to deceive would."""
    return data + hashlib.sha256(data).digest()


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
        ("decision.head.weights", array("<f4", [], bytes(4)), "head.weights does not fit"),
        ("decision.head.bias", array("<f4", [3, 1], bytes(12)), "head.bias does not fit"),
        ("decision.head.bias", array("<f4", [], bytes(4)), "head.weights does not fit"),
        ("decision.head.bias", array("<f4", [3], b"123"), "head.bias has 3 bytes for shape"),
        ("decision.head.bias", array("<f4", [-3], b""), "head.bias has a shape that is none"),
        ("decision.head.bias", array("<f4", [2], b"12345678"), "head.weights does not fit"),
        ("decision.head.bias", array("<f4", [3], b"\xff" * 12), "bias has numbers that are not"),
        ("decision.head.bias", array("|O", [3], b"1" * 24), "head.bias is not an array of float32"),
        ("decision.temperature", 0.0, "temperature does not fit"),
        ("decision.temperature", math.inf, "decision.temperature is inf"),
        ("decision.head.kind", "forest", "head.kind does not fit"),
        ("decision.temperature", "hot", "decision.temperature is str, expected float"),
        ("decision.rejection.prototypes", array("<f4", [1, 2], b"1" * 8), "prototypes does not"),
        ("decision.rejection.units", array("<f4", [3], b"1" * 12), "units does not fit"),
        ("decision.rejection.units", array("<f4", [2], bytes(8)), "units does not fit"),
        ("decision.rejection.threshold", math.nan, "decision.rejection.threshold is nan"),
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
        ("measured.accuracy_low", -1.0, "measured does not fit"),
        ("measured.accuracy_low", 10**400, "too large"),
        ("measured.more", math.nan, "record.measured is nan"),
        ("classes", ["disc", "grid", "\ud800"], "record.classes is not Unicode text"),
        ("backbone.name", "\udcff", "backbone.name does not fit"),
        ("versions", {"numpy": "\udfff"}, "record.versions is not Unicode text"),
        ("decision.rejection.units", array("<f4", [2], b"\0\0\0\1" * 2), "units does not fit"),
        (
            "support.embeddings",
            array("<f4", [12, 1280], b"\0\0\x80\x40" * 12 * 1280),
            "support.emb",
        ),
        ("support.embeddings", array("<f4", [12, 1280], b"\0\0\x80\x7e" * 12 * 1280), "numbers"),
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
        (b"", "damaged classifier file"),
        (b"garbage", "not a classifier file"),
        (pickle.dumps("somebody's own work"), "not a classifier file"),
        (pickle.dumps({"classes": ["cat"], "decision": 1}, 4), "not a classifier file"),
        (seal(pickle.dumps([1])), "not a fewshot classifier file"),
        (seal(pickle.dumps({"format": "1"})), "not a fewshot classifier file"),
        (seal(pickle.dumps({"format": 10**5000})), "not a fewshot classifier file"),
        (seal(pickle.dumps({"format": -1})), "not a fewshot classifier file"),
        (seal(pickle.dumps({"format": 1})), "classifier format 1; this fewshot reads format 4"),
        (seal(pickle.dumps({"format": 3})), "record lacks classes, decision"),
    ],
)
def test_files_that_are_something_else(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "classifier.pkl").write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"classifier\.pkl: .*{message}"):
        read_artifact(tmp_path)


def damaged(whole: bytes) -> Iterator[bytes]:
    """Cut a file, change a byte, lose a block, append."""
    for place in (*range(60), *range(60, len(whole), len(whole) // 50)):
        yield whole[:place]
        yield whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    for place in range(0, len(whole), 4096):
        yield whole[:place] + bytes(4096) + whole[place + 4096 :]
        yield whole[:place] + whole[place + 4096 :]
    yield from (bytes(len(whole)), whole + b"\0", whole + whole)


def test_every_damage_is_seen(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "classifier.pkl"
    for content in damaged((models / "classifier.pkl").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(DamagedArtifactError, match=r"damaged classifier file .*; fit again"):
            read_artifact(path)


def test_a_damaged_file_is_replaced_and_does_not_become_the_previous_one(
    artifact: Artifact, tmp_path: Path
) -> None:
    path = write_artifact(artifact, tmp_path)
    whole = path.read_bytes()
    other = replace(artifact, classes=("circle", "grid", "stripes"))
    for content in (whole[:-1], b"", seal(pickle.dumps({"format": 3, "classes": []}))):
        path.write_bytes(content)
        write_artifact(other, path)
        assert read_artifact(path).classes[0] == "circle"
        assert not previous_path(path).exists()
    write_artifact(artifact, path)
    assert read_artifact(previous_path(path)).classes[0] == "circle"


@pytest.mark.parametrize(
    "content",
    [
        b"text",
        pickle.dumps("somebody's own work"),
        pickle.dumps({"classes": ["cat"], "weights": [1.0]}, 4),
        seal(pickle.dumps({"format": 9})),
        seal(pickle.dumps({"format": 3, "x": os.mkdir})),
    ],
)
def test_a_file_of_something_else_is_not_replaced(
    content: bytes, artifact: Artifact, tmp_path: Path
) -> None:
    path = tmp_path / "classifier.pkl"
    path.write_bytes(content)
    with pytest.raises(ArtifactError):
        write_artifact(artifact, path)
    assert path.read_bytes() == content and os.listdir(tmp_path) == ["classifier.pkl"]


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


def test_a_classifier_of_another_backbone_that_claims_this_one_is_refused(
    models: Path, tmp_path: Path
) -> None:
    file = Path(shutil.copytree(models, tmp_path / "models")) / "classifier.pkl"
    artifact, dim = read_artifact(file), 6
    first = np.eye(4, dim, dtype=np.float32)
    decision = replace(
        artifact.decision,
        head=replace(artifact.decision.head, weights=first[:3]),
        rejection=replace(artifact.decision.rejection, prototypes=first[:3]),
    )
    other = replace(
        artifact,
        decision=decision,
        backbone=replace(artifact.backbone, dim=dim),
        support=replace(artifact.support, embeddings=first[[0, 1, 2] * 4]),
        references=replace(artifact.references, embeddings=first),
    )
    write_artifact(other, file)
    with pytest.raises(BackboneError, match="gives embeddings of 1280 numbers, but the classifier"):
        FewShotClassifier.load(file).classify(draw("disc", 0))
