"""Backbone files made by the export script, against Keras; needs the extra `export`."""

import gc
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from backbone import export, main
from keras_networks import FAMILIES, keras_network
from networks import IMAGENET_MEAN, IMAGENET_STD, TF, ExportError, Network, Scaling
from numpy.typing import NDArray
from parity import photographs

from fewshot import FewShotClassifier
from tests.backbones.test_shipped_file import MODEL, REFERENCE, draw_pictures
from tests.conftest import CLASSES, draw
from tests.scripts import SCRIPTS
from tests.scripts.export.make_reference_embeddings import keras_embeddings

onnx = pytest.importorskip("onnx", reason="needs the extra `export`")
pytest.importorskip("tensorflow", reason="needs the extra `export`")
pytest.importorskip("tf2onnx", reason="needs the extra `export`")

RECIPE = {"resize": "crop", "crop_fraction": "1.0", "interpolation": "bilinear"}


def embed(path: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Run a backbone file."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    embeddings, feature_maps = session.run(["embedding", "feature_map"], {"image": images})
    np.testing.assert_allclose(embeddings, feature_maps.mean((2, 3)), atol=1e-4)
    assert embeddings.dtype == np.float32
    return np.asarray(embeddings)


def operators(path: Path) -> Counter[str]:
    """Count the nodes of a graph by operator, after checking that all of them are standard."""
    model = onnx.load(path)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 13)]
    assert model.ir_version == 7
    return Counter(node.op_type for node in model.graph.node)


