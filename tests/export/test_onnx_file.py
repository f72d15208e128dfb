"""Export: one file of standard operators that answers like the classifier it came from."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from fewshot import FewShotClassifier
from fewshot.classifier.exported import ExportedClassifier
from fewshot.classifier.verification import compare
from fewshot.errors import FewShotWarning, NotFittedError, SupportError, UsageError
from fewshot.export.onnx_file import export_classifier
from fewshot.export.resize_graph import resize_graph
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.views import load_views
from tests.conftest import CLASSES, Run, draw, draw_face, draw_noise

CPU = ["CPUExecutionProvider"]
QUERIES = [draw(label, seed) for seed in (200, 201) for label in CLASSES]
STRANGERS = [draw_face(), draw_noise(3)]


def fitted(kind: str, support_folder: Path) -> FewShotClassifier:
    """Fit a classifier of each make that a file must reproduce."""
    two = {label: support_folder / label for label in CLASSES[:2]}
    strangers = [draw_noise(seed) for seed in range(4)]
    if kind == "negatives":
        return FewShotClassifier().fit(support_folder, negatives=strangers)
    if kind == "one class":
        return FewShotClassifier().fit({"disc": support_folder / "disc"}, negatives=strangers)
    if kind == "two classes":
        return FewShotClassifier("centroid").fit(two)
    return FewShotClassifier(reject_rate=0).fit(support_folder)


@pytest.mark.parametrize("kind", ["negatives", "one class", "two classes", "never unknown"])
def test_the_file_answers_like_the_classifier(
    kind: str, support_folder: Path, tmp_path: Path
) -> None:
    classifier = fitted(kind, support_folder)
    file = export_classifier(classifier, tmp_path / "new" / "classifier.onnx")
    agreement = compare(classifier, ExportedClassifier(file), [*QUERIES, *STRANGERS])
    assert agreement.holds
    assert agreement.probability_difference < 1e-4 and agreement.embedding_difference < 1e-5


@pytest.fixture(scope="module")
def file(classifier: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file; not to be written to."""
    return export_classifier(classifier, tmp_path_factory.mktemp("file") / "classifier.onnx")


