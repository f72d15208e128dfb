"""The exported graph: standard operators, batches, and the resize in it."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from fewshot import FewShotClassifier
from fewshot.backbones.find import find_backbone
from fewshot.classifier.exported import ExportedClassifier
from fewshot.classifier.verification import compare
from fewshot.errors import UsageError
from fewshot.export.graph import resize_graph
from fewshot.export.onnx_file import export_classifier
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.views import load_views
from tests.conftest import CLASSES, draw

CPU = ["CPUExecutionProvider"]
QUERIES = [draw(label, seed) for seed in (200, 201) for label in CLASSES]


@pytest.fixture(scope="module")
def file(classifier: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file; not to be written to."""
    return export_classifier(classifier, tmp_path_factory.mktemp("file") / "classifier.onnx")


@pytest.fixture(scope="module")
def any_size(classifier: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file that takes images of any size; not to be written to."""
    folder = tmp_path_factory.mktemp("any")
    return export_classifier(classifier, folder / "any.onnx", resize_in_graph=True)


def test_it_needs_nothing_but_standard_operators(file: Path, any_size: Path) -> None:
    for path, opset in ((file, 13), (any_size, 18)):
        model = onnx.load(path)
        assert [(o.domain, o.version) for o in model.opset_import] == [("", opset)]
        assert {node.domain for node in model.graph.node} == {""}
        assert not model.functions


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
    image = np.asarray(draw("disc", 3, 96).resize(size, Image.Resampling.BICUBIC))
    model = resize_graph(preprocessing)
    model.ir_version = 8
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=CPU)
    (pixels,) = session.run(None, {"image": image[None]})
    difference = np.abs(pixels.astype(int) - load_views(image, preprocessing).pixels)
    # An odd margin is cropped at half a pixel by Pillow, at a whole one by the graph.
    assert difference.mean() < (0.2 if sum(size) % 2 == 0 else 2) and difference.max() < 60


def test_images_of_any_size_go_in(any_size: Path, classifier: FewShotClassifier) -> None:
    session = onnxruntime.InferenceSession(any_size, providers=CPU)
    for label in CLASSES:
        image = draw(label, 300).resize((500, 364), Image.Resampling.BICUBIC)
        probabilities, known = session.run(
            ["probabilities", "known"], {"image": np.asarray(image)[None]}
        )
        expected = classifier.answer([image])
        np.testing.assert_allclose(probabilities, expected.probabilities, atol=0.02)
        assert known.tolist() == expected.known.tolist()
    # Given pixels of the right size, as fewshot itself does, the resize changes nothing.
    assert compare(classifier, ExportedClassifier(any_size), QUERIES).probability_difference < 1e-4


def test_an_interpolation_that_onnx_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="'lanczos' cannot be put into the file"):
        resize_graph(Preprocessing(interpolation="lanczos"))


def test_images_that_are_resized_already_are_not_cropped_again(
    support_folder: Path, tmp_path: Path
) -> None:
    model = onnx.load(find_backbone())
    for entry in model.metadata_props:
        if entry.key == "crop_fraction":
            entry.value = "0.8"
    onnx.save(model, tmp_path / "cropping.onnx")
    classifier = FewShotClassifier(backbone=tmp_path / "cropping.onnx").fit(support_folder)
    file = export_classifier(classifier, tmp_path / "any.onnx", resize_in_graph=True)
    agreement = compare(classifier, ExportedClassifier(file), QUERIES)
    assert agreement.holds and agreement.embedding_difference < 1e-5
