"""An exported file gives the same answers in JavaScript as in Python, for the same pixels."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fewshot import FewShotClassifier
from fewshot.export.onnx_file import export_classifier
from fewshot.images.views import load_views
from tests.conftest import CLASSES, draw, draw_face, draw_noise
from tests.helpers.runtimes import JS, PACKAGES, require_node, require_package

pytest.importorskip("onnx", reason="exporting needs onnx: pip install 'fewshot[onnx]'")
ort = pytest.importorskip("onnxruntime")

Outputs = dict[str, NDArray[np.float64]]


@pytest.fixture(params=["onnxruntime-node", "onnxruntime-web"])
def runtime(request: pytest.FixtureRequest) -> str:
    """A package to run the file with."""
    require_node()
    return require_package(request.param).name


def ask(runtime: str, file: Path, pixels: NDArray[np.uint8]) -> Outputs:
    """Run a file in Node on pixels of shape (N, H, W, 3)."""
    raw = file.with_suffix(".raw")
    raw.write_bytes(pixels.tobytes())
    shape = map(str, pixels.shape[:3])
    done = subprocess.run(
        ["node", JS / "ask.mjs", PACKAGES, runtime, file, raw, *shape],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)
    return {name: np.reshape(out["data"], out["dims"]) for name, out in outputs.items()}


def ask_python(file: Path, pixels: NDArray[np.uint8]) -> Outputs:
    """Run a file in this process."""
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_outputs()]
    found = session.run(names, {"image": pixels})
    return {name: out.astype(float) for name, out in zip(names, found, strict=True)}


def require_same(found: Outputs, expected: Outputs) -> None:
    assert found.keys() == expected.keys() == {"probabilities", "known", "embedding"}
    for name, values in expected.items():
        assert found[name].shape == values.shape
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-4)
    assert (found["known"] == expected["known"]).all()


def test_several_images_at_once(
    runtime: str, classifier: FewShotClassifier, query_folder: Path, tmp_path: Path
) -> None:
    file = export_classifier(classifier, tmp_path / "classifier.onnx")
    images = [*sorted(query_folder.rglob("*.png")), draw_face(), draw_noise(1)]
    recipe = classifier.artifact_.preprocessing
    pixels = np.concatenate([load_views(image, recipe).pixels for image in images])
    found = ask(runtime, file, pixels)
    require_same(found, ask_python(file, pixels))
    labels = [CLASSES[i] for i in found["probabilities"].argmax(axis=1)]
    assert labels == classifier.predict(images).tolist()
    assert set(found["known"]) == {0, 1}  # else the verdict was not put to the test


@pytest.mark.parametrize("size", [(640, 427), (150, 401)])
def test_an_image_of_any_size(
    runtime: str, size: tuple[int, int], classifier: FewShotClassifier, tmp_path: Path
) -> None:
    file = export_classifier(classifier, tmp_path / "classifier.onnx", resize_in_graph=True)
    pixels = np.asarray(draw("grid", 7, max(size)).crop((0, 0, *size)))[None]
    require_same(ask(runtime, file, pixels), ask_python(file, pixels))
