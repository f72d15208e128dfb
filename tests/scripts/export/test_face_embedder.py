"""The export of dlib's face recognition network, against numpy and, where it is there, dlib."""

import hashlib
import sys
from pathlib import Path

import face_embedder
import numpy as np
import onnxruntime
import pytest
from dlib_resnet import MEAN, SCALE, ResNet
from dlib_weights import Convolution, DlibWeights, read_dlib_weights
from face_embedder import SOURCE, dlib_embeddings, embedder_bytes, export, main
from face_images import draw_heads
from face_model import onnx_bytes, run_model
from face_sources import SourceError
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tests.scripts.export.dlib_file import network

onnx = pytest.importorskip("onnx", reason="needs the extra `export`")

MODEL = face_embedder.MODELS / "face_resnet.onnx"
Floats = NDArray[np.float64]
# Sides 17, 8, 8, 4 (of 3 and 4), 2 (of 1 and 2): zeros follow rows, columns and the channels of
# either branch.
SIDE, BLOCKS = 39, (False, True, True)
CHANNELS = (3, 4, 5, 4, 7, 6, 6, 5)


def tiny_file() -> bytes:
    """Write a network of three blocks, of random weights, as dlib would."""
    chance = np.random.default_rng(1)
    sides = [7, *[3] * 6]
    shapes = [
        (after, before, side, side)
        for before, after, side in zip(CHANNELS[:-1], CHANNELS[1:], sides, strict=True)
    ]
    filters = [chance.normal(0, 0.3, shape).astype(np.float32) for shape in shapes]
    return network(filters, chance.normal(size=(6, 10)).astype(np.float32))


def tiny_bytes(weights: DlibWeights) -> bytes:
    built = ResNet(weights, BLOCKS, SIDE)
    shapes: dict[str, list[int | str]] = {
        "image": ["N", SIDE, SIDE, 3],
        "embedding": ["N", built.dim],
        "feature_map": ["N", built.dim, built.map_side, built.map_side],
    }
    return onnx_bytes(built.nodes, built.constants, shapes, {"name": "tiny"})


def convolve(x: Floats, layer: Convolution, side: int, stride: int) -> Floats:
    filters = layer.filters.reshape(len(layer.filters), -1, side, side)
    if stride == 1:
        x = np.pad(x, [(0, 0), (0, 0), (side // 2, side // 2), (side // 2, side // 2)])
    windows = sliding_window_view(x, (side, side), (2, 3))[:, :, ::stride, ::stride]
    return np.einsum("nchwij,kcij->nkhw", windows, filters) + layer.biases[:, None, None]


def pooled(x: Floats, side: int) -> NDArray[np.float64]:
    return sliding_window_view(x, (side, side), (2, 3))[:, :, ::2, ::2]


def added(x: Floats, y: Floats) -> Floats:
    total = np.zeros(np.maximum(x.shape, y.shape))
    for branch in (x, y):
        _, channels, height, width = branch.shape
        total[:, :channels, :height, :width] += branch
    return total


def expected_map(weights: DlibWeights, images: NDArray[np.uint8]) -> Floats:
    """Compute the last map in numpy: (n, channels, h, w)."""
    first, *others = weights.convolutions
    x = ((images - np.array(MEAN)) / SCALE).transpose(0, 3, 1, 2)
    x = pooled(np.maximum(convolve(x, first, 7, 2), 0), 3).max((4, 5))
    for place, halves in enumerate(BLOCKS):
        before, after = others[2 * place : 2 * place + 2]
        y = convolve(np.maximum(convolve(x, before, 3, 2 if halves else 1), 0), after, 3, 1)
        x = np.maximum(added(y, pooled(x, 2).mean((4, 5)) if halves else x), 0)
    return x


def real_source() -> bytes:
    try:
        return SOURCE.read()
    except SourceError as error:
        pytest.skip(str(error))


def test_the_graph_computes_what_numpy_computes() -> None:
    weights = read_dlib_weights(tiny_file())
    images = draw_heads(SIDE, SIDE)
    embeddings, maps = run_model(tiny_bytes(weights), images)
    expected = np.einsum("nchw,cd->ndhw", expected_map(weights, images), weights.matrix)
    assert maps.shape == (3, 10, 2, 2) and np.ptp(expected, axis=(2, 3)).min() > 0.01
    np.testing.assert_allclose(maps, expected, atol=1e-4)
    np.testing.assert_allclose(embeddings, expected.mean((2, 3)), atol=1e-4)


def test_weights_that_do_not_fit_are_refused() -> None:
    weights = read_dlib_weights(tiny_file())
    with pytest.raises(SourceError, match="7 convolutions; expected 29"):
        ResNet(weights)
    swapped = (weights.convolutions[0], *weights.convolutions[:0:-1])
    with pytest.raises(SourceError, match="channels in the weights; expected 4"):
        ResNet(DlibWeights(swapped, weights.matrix), BLOCKS, SIDE)


def test_the_same_bytes_twice() -> None:
    weights = read_dlib_weights(tiny_file())
    assert tiny_bytes(weights) == tiny_bytes(read_dlib_weights(tiny_file()))


def test_the_script_writes_the_shipped_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = real_source()
    weights, output = tmp_path / "network.dat", tmp_path / "made" / "face_resnet.onnx"
    weights.write_bytes(source)
    assert main(["--weights", str(weights), "-o", str(output)]) == 0
    assert hashlib.sha256(output.read_bytes()).hexdigest() in capsys.readouterr().out
    assert embedder_bytes(read_dlib_weights(source)) == output.read_bytes()
    made, shipped = onnx.load(output), onnx.load(MODEL)
    assert made.metadata_props == shipped.metadata_props
    # Not compared byte for byte: those may depend on the version of onnx.
    assert made.graph == shipped.graph


def test_noise_is_embedded_as_by_dlib() -> None:
    pytest.importorskip("dlib", reason="needs the extra `parity`")
    images = np.random.default_rng(3).integers(0, 256, (4, 150, 150, 3)).astype(np.uint8)
    session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    (found,) = session.run(["embedding"], {"image": images})
    np.testing.assert_allclose(found, dlib_embeddings(real_source(), images), rtol=0, atol=1e-5)


def test_a_file_that_answers_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Of the right layers, but with other weights than those that the reference was made with.
    chance = np.random.default_rng(2)
    sizes = [32, *[32] * 6, *[64] * 8, *[128] * 6, *[256] * 8]
    channels = [3, 32, *[32] * 6, *[64] * 8, *[128] * 6, *[256] * 7]
    filters = [
        chance.normal(0, 0.05, (n, c, side, side)).astype(np.float32)
        for n, c, side in zip(sizes, channels, [7, *[3] * 28], strict=True)
    ]
    source = network(filters, chance.normal(size=(256, 128)).astype(np.float32))
    # dlib would not open this file: go on as where it is not installed.
    monkeypatch.setitem(sys.modules, "dlib", None)
    assert export(source, tmp_path / "face_resnet.onnx") == 1
    answer = capsys.readouterr()
    assert "comparing with reference_outputs.npz" in answer.out
    assert "more than 1e-05" in answer.err and list(tmp_path.iterdir()) == []


def test_another_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.dat"
    other.write_bytes(b"something else")
    assert main(["--weights", str(other), "-o", str(tmp_path / "out.onnx")]) == 2
    assert "not the weights of dlib" in capsys.readouterr().err
    assert main(["--weights", str(tmp_path / "lost.dat")]) == 2
    assert "lost.dat" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [other]
