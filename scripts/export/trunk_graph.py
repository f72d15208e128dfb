"""Turns a Keras trunk into a clean ONNX graph, channels first, of convolutions and little else."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from exporters import stderr_to_nowhere

# Old enough for every onnxruntime that fewshot supports, new enough for every network here.
OPSET = 13
PIXELS, FEATURE_MAP = "pixels", "feature_map"


def trunk_graph(trunk: Any) -> tuple[list[Any], list[Any]]:
    """Convert a trunk, fold what can be folded into its convolutions and drop what does nothing.

    Parameters
    ----------
    trunk : keras.Model
        See `networks.Network`.

    Returns
    -------
    nodes : list of onnx.NodeProto
        From `PIXELS`, float32 ``(N, 3, H, W)``, to `FEATURE_MAP`, float32 ``(N, dim, h, w)``.
    constants : list of onnx.TensorProto
        What they need besides.
    """
    graph = _folded(_converted(trunk)).graph
    nodes = _without_reshapes(graph.node)
    used = {tensor for node in nodes for tensor in node.input}
    return nodes, [constant for constant in graph.initializer if constant.name in used]


def _converted(trunk: Any) -> Any:
    """Convert with tf2onnx, channels first from end to end."""
    import tensorflow as tf
    import tf2onnx

    def apply(pixels: Any) -> dict[str, Any]:
        return {FEATURE_MAP: trunk(pixels, training=False)}

    with stderr_to_nowhere():
        model, _ = tf2onnx.convert.from_function(
            tf.function(apply),
            [tf.TensorSpec((None, None, None, 3), tf.float32, name=PIXELS)],
            opset=OPSET,
            inputs_as_nchw=[PIXELS],
            outputs_as_nchw=[FEATURE_MAP],
        )
    return model


def _folded(model: Any) -> Any:
    """Fold normalisation and padding into convolutions.

    tf2onnx leaves a Pad, a Mul and an Add around every depthwise convolution; the optimiser of
    onnxruntime, at its lowest level, folds them and still writes standard operators only.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return onnx.load(path)


def _without_reshapes(nodes: Iterable[Any]) -> list[Any]:
    """Leave out reshapes of maps of 1 x 1, which change nothing.

    The converter puts them around squeeze-and-excitation, and not the same ones on every run; the
    networks here have no others.
    """
    sources: dict[str, str] = {}
    kept = []
    for node in nodes:
        node.input[:] = [sources.get(tensor, tensor) for tensor in node.input]
        if node.op_type in ("Reshape", "Squeeze"):
            sources[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    return kept
