"""The JavaScript module resizes as Pillow does and answers as Python does."""

import base64
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from numpy.typing import NDArray

from fewshot import FewShotClassifier
from fewshot.classifier.exported import ExportedClassifier
from fewshot.export.onnx_file import MODULE, export_classifier
from fewshot.images.preprocessing import INTERPOLATIONS, Preprocessing
from fewshot.images.views import load_views
from tests.conftest import CLASSES, Run, draw, draw_noise
from tests.helpers.runtimes import JS, PACKAGES, require_node, require_package

pytest.importorskip("onnx", reason="exporting needs onnx")

Pixels = NDArray[np.uint8]
SIZES = [(224, 224), (300, 451), (640, 427), (97, 33), (225, 224), (1, 1), (1200, 1600)]


@pytest.fixture(scope="module")
def file(classifier: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file with its module; not to be written to."""
    folder = tmp_path_factory.mktemp("file")
    return export_classifier(classifier, folder / "classifier.onnx", javascript=True)


def use_module(folder: Path, images: Sequence[Pixels], **task: object) -> dict[str, Any]:
    """Run the module in Node."""
    require_node()
    described = []
    for n, pixels in enumerate(images):
        (folder / f"{n}.raw").write_bytes(pixels.tobytes())
        height, width, _ = pixels.shape
        described.append({"file": str(folder / f"{n}.raw"), "width": width, "height": height})
    done = subprocess.run(
        ["node", JS / "use_module.mjs"],
        input=json.dumps({"module": str(MODULE), "images": described, **task}),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def draw_pixels(height: int, width: int, channels: int = 3) -> Pixels:
    """Draw smooth and noisy parts side by side."""
    noise = np.random.default_rng(height).integers(0, 256, (height, width, channels), np.uint8)
    y, x = np.mgrid[:height, :width]
    noise[:, : width // 2] = ((x + 2 * y) % 256).astype(np.uint8)[:, : width // 2, np.newaxis]
    return noise


@pytest.mark.parametrize("resize", [("squash", 1.0), ("crop", 1.0), ("crop", 0.875)])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_pixels_are_those_of_python(
    interpolation: str, resize: tuple[str, float], tmp_path: Path
) -> None:
    recipe = Preprocessing(100, *resize, interpolation=interpolation)
    images = [draw_pixels(*size) for size in SIZES]
    images += [draw_pixels(*SIZES[1], channels) for channels in (1, 4)]
    metadata = {
        "image_size": "100",
        "resize": resize[0],
        "crop_fraction": str(resize[1]),
        "interpolation": interpolation,
    }
    found = use_module(tmp_path, images, metadata=metadata)
    for pixels, packed in zip(images, found["resized"], strict=True):
        expected = load_views(pixels, recipe).pixels[0]
        resized = np.frombuffer(base64.b64decode(packed), np.uint8).reshape(expected.shape)
        height, width, _ = pixels.shape
        if int(PIL.__version__.split(".")[0]) >= 13 or height <= width:
            assert (resized == expected).all()
        else:  # Pillow resized the width first then, and rounded after that
            assert np.abs(resized.astype(int) - expected).mean() < 1


def test_metadata_are_read_from_the_file(file: Path, tmp_path: Path) -> None:
    found = use_module(tmp_path, [], model=str(file))
    assert found["metadata"] == ExportedClassifier(file)._network.properties


@pytest.mark.parametrize("resize_in_graph", [False, True])
@pytest.mark.parametrize("runtime", ["onnxruntime-node", "onnxruntime-web"])
def test_answers_are_those_of_python(
    runtime: str, resize_in_graph: bool, classifier: FewShotClassifier, tmp_path: Path
) -> None:
    require_package(runtime)
    path = export_classifier(
        classifier, tmp_path / "any.onnx", resize_in_graph=resize_in_graph, javascript=True
    )
    images = [
        np.asarray(draw(label, 7, 400).crop((0, 0, 300 + 40 * n, 350)))
        for n, label in enumerate(CLASSES)
    ]
    images += [np.asarray(draw("disc", 8, 260).convert("RGBA")), np.asarray(draw_noise(1))]
    task = {"packages": str(PACKAGES), "runtime": runtime, "model": str(path)}
    found = use_module(tmp_path, images, **task, module=str(path.with_suffix(".mjs")))
    assert found["classes"] == list(CLASSES) and found["none"] == []
    exported = ExportedClassifier(path)
    for image, answer in zip(images, found["answers"], strict=True):
        expected = exported.classify(image)
        assert (answer["label"], answer["known"]) == (expected.label, expected.known)
        assert answer["probability"] == answer["scores"][0]["probability"]
        scores = {score["label"]: score["probability"] for score in answer["scores"]}
        assert list(scores) == list(expected.scores)
        np.testing.assert_allclose(
            list(scores.values()), list(expected.scores.values()), rtol=0, atol=1e-4
        )
    assert {answer["known"] for answer in found["answers"]} == {True, False}


def test_what_is_no_image_or_no_classifier_is_an_error(file: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="30 values for 3 x 5 pixels; expected grey, RGB"):
        use_module(tmp_path, [np.zeros((5, 3, 2), np.uint8)], model=str(file))
    require_package("onnxruntime-node")
    (tmp_path / "other.onnx").write_bytes(b"")
    task = {"packages": str(PACKAGES), "runtime": "onnxruntime-node"}
    with pytest.raises(AssertionError, match="expected a file that 'fewshot export' wrote"):
        use_module(tmp_path, [], **task, model=str(tmp_path / "other.onnx"))


def test_the_command_writes_the_module(cli: Run, models: Path, tmp_path: Path) -> None:
    told = cli("export", "--models", models, "--javascript")
    assert told.returncode == 0
    assert told.stdout.endswith(" MB, and classifier.json and classifier.mjs\n")
    assert (tmp_path / "classifier.mjs").read_bytes() == MODULE.read_bytes()
    assert cli("export", "--models", models, "--javascript").returncode == 0  # replaces its own
    (tmp_path / "classifier.mjs").write_text("// mine")
    told = cli("export", "--models", models, "--javascript")
    assert told.returncode == 2 and "classifier.mjs: exists and was not written" in told.stderr
