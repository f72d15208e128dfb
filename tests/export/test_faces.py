"""A classifier of faces as an exported file, with the detector beside it."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from fewshot import ExportedClassifier, FewShotClassifier, export_classifier
from fewshot.classifier.verification import verify
from fewshot.errors import ArtifactError, MissingFileError, UsageError
from fewshot.export.description import read_description
from fewshot.faces import detector
from tests.conftest import draw
from tests.helpers.drawn_faces import PEOPLE, draw_group, draw_person


@pytest.fixture(scope="module")
def fitted() -> FewShotClassifier:
    people = {name: [draw_person(name, seed) for seed in range(3)] for name in PEOPLE}
    return FewShotClassifier(crop="face").fit(people)


@pytest.fixture(scope="module")
def file(fitted: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_classifier(fitted, tmp_path_factory.mktemp("exported") / "classifier.onnx")


def test_it_answers_as_the_folder(fitted: FewShotClassifier, file: Path) -> None:
    exported = ExportedClassifier(file)
    images = [*(draw_person(name, 50) for name in PEOPLE), draw("disc", 1)]
    expected, found = fitted.answer(images), exported.answer(images)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    np.testing.assert_allclose(found.embeddings, expected.embeddings, atol=1e-5)
    assert found.known.tolist() == expected.known.tolist()
    assert not exported.classify(images[-1]).face_found
    assert verify(exported).holds
    group = draw_group(["cleo", "anna"])
    boxes = [face.box for face in fitted.classify_faces(group)]
    assert [face.box for face in exported.classify_faces(group)] == boxes and len(boxes) == 2
    assert exported.classify(group, label="anna").label == "anna"


def test_the_detector_must_be_the_one_beside_it(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "classifier.onnx"
    copy.write_bytes(file.read_bytes())
    with pytest.raises(MissingFileError, match=r"face_detector\.onnx: no such file"):
        ExportedClassifier(copy).classify(draw_person("anna", 1))
    beside = file.with_name("face_detector.onnx")
    (tmp_path / "face_detector.onnx").write_bytes(beside.read_bytes() + b"\x10\x00")
    with pytest.raises(ArtifactError, match="not the face detector"):
        ExportedClassifier(copy).classify(draw_person("anna", 1))


def test_the_description_holds_all_that_another_program_needs(
    fitted: FewShotClassifier, file: Path
) -> None:
    found = read_description(file)
    recipe = fitted.artifact_.preprocessing
    beside = file.with_name(found["detector"])
    assert (found["crop"], found["no_face"]) == ("face", recipe.no_face)
    assert found["detector_sha256"] == hashlib.sha256(beside.read_bytes()).hexdigest()
    assert np.shape(found["alignment"]) == (5, 2) and "alignment" in found["units"]
    assert found["face_steps"] == {
        "long_sides": list(detector.ONE_FACE),
        "long_sides_for_all_faces": list(detector.ALL_FACES),
        "best_side": detector._BEST_SIDE,
        "multiple": detector._MULTIPLE,
        "stride": detector._STRIDE,
        "least_score": detector._LEAST_SCORE,
        "same_face_iou": detector._SAME_FACE,
        "same_face_inside": detector._MOSTLY_INSIDE,
        "landmarks": "eyes, nose, corners of the mouth, from left to right in the image",
    }


def test_fp16_is_of_the_embedder_alone_and_int8_is_refused(
    fitted: FewShotClassifier, file: Path, tmp_path: Path
) -> None:
    half = export_classifier(fitted, tmp_path / "half.onnx", precision="fp16")
    assert half.stat().st_size < 1.01 * file.stat().st_size
    assert half.with_name(detector.DEFAULT_DETECTOR + ".onnx").read_bytes() == (
        file.with_name(detector.DEFAULT_DETECTOR + ".onnx").read_bytes()
    )
    people = [draw_person(name, 60) for name in PEOPLE]
    expected, found = fitted.answer(people), ExportedClassifier(half).answer(people)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=5e-3)
    with pytest.raises(UsageError, match="calibrated on whole images"):
        export_classifier(fitted, tmp_path / "small.onnx", precision="int8")
    assert not (tmp_path / "small.onnx").exists()