@pytest.fixture(scope="module")
def any_size(classifier: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file that takes photographs of any size; not to be written to."""
    folder = tmp_path_factory.mktemp("any")
    return export_classifier(classifier, folder / "any.onnx", resize_in_graph=True)


def test_it_needs_nothing_but_standard_operators(file: Path, any_size: Path) -> None:
    for path, opset in ((file, 13), (any_size, 18)):
        model = onnx.load(path)
        assert [(o.domain, o.version) for o in model.opset_import] == [("", opset)]
        assert {node.domain for node in model.graph.node} == {""}
        assert not model.functions


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


def test_batches_are_answered_row_by_row(file: Path) -> None:
    exported = ExportedClassifier(file)
    pixels = [load_views(query, exported.preprocessing_).pixels for query in QUERIES]
    session = onnxruntime.InferenceSession(file, providers=CPU)
    (together,) = session.run(["probabilities"], {"image": np.concatenate(pixels)})
    np.testing.assert_allclose(together, exported.predict_proba(QUERIES), atol=1e-5)


@pytest.mark.parametrize("size", [(300, 224), (224, 301), (97, 97), (1000, 640)])
@pytest.mark.parametrize("recipe", [("crop", "bilinear"), ("squash", "bicubic")])
def test_the_graph_resizes_nearly_as_pillow_does(
    recipe: tuple[str, str], size: tuple[int, int]
) -> None:
    preprocessing = Preprocessing(224, recipe[0], interpolation=recipe[1])
    photograph = np.asarray(draw("disc", 3, 96).resize(size, Image.Resampling.BICUBIC))
    model = resize_graph(preprocessing)
    model.ir_version = 8
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=CPU)
    (pixels,) = session.run(None, {"image": photograph[None]})
    difference = np.abs(pixels.astype(int) - load_views(photograph, preprocessing).pixels)
    # An odd margin is cropped at half a pixel by Pillow, at a whole one by the graph.
    assert difference.mean() < (0.2 if sum(size) % 2 == 0 else 2) and difference.max() < 60


def test_photographs_of_any_size_go_in(any_size: Path, classifier: FewShotClassifier) -> None:
    session = onnxruntime.InferenceSession(any_size, providers=CPU)
    for label in CLASSES:
        photograph = draw(label, 300).resize((500, 364), Image.Resampling.BICUBIC)
        probabilities, known = session.run(
            ["probabilities", "known"], {"image": np.asarray(photograph)[None]}
        )
        expected = classifier.answer([photograph])
        np.testing.assert_allclose(probabilities, expected.probabilities, atol=0.02)
        assert known.tolist() == expected.known.tolist()
    # Given pixels of the right size, as fewshot itself does, the resize changes nothing.
    assert compare(classifier, ExportedClassifier(any_size), QUERIES).probability_difference < 1e-4


@pytest.mark.parametrize(("precision", "most"), [("fp16", 2e-3), ("int16", 1e-3)])
def test_half_the_size_moves_probabilities_hardly(
    precision: str, most: float, file: Path, classifier: FewShotClassifier, tmp_path: Path
) -> None:
    half = export_classifier(classifier, tmp_path / "half.onnx", precision=precision)
    assert half.stat().st_size < 0.56 * file.stat().st_size
    agreement = compare(classifier, ExportedClassifier(half), [*QUERIES, *STRANGERS])
    assert agreement.holds and agreement.probability_difference < most


def test_int8_is_a_third_of_the_size_and_fitted_again(
    file: Path, classifier: FewShotClassifier, support_folder: Path, tmp_path: Path
) -> None:
    small = export_classifier(
        classifier, tmp_path / "small.onnx", precision="int8", data=support_folder
    )
    assert small.stat().st_size < 0.45 * file.stat().st_size
    exported = ExportedClassifier(small)
    assert exported.predict(QUERIES) == classifier.predict(QUERIES)
    ours, theirs = exported.references_.embeddings, classifier.references_.embeddings
    assert 0.9 < (ours * theirs).sum(axis=1).min() < 0.99999
    with pytest.raises(SupportError, match="the data hold the classes disc, grid, the classifier"):
        two = {label: support_folder / label for label in CLASSES[:2]}
        export_classifier(classifier, tmp_path / "two.onnx", precision="int8", data=two)
    assert not (tmp_path / "two.onnx").exists()


def test_int8_without_photographs_is_warned_of(
    classifier: FewShotClassifier, tmp_path: Path
) -> None:
    with pytest.warns(FewShotWarning, match="int8 without photographs"):
        file = export_classifier(classifier, tmp_path / "small.onnx", precision="int8")
    assert ExportedClassifier(file).predict(QUERIES) == classifier.predict(QUERIES)


def test_what_a_single_file_cannot_do_is_refused(
    classifier: FewShotClassifier, support_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        UsageError, match="precision is 'fp8'; expected one of fp32, fp16, int16, int8"
    ):
        export_classifier(classifier, tmp_path / "x.onnx", precision="fp8")
    thrice = FewShotClassifier("centroid", views=3).fit(support_folder)
    with pytest.raises(UsageError, match="looks at each image 3 times"):
        export_classifier(thrice, tmp_path / "x.onnx")
    with pytest.raises(UsageError, match="'lanczos' cannot be put into the file"):
        resize_graph(Preprocessing(interpolation="lanczos"))
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
        with pytest.raises(UsageError, match="was not written by fewshot export"):
            export_classifier(loaded, (tmp_path / name).with_suffix(".onnx"))
        assert (tmp_path / name).read_text(encoding="utf-8") == "{}"
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(UsageError, match=r"folder\.onnx: is a folder"):
        export_classifier(loaded, tmp_path / "folder.onnx")
    assert {file: file.read_bytes() for file in models.iterdir()} == before


def test_int8_says_what_is_missing(
    fewshot: Run, models: Path, support_folder: Path, tmp_path: Path
) -> None:
    strangers = [draw_noise(seed) for seed in range(4)]
    wary = FewShotClassifier("centroid").fit(support_folder, negatives=strangers)
    with pytest.raises(SupportError, match="fitted with negatives; give them too"):
        export_classifier(wary, tmp_path / "x.onnx", precision="int8", data=support_folder)
    shutil.copytree(support_folder, tmp_path / "data")
    (tmp_path / "data" / "disc" / "bad.png").write_bytes(b"no")
    done = fewshot("export", "--models", models, "--precision", "int8", "--data", "data")
    assert done.returncode == 1 and "bad.png: not an image" in done.stderr
    done = fewshot("export", "--models", models, "--precision", "int8")
    assert done.returncode == 0 and "int8 without photographs" in done.stderr


def test_an_unfitted_classifier_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="knows no classes yet"):
        export_classifier(FewShotClassifier(), tmp_path / "x.onnx")


def test_class_names_of_any_kind(support_folder: Path, tmp_path: Path) -> None:
    names = ("玫瑰", "a\udcffb")  # the latter as a folder is called whose name is not UTF-8
    data = {name: support_folder / label for name, label in zip(names, CLASSES[:2], strict=True)}
    file = export_classifier(FewShotClassifier("centroid").fit(data), tmp_path / "x.onnx")
    assert set(ExportedClassifier(file).classes_) == set(names)
    beside = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    assert set(beside["classes"]) == set(names)