def run_script(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a process of its own."""
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "export" / "backbone.py"), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=200,
    )


@pytest.fixture(scope="module")
def default_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The backbone that the script makes without being told which."""
    path = tmp_path_factory.mktemp("default") / "mobilenet_v2.onnx"
    assert main(["-o", str(path)]) == 0
    return path


def test_the_default_is_the_shipped_backbone(default_file: Path) -> None:
    # Not compared byte for byte: those depend on the versions of the converters.
    images = np.concatenate([photographs(224, 224), draw_pictures()])
    np.testing.assert_allclose(embed(default_file, images), embed(MODEL, images), atol=1e-4)
    made, shipped = onnx.load(default_file), onnx.load(MODEL)
    assert made.metadata_props == shipped.metadata_props
    assert made.graph.input == shipped.graph.input and made.graph.output == shipped.graph.output


@pytest.mark.parametrize("which", ["made", "shipped"])
def test_mobilenet_v2_is_convolutions_and_little_else(which: str, default_file: Path) -> None:
    scaling = {"Cast": 1, "Transpose": 1, "Sub": 1, "Mul": 1}
    residuals = {"Add": 10}
    pooling = {"GlobalAveragePool": 1, "Flatten": 1}
    counted = operators(default_file if which == "made" else MODEL)
    assert counted == {**scaling, "Conv": 52, "Clip": 35, **residuals, **pooling}


def test_the_same_bytes_in_another_process(default_file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.onnx"
    answer = run_script("-o", str(again), PYTHONHASHSEED="12345")
    assert answer.returncode == 0 and answer.stderr == ""
    assert "largest difference from Keras" in answer.stdout and "sha256" in answer.stdout
    assert again.read_bytes() == default_file.read_bytes()


def test_the_stored_reference_is_what_keras_answers() -> None:
    np.testing.assert_allclose(np.load(REFERENCE), keras_embeddings(), rtol=0, atol=1e-4)


@pytest.fixture(scope="module", params=FAMILIES)
def family(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Network, Path]]:
    """A network of each family with random weights, and the file made of it."""
    network = keras_network(request.param, "random", image_size=96)
    path = tmp_path_factory.mktemp("family") / "made" / "backbone.onnx"
    assert export(network, RECIPE, path) == 0
    yield network, path
    gc.collect()  # Keras refers to itself, and holds gigabytes


def test_every_family_answers_like_keras(family: tuple[Network, Path]) -> None:
    network, path = family
    for images in (photographs(96, 96), photographs(128, 107)[:1]):
        expected = network.reference(images)
        np.testing.assert_allclose(embed(path, images), expected, rtol=0, atol=1e-4)
    found = operators(path)
    assert found["Transpose"] == found["Cast"] == 1
    assert not found.keys() & {"BatchNormalization", "Reshape", "ReduceMean"}
    assert found["Pad"] <= found["MaxPool"]  # some onnxruntime versions keep zeros before a maximum
    assert [file.name for file in path.parent.iterdir()] == ["backbone.onnx"]


def test_every_family_works_from_fit_to_explain(
    family: tuple[Network, Path], tmp_path: Path
) -> None:
    network, path = family
    data = {label: [draw(label, seed) for seed in range(2)] for label in CLASSES}
    queries = [draw(label, 50) for label in CLASSES]
    for size in (64, 224) if network.name.startswith("vgg16") else (None,):
        fitted = FewShotClassifier(backbone=path, image_size=size).fit(data)
        loaded = FewShotClassifier.load(fitted.save(tmp_path / str(size)).parent)
        scores = loaded.predict_proba(queries)
        np.testing.assert_array_equal(scores, fitted.predict_proba(queries))
        assert loaded.classify(queries[0]).label in CLASSES
        assert loaded.evaluate().to_dict()["images"] == 6
        found = loaded.explain(queries[0])
        assert found.maps.shape[0] == 1 and np.isfinite(found.maps).all()
        assert loaded.artifact_.preprocessing.image_size == (size or 96)
        assert loaded.artifact_.backbone.dim == network.trunk.output_shape[-1]


@pytest.mark.parametrize("wrong", [replace(TF, bgr=True), replace(TF, mean=(0.0, 0.0, 0.0))])
def test_a_file_that_answers_otherwise_than_keras_is_thrown_away(
    wrong: Scaling, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "backbone.onnx"
    path.write_text("what was there before")
    network = keras_network("MobileNet", "random", alpha=0.25, image_size=32)
    assert export(replace(network, scaling=wrong), RECIPE, path) == 1
    assert f"{path} not written" in capsys.readouterr().err
    assert path.read_text() == "what was there before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".weights.h5", ".h5"])
def test_weights_from_a_file(ending: str, tmp_path: Path) -> None:
    from keras import applications

    network = applications.MobileNet(
        alpha=0.25, include_top=False, pooling="avg", weights=None, input_shape=(64, 64, 3)
    )
    weights, path = tmp_path / f"mine{ending}", tmp_path / "backbone.onnx"
    # Keras 3 writes the older format only together with the architecture.
    network.save_weights(weights) if ending == ".weights.h5" else network.save(weights)
    options = "--architecture MobileNet --alpha 0.25 --image-size 64 --crop-fraction 0.875".split()
    assert main([*options, "--weights", str(weights), "-o", str(path)]) == 0
    images = photographs(64, 64)
    expected = network(applications.mobilenet.preprocess_input(images.astype(np.float32)))
    np.testing.assert_allclose(embed(path, images), expected, rtol=0, atol=1e-4)
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert metadata["name"] == "mobilenet_a025_64" and weights.name in metadata["source"]
    assert (metadata["resize"], metadata["crop_fraction"]) == ("crop", "0.875")


def test_weights_of_another_network_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from keras import applications

    weights = tmp_path / "wide.weights.h5"
    wide = applications.MobileNet(alpha=0.5, include_top=False, weights=None)
    wide.save_weights(weights)
    options = ["--architecture", "MobileNet", "--alpha", "0.25", "--weights", str(weights)]
    assert main([*options, "-o", str(tmp_path / "out.onnx")]) == 2
    assert capsys.readouterr().err.startswith(f"{weights}: does not fit; expected")


def test_efficientnet_scales_its_input_as_its_imagenet_weights_expect(tmp_path: Path) -> None:
    from keras import applications

    full = applications.EfficientNetB0(include_top=False, weights=None)
    weights = tmp_path / "efficientnet.weights.h5"
    full.save_weights(weights)
    with pytest.raises(ExportError, match="Normalization layer holds"):
        keras_network("EfficientNetB0", str(weights))
    # As in the file that Keras downloads, which holds deviations where variances belong.
    full.layers[2].set_weights([np.array(IMAGENET_MEAN), np.array(IMAGENET_STD), np.array(0)])
    full.save_weights(weights)
    network = keras_network("EfficientNetB0", str(weights))
    images = photographs(64, 64)
    scaled = (images / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    expected = np.asarray(network.trunk(scaled.astype(np.float32))).mean((1, 2))
    np.testing.assert_allclose(network.reference(images), expected, atol=1e-5)


def test_imagenet_weights_without_a_network(tmp_path: Path) -> None:
    path = tmp_path / "out.onnx"
    nowhere = "http://127.0.0.1:9"
    answer = run_script(
        *("--architecture", "MobileNetV3Small", "-o", str(path)),
        **{"HTTPS_PROXY": nowhere, "https_proxy": nowhere, "KERAS_HOME": str(tmp_path / "keras")},
    )
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert "--weights FILE" in answer.stderr and "--weights random" in answer.stderr
    assert not path.exists()
