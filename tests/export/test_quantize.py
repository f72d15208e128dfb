"""Smaller backbone files: what they keep, how close they come, and what they refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fewshot import Embedder
from fewshot.backbones.find import find_backbone
from fewshot.errors import BackboneError, UsageError
from fewshot.heads.decision import fit_decision
from tests.conftest import CLASSES, draw

onnx = pytest.importorskip("onnx")

from fewshot.export.quantize import draw_images, to_fp16, to_int8  # noqa: E402

Images = NDArray[np.uint8]
SHOTS = 6


@pytest.fixture(scope="module")
def original() -> Any:
    return onnx.load(find_backbone())


@pytest.fixture(scope="module")
def smaller(original: Any) -> dict[str, Any]:
    """Every version, the 8-bit one calibrated on drawn images; not to be changed."""
    int8 = to_int8(original, [draw_images(12, 224)])
    return {"fp16": to_fp16(original), "int8": int8}


@pytest.fixture(scope="module")
def files(smaller: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("backbones")
    for name, model in smaller.items():
        onnx.save(model, folder / f"{name}.onnx")
    return {name: folder / f"{name}.onnx" for name in smaller} | {"fp32": find_backbone()}


@pytest.fixture(scope="module")
def embeddings(files: dict[str, Path]) -> dict[str, NDArray[np.float32]]:
    """Embeddings of the same images by each version, class after class."""
    images = [draw(label, seed) for label in CLASSES for seed in range(2 * SHOTS)]
    return {name: Embedder(path).embed(images) for name, path in files.items()}


def every(model: Any, field: str) -> list[bytes]:
    return [entry.SerializeToString() for entry in getattr(model, field)]


VERSIONS = pytest.mark.parametrize("name", ["fp16", "int8"])


@VERSIONS
def test_inputs_outputs_metadata_and_versions_are_kept(
    name: str, original: Any, smaller: dict[str, Any]
) -> None:
    model = smaller[name]
    onnx.checker.check_model(model, full_check=True)
    assert every(model, "metadata_props") == every(original, "metadata_props")
    assert every(model, "opset_import") == every(original, "opset_import")
    assert every(model.graph, "input") == every(original.graph, "input")
    assert every(model.graph, "output") == every(original.graph, "output")
    assert model.ir_version == original.ir_version
    assert {node.domain for node in model.graph.node} == {""}


@pytest.mark.parametrize(("name", "share"), [("fp16", 0.54), ("int8", 0.30)])
def test_size(name: str, share: float, files: dict[str, Path]) -> None:
    assert files[name].stat().st_size < share * files["fp32"].stat().st_size


@pytest.mark.parametrize(("name", "least"), [("fp16", 0.99999), ("int8", 0.98)])
def test_embeddings_are_close_to_the_original(
    name: str, least: float, embeddings: dict[str, NDArray[np.float32]]
) -> None:
    similarity = (embeddings[name].astype(float) * embeddings["fp32"]).sum(axis=1)
    assert similarity.mean() > least


def test_a_head_of_the_original_answers_the_same_on_fp16(
    embeddings: dict[str, NDArray[np.float32]],
) -> None:
    labels = np.repeat(np.arange(len(CLASSES)), 2 * SHOTS)
    fitted = np.arange(len(labels)) % 2 == 0
    decision, _ = fit_decision(
        "auto", embeddings["fp32"][fitted], labels[fitted], len(CLASSES), 0.05
    )
    expected, _ = decision.decide(embeddings["fp32"][~fitted])
    answered, _ = decision.decide(embeddings["fp16"][~fitted])
    assert np.abs(answered - expected).max() < 5e-3


def test_a_head_fitted_on_int8_tells_the_classes_apart(
    embeddings: dict[str, NDArray[np.float32]],
) -> None:
    labels = np.repeat(np.arange(len(CLASSES)), 2 * SHOTS)
    fitted = np.arange(len(labels)) % 2 == 0
    found = embeddings["int8"]
    decision, _ = fit_decision("auto", found[fitted], labels[fitted], len(CLASSES), 0.05)
    probabilities, _ = decision.decide(found[~fitted])
    assert (probabilities.argmax(axis=1) == labels[~fitted]).mean() == 1


def test_the_fused_int8_network_is_the_one_written_down(files: dict[str, Path]) -> None:
    import onnxruntime as ort

    image = np.asarray(draw("grid", 0, 224))[None]
    found = []
    for level in (ort.GraphOptimizationLevel.ORT_DISABLE_ALL, None):
        options = ort.SessionOptions()
        if level is not None:
            options.graph_optimization_level = level
        session = ort.InferenceSession(files["int8"], options, providers=["CPUExecutionProvider"])
        found.append(session.run(["embedding"], {"image": image})[0][0])
    plain, fused = (vector / np.linalg.norm(vector) for vector in found)
    assert plain @ fused > 0.995


def test_int8_weights_leave_no_sum_of_two_products_to_overflow(smaller: dict[str, Any]) -> None:
    weights = [
        onnx.numpy_helper.to_array(tensor)
        for tensor in smaller["int8"].graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 4
    ]
    assert sum(w.size for w in weights) > 2_000_000
    assert max(int(np.abs(w.astype(int)).max()) for w in weights) <= 64


def test_the_original_stays_as_it_is(original: Any, smaller: dict[str, Any]) -> None:
    again = onnx.load(find_backbone())
    assert original.SerializeToString(deterministic=True) == again.SerializeToString(
        deterministic=True
    )


def test_how_images_are_split_into_batches_does_not_matter(original: Any) -> None:
    images = draw_images(4, 64)
    whole = to_int8(original, [images])
    split = to_int8(original, (part for part in (images[:1], images[1:])))
    assert whole.SerializeToString(deterministic=True) == split.SerializeToString(
        deterministic=True
    )


def test_int8_is_the_same_in_another_process(original: Any) -> None:
    code = (
        "import hashlib, onnx; from fewshot.backbones.find import find_backbone;"
        "from fewshot.export.quantize import draw_images, to_int8;"
        "model = to_int8(onnx.load(find_backbone()), [draw_images(2, 64)]);"
        "print(hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_nothing_is_printed_or_logged(
    original: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    to_int8(original, [draw_images(1, 64)])
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_draw_images_are_always_the_same_and_all_different() -> None:
    images = draw_images(5, 64)
    assert images.shape == (5, 64, 64, 3) and images.dtype == np.uint8
    assert (images[:3] == draw_images(3, 64)).all()
    assert len({image.tobytes() for image in images}) == 5


@pytest.mark.parametrize("batches", [[], [np.zeros((0, 64, 64, 3), np.uint8)]])
def test_no_image_to_calibrate_on(original: Any, batches: list[Images]) -> None:
    with pytest.raises(UsageError, match="no image to calibrate on"):
        to_int8(original, batches)


@pytest.mark.parametrize(
    "batch", [np.zeros((1, 64, 64, 3), np.float32), np.zeros((64, 64, 3), np.uint8)]
)
def test_something_else_than_images(original: Any, batch: Any) -> None:
    with pytest.raises(UsageError, match="expected uint8 of shape"):
        to_int8(original, [batch])


def test_an_opset_without_quantisation_by_channel(original: Any) -> None:
    older = type(original)()
    older.CopyFrom(original)
    older.opset_import[0].version = 12
    with pytest.raises(BackboneError, match="older than 13"):
        to_int8(older, [draw_images(1, 64)])


def test_importing_it_does_not_need_onnx() -> None:
    code = "import sys; sys.modules['onnx'] = None; import fewshot.export.quantize"
    subprocess.run([sys.executable, "-c", code], check=True)
