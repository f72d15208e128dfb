"""Export: one file of standard operators that answers like the classifier it came from."""

import json
from pathlib import Path

import onnxruntime
import pytest

from fewshot import FewShotClassifier
from fewshot.classifier.exported import ExportedClassifier
from fewshot.classifier.verification import compare
from fewshot.errors import NotFittedError, UsageError
from fewshot.export.onnx_file import export_classifier
from tests.conftest import CLASSES, draw, draw_face, draw_noise

CPU = ["CPUExecutionProvider"]
QUERIES = [draw(label, seed) for seed in (200, 201) for label in CLASSES]
OTHERS = [draw_face(), draw_noise(3)]


def fitted(kind: str, support_folder: Path) -> FewShotClassifier:
    """Fit a classifier of each kind that a file must reproduce."""
    two = {label: support_folder / label for label in CLASSES[:2]}
    others = [draw_noise(seed) for seed in range(4)]
    if kind == "negatives":
        return FewShotClassifier().fit(support_folder, negatives=others)
    if kind == "one class":
        return FewShotClassifier().fit({"disc": support_folder / "disc"}, negatives=others)
    if kind == "two classes":
        return FewShotClassifier("centroid").fit(two)
    return FewShotClassifier(reject_rate=0).fit(support_folder)


@pytest.mark.parametrize("kind", ["negatives", "one class", "two classes", "never unknown"])
def test_the_file_answers_like_the_classifier(
    kind: str, support_folder: Path, tmp_path: Path
) -> None:
    classifier = fitted(kind, support_folder)
    file = export_classifier(classifier, tmp_path / "new" / "classifier.onnx")
    agreement = compare(classifier, ExportedClassifier(file), [*QUERIES, *OTHERS])
    assert agreement.holds
    assert agreement.probability_difference < 1e-4 and agreement.embedding_difference < 1e-5


@pytest.fixture(scope="module")
def file(classifier: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file; not to be written to."""
    return export_classifier(classifier, tmp_path_factory.mktemp("file") / "classifier.onnx")


def test_inputs_outputs_and_metadata(file: Path, classifier: FewShotClassifier) -> None:
    session = onnxruntime.InferenceSession(file, providers=CPU)
    (image,) = session.get_inputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(uint8)", ["N", 224, 224, 3])
    assert {(node.name, node.type) for node in session.get_outputs()} == {
        ("probabilities", "tensor(float)"),
        ("known", "tensor(bool)"),
        ("embedding", "tensor(float)"),
    }
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == list(CLASSES)
    assert metadata["backbone_sha256"] == classifier.artifact_.backbone.sha256
    beside = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    assert beside["classes"] == list(CLASSES) and beside["file"] == file.name
    assert (beside["image_size"], beside["resize"], beside["resize_in_graph"]) == (
        224,
        "crop",
        False,
    )
    rejection = classifier.artifact_.decision.rejection
    assert beside["threshold"] == pytest.approx(rejection.threshold)


def test_what_a_single_file_cannot_do_is_refused(
    classifier: FewShotClassifier, support_folder: Path, tmp_path: Path
) -> None:
    for precision in ("int16", "fp8"):
        with pytest.raises(UsageError, match="fp16"):
            export_classifier(classifier, tmp_path / "x.onnx", precision=precision)
    thrice = FewShotClassifier("centroid", views=3).fit(support_folder)
    with pytest.raises(UsageError, match="averages 3 views of each image"):
        export_classifier(thrice, tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_nothing_that_was_there_is_lost(classifier: FewShotClassifier, tmp_path: Path) -> None:
    models = classifier.save(tmp_path / "models").parent
    loaded = FewShotClassifier.load(models)
    before = {file: file.read_bytes() for file in models.iterdir()}
    for name in ("classifier.pkl", "mobilenet_v2.onnx", "x.json", "x"):
        with pytest.raises(UsageError, match=f"{name}: "):
            export_classifier(loaded, models / name)
    for name in ("package.json", "other.onnx"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
        with pytest.raises(UsageError, match="exists and was not written by fewshot"):
            export_classifier(loaded, (tmp_path / name).with_suffix(".onnx"))
        assert (tmp_path / name).read_text(encoding="utf-8") == "{}"
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(UsageError, match=r"folder\.onnx: is a folder"):
        export_classifier(loaded, tmp_path / "folder.onnx")
    assert {file: file.read_bytes() for file in models.iterdir()} == before


def test_an_unfitted_classifier_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="knows no classes yet"):
        export_classifier(FewShotClassifier(), tmp_path / "x.onnx")


def test_class_names_of_any_kind(support_folder: Path, tmp_path: Path) -> None:
    names = ("玫瑰", "a\udcffb")  # the latter as a folder is called whose name is not UTF-8
    data = {name: support_folder / label for name, label in zip(names, CLASSES[:2], strict=True)}
    file = export_classifier(FewShotClassifier("centroid").fit(data), tmp_path / "x.onnx")
    assert set(ExportedClassifier(file).class_names_) == set(names)
    beside = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    assert set(beside["classes"]) == set(names)
