"""A classifier of faces as an exported file, with the detector beside it."""

from pathlib import Path

import numpy as np
import pytest

from fewshot import ExportedClassifier, FewShotClassifier, export_classifier
from fewshot.classifier.verification import verify
from fewshot.errors import ArtifactError, MissingFileError
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
    detector = file.with_name("face_detector.onnx")
    (tmp_path / "face_detector.onnx").write_bytes(detector.read_bytes() + b"\x10\x00")
    with pytest.raises(ArtifactError, match="not the face detector"):
        ExportedClassifier(copy).classify(draw_person("anna", 1))
