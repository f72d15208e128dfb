"""Assembles nodes and weights to the bytes of an ONNX file, runs them, and writes the file."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

MODELS = Path(__file__).resolve().parents[2] / "models"
OPSET = 13
# Of the time of the opset: a newer one would be refused by an older onnxruntime.
IR_VERSION = 7

Constants = dict[str, NDArray[Any]]
Shapes = Mapping[str, Sequence[int | str]]


def onnx_bytes(
    nodes: Sequence["onnx.NodeProto"],
    constants: Constants,
    shapes: Shapes,
    metadata: Mapping[str, str],
) -> bytes:
    """Make the contents of an ONNX file; the same arguments give the same bytes.

    Parameters
    ----------
    nodes : sequence of NodeProto
        In the order of computation.
    constants : dict of str to ndarray
        The weights.
    shapes : mapping of str to sequence of int or str
        First the input, uint8, then the outputs, float32. A dimension with a name is free.
    metadata : mapping of str to str
        With the key ``name``.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    (given, *outputs) = shapes.items()
    graph = helper.make_graph(
        nodes,
        metadata["name"],
        [helper.make_tensor_value_info(given[0], TensorProto.UINT8, given[1])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(values, name) for name, values in sorted(constants.items())],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(
        graph, producer_name="fewshot", opset_imports=opsets, ir_version=IR_VERSION
    )
    helper.set_model_props(model, dict(metadata))
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def pixel_nodes(output: str) -> list["onnx.NodeProto"]:
    """Lead from ``image``, uint8 (N, H, W, 3), to float32 (N, 3, H, W)."""
    from onnx import TensorProto, helper

    return [
        helper.make_node("Cast", ["image"], ["floats"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], [output], "transpose", perm=[0, 3, 1, 2]),
    ]


def run_model(data: bytes, image: NDArray[Any], name: str = "image") -> list[NDArray[np.float32]]:
    """Run the contents of an ONNX file with onnxruntime; give all outputs, in order."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # warns of weights that are inputs too, as CenterFace's are
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {name: image}))


def write_model(output: Path, data: bytes) -> None:
    """Write a file that is either whole or not there; print its size and sha256."""
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, output)
    finally:
        temporary.unlink(missing_ok=True)
    print(f"{output}: {len(data) / 1e6:.1f} MB ({len(data)} bytes)")
    print(f"sha256 {hashlib.sha256(data).hexdigest()}")
