"""Small networks in the place of the face detector and the face embedder, made for a test."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="networks are made with onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

CHANNELS = {"heatmap": 1, "scale": 2, "offset": 2, "landmarks": 10}
DETECTOR = {"fewshot_face_detector": "1", "name": "made"}
SAME_PERSON = "[0.944, 0.0207, 0.905, 120.0]"
# Where the face embedder of the package wants eyes, nose and mouth.
TEMPLATE = "[[49.3, 45.7], [101.3, 45.6], [74.5, 80.2], [51.6, 107.9], [97.9, 106.9]]"
EMBEDDER = {
    "fewshot_format": "1",
    "name": "colour",
    "source": "made up",
    "licence": "MIT",
    "image_size": "150",
    "resize": "crop",
    "crop_fraction": "1.0",
    "interpolation": "bilinear",
    "dim": "4",
    "alignment": TEMPLATE,
    "same_person": SAME_PERSON,
    "same_person_distance": "0.6",
}


def no_face(side: int = 64) -> dict[str, Any]:
    """Return the outputs for a square image without a face."""
    cells = side // 4
    return {name: np.zeros((1, n, cells, cells), np.float32) for name, n in CHANNELS.items()}


def place_face(
    outputs: dict[str, Any], row: int, column: int, side: float, score: float = 0.9
) -> None:
    """Put a square face into outputs, in the middle of a cell, its landmarks in a cross."""
    outputs["heatmap"][0, 0, row, column] = score
    outputs["scale"][0, :, row, column] = np.log(side / 4)
    points = [(0.3, 0.3), (0.3, 0.7), (0.5, 0.5), (0.8, 0.35), (0.8, 0.65)]  # y, x
    outputs["landmarks"][0, :, row, column] = np.ravel(points)


def write_detector(
    path: Path, outputs: dict[str, Any], properties: dict[str, str] | None = None
) -> Path:
    """Write a network that gives the same outputs for every image."""
    nodes = [helper.make_node("Identity", [f"{name}_"], [name]) for name in outputs]
    return _save(path, nodes, outputs, DETECTOR if properties is None else properties)


def write_colour_embedder(path: Path, **properties: str) -> Path:
    """Write an embedder of the colour in the middle of a face, over that of a usual face."""
    nodes = [
        helper.make_node("Slice", ["image", "start_", "end_", "axes_"], ["middle"]),
        helper.make_node("Cast", ["middle"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["turned"], ["mean"], kernel_shape=[30, 30], strides=[30, 30]
        ),
        helper.make_node("Conv", ["mean", "weights_", "bias_"], ["feature_map"]),
    ]
    constants = {
        "start": np.array([45, 45]),
        "end": np.array([105, 105]),
        "axes": np.array([1, 2]),
        "weights": np.eye(4, 3, dtype=np.float32).reshape(4, 3, 1, 1),
        "bias": np.array([-190, -145, -115, 25], np.float32),
    }
    return _save(path, nodes, constants, EMBEDDER | properties, {"feature_map": 4})


def _save(
    path: Path,
    nodes: list[Any],
    constants: dict[str, Any],
    properties: dict[str, str],
    outputs: dict[str, int] | None = None,
) -> Path:
    info = helper.make_tensor_value_info
    declared = outputs or dict.fromkeys(constants, 0)
    graph = helper.make_graph(
        nodes,
        "made",
        [info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [info(name, TensorProto.FLOAT, ["N", n or "c", "h", "w"]) for name, n in declared.items()],
        [numpy_helper.from_array(np.asarray(v), f"{name}_") for name, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    helper.set_model_props(model, properties)
    path.write_bytes(model.SerializeToString())
    return path
