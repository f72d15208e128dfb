"""Files that earlier versions wrote, which must give the answers that they gave then."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewshot import ExportedClassifier, FewShotClassifier, export_classifier, load_classifier
from fewshot.cli import main
from tests.conftest import CLASSES, draw, draw_noise

FIXTURES = Path(__file__).parent / "fixtures"
FOLDERS = ["format2", "format3", "format3_third_party"]
FILES = ["format2/classifier.onnx", "format3/classifier.onnx"]


def check_answers(classifier: FewShotClassifier | ExportedClassifier, name: str, file: str) -> None:
    """Ask about the images of a fixture; `file` is the one whose answers are expected."""
    recorded: dict[str, Any] = json.loads((FIXTURES / name / "expected.json").read_text("utf-8"))
    expected = recorded[file]
    found = [
        classifier.classify(draw_noise(seed) if label == "noise" else draw(label, seed))
        for label, seed in recorded["queries"]
    ]
    assert classifier.class_names_ == CLASSES
    assert [answer.label for answer in found] == expected["labels"]
    assert [answer.known for answer in found] == expected["known"]
    assert {True, False} == set(expected["known"])
    probabilities = [[answer.scores[label] for label in CLASSES] for answer in found]
    np.testing.assert_allclose(probabilities, expected["probabilities"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_old_classifier_answers_as_before(folder: str) -> None:
    check_answers(load_classifier(FIXTURES / folder), folder, "classifier.pkl")


@pytest.mark.parametrize("file", FILES)
def test_an_old_exported_file_answers_as_before(file: str) -> None:
    folder, name = file.split("/")
    check_answers(load_classifier(FIXTURES / file), folder, name)


@pytest.mark.parametrize("name", [*FOLDERS, *FILES])
def test_verify_accepts_old_files(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(FIXTURES / name), "--json"]) == 0
    agreement = json.loads(capsys.readouterr().out)
    assert agreement["holds"] is True and agreement["images"] > 0


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_old_classifier_saved_again_answers_as_before(folder: str, tmp_path: Path) -> None:
    FewShotClassifier.load(FIXTURES / folder).save(tmp_path / "models")
    check_answers(load_classifier(tmp_path / "models"), folder, "classifier.pkl")


@pytest.mark.parametrize("folder", ["format2", "format3"])
def test_an_old_classifier_exported_now_answers_as_before(folder: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="files are exported with onnx")
    classifier = FewShotClassifier.load(FIXTURES / folder)
    file = export_classifier(classifier, tmp_path / "classifier.onnx")
    check_answers(load_classifier(file), folder, "classifier.onnx")


@pytest.mark.parametrize("folder", ["format2", "format3"])
def test_an_export_replaces_an_old_exported_file(folder: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="files are exported with onnx")
    for name in ("classifier.onnx", "classifier.json"):
        (tmp_path / name).write_bytes((FIXTURES / folder / name).read_bytes())
    classifier = FewShotClassifier.load(FIXTURES / folder).partial_fit([draw_noise(9)], ["noise"])
    file = export_classifier(classifier, tmp_path / "classifier.onnx")
    assert load_classifier(file).class_names_ == tuple(sorted([*CLASSES, "noise"]))
    described = json.loads((tmp_path / "classifier.json").read_text("utf-8"))
    assert described["classes"] == sorted([*CLASSES, "noise"])
