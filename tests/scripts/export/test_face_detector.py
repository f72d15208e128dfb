"""The export of CenterFace, on a small network of the same kind and, where it is there, on it."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from face_detector import (
    CHANNELS,
    MODELS,
    OUTPUTS,
    SOURCE,
    detector_bytes,
    export,
    largest_difference,
    main,
    read_original,
)
from face_images import draw_heads
from face_model import run_model
from face_sources import SourceError

onnx = pytest.importorskip("onnx", reason="needs the extra `export`")

MODEL = MODELS / "face_detector.onnx"


def small_original(weight: float = 0.2) -> bytes:
    """Make a network with the inputs, outputs and operators of CenterFace, of a fixed size."""
    helper, chance = onnx.helper, np.random.default_rng(0)
    constants: dict[str, Any] = {"first": chance.normal(0, weight, (6, 3, 3, 3)) / 100}
    constants |= {"deep": chance.normal(0, weight, (8, 6, 3, 3)), "biases": chance.normal(size=8)}
    constants |= {"up": chance.normal(0, weight, (8, 5, 2, 2))}
    constants |= {name: chance.normal(size=5) for name in ("gamma", "beta", "mean")}
    constants |= {"variance": chance.uniform(0.1, 2, 5)}
    halving = {"strides": [2, 2], "pads": [1] * 4}
    nodes = [
        helper.make_node("Conv", ["input.1", "first"], ["1"], **halving),
        helper.make_node("Conv", ["1", "deep", "biases"], ["2"], **halving),
        helper.make_node("Relu", ["2"], ["3"]),
        helper.make_node("MaxPool", ["3"], ["4"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("ConvTranspose", ["4", "up"], ["5"], strides=[2, 2]),
        helper.make_node(
            "BatchNormalization", ["5", "gamma", "beta", "mean", "variance"], ["6"], epsilon=1e-3
        ),
        helper.make_node("Relu", ["6"], ["7"]),
    ]
    for name, channels in zip(OUTPUTS, CHANNELS.values(), strict=True):
        constants[f"to_{name}"] = chance.normal(size=(channels, 5, 1, 1))
        nodes.append(helper.make_node("Conv", ["7", f"to_{name}"], [name]))
    return small_model(nodes, constants)


def small_model(nodes: list[Any], constants: dict[str, Any]) -> bytes:
    """Put a network together as CenterFace's file is: old, and its weights are inputs too."""
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "small",
        [
            helper.make_tensor_value_info("input.1", floats, [10, 3, 32, 32]),
            *[helper.make_tensor_value_info(n, floats, v.shape) for n, v in constants.items()],
        ],
        [
            helper.make_tensor_value_info(name, floats, [10, channels, 8, 8])
            for name, channels in zip(OUTPUTS, CHANNELS.values(), strict=True)
        ],
        [onnx.numpy_helper.from_array(v.astype(np.float32), n) for n, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", 9)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=4).SerializeToString())


def operators(model: Any) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def real_source() -> bytes:
    try:
        return SOURCE.read()
    except SourceError as error:
        pytest.skip(str(error))


def test_it_answers_like_the_original_at_the_original_size() -> None:
    source = small_original()
    images = np.repeat(draw_heads(32, 32), 4, axis=0)[:10]
    pixels = images.transpose(0, 3, 1, 2).astype(np.float32)
    expected = run_model(source, pixels, "input.1")
    found = run_model(detector_bytes(read_original(source)), images)
    for values, others in zip(found, expected, strict=True):
        assert np.ptp(others) > 0.1
        np.testing.assert_allclose(values, others, atol=1e-5)


def test_batch_normalisation_is_folded_and_sizes_are_free() -> None:
    original = read_original(small_original())
    model = onnx.load_model_from_string(detector_bytes(original))
    before, after = operators(original), operators(model)
    assert after == before - Counter(["BatchNormalization"]) + Counter(["Cast", "Transpose"])
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 13)]
    assert model.ir_version == 7
    assert [value.name for value in model.graph.input] == ["image"]
    assert largest_difference(original, detector_bytes(original)) < 1e-5


def test_the_same_bytes_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, outputs = small_original(), [tmp_path / "1.onnx", tmp_path / "new" / "2.onnx"]
    assert [export(source, output) for output in outputs] == [0, 0]
    first, second = (output.read_bytes() for output in outputs)
    assert first == second
    assert capsys.readouterr().out.count(hashlib.sha256(first).hexdigest()) == 2


def test_a_file_that_answers_otherwise_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(small_original(weight=np.nan), tmp_path / "out.onnx") == 1
    assert "more than 5e-05" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other, output = tmp_path / "other.onnx", str(tmp_path / "out.onnx")
    other.write_bytes(b"something else")
    assert main(["--weights", str(other), "-o", output]) == 2
    assert "not an ONNX file" in capsys.readouterr().err
    assert main(["--weights", str(MODEL), "-o", output]) == 2
    assert "outputs ['heatmap', 'scale'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [other]


def test_the_script_writes_the_shipped_file(tmp_path: Path) -> None:
    weights, output = tmp_path / "centerface.onnx", tmp_path / "face_detector.onnx"
    weights.write_bytes(real_source())
    assert main(["--weights", str(weights), "-o", str(output)]) == 0
    made, shipped = onnx.load(output), onnx.load(MODEL)
    assert made.metadata_props == shipped.metadata_props
    # Not compared byte for byte: those may depend on the version of onnx.
    assert made.graph == shipped.graph
    assert set(operators(made)) == {
        *["Cast", "Transpose", "Conv", "ConvTranspose", "Relu", "Add", "Sigmoid"]
    }
