"""Join a backbone with the resize before it and the head after it into one ONNX graph."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fewshot.artifact import Artifact
from fewshot.backbones.session import OnnxNetwork
from fewshot.export.answer_graph import answer_graph
from fewshot.export.resize_graph import OPSET as RESIZE_OPSET
from fewshot.export.resize_graph import resize_graph

if TYPE_CHECKING:
    import onnx


def join_graphs(
    artifact: Artifact, backbone: onnx.ModelProto, resize_in_graph: bool
) -> onnx.ModelProto:
    """Put a backbone's graph and what belongs around it one after another.

    Parameters
    ----------
    artifact : Artifact
    backbone : onnx.ModelProto
    resize_in_graph : bool
        Whether it begins with the resize, and takes photographs of any size.

    Returns
    -------
    onnx.ModelProto
        From ``image`` to ``probabilities``, ``known`` and ``embedding``.
    """
    from onnx import helper, utils, version_converter

    size = artifact.preprocessing.image_size
    trunk = utils.Extractor(backbone).extract_model(["image"], ["feature_map"])
    opset = max(trunk.opset_import[0].version, RESIZE_OPSET if resize_in_graph else 0)
    parts = [trunk, answer_graph(artifact.decision, _map_size(backbone, size))]
    if resize_in_graph:
        _rename_input(trunk, "image", "pixels")
        parts.insert(0, resize_graph(artifact.preprocessing))
    graphs = [version_converter.convert_version(part, opset).graph for part in parts]
    for number, graph in enumerate(graphs):
        _prefix(graph, f"{number}/")
    joined = helper.make_graph(
        [node for graph in graphs for node in graph.node],
        "classifier",
        graphs[0].input,
        graphs[-1].output,
        [tensor for graph in graphs for tensor in graph.initializer],
    )
    if not resize_in_graph:
        for side in (1, 2):
            joined.input[0].type.tensor_type.shape.dim[side].dim_value = size
    # No newer than needed: an older onnxruntime is to open the file too.
    opsets = [helper.make_opsetid("", opset)]
    oldest = helper.find_min_ir_version_for(opsets)
    return helper.make_model(joined, opset_imports=opsets, ir_version=oldest)


def _prefix(graph: onnx.GraphProto, prefix: str) -> None:
    """Tell what is inside a graph from what is inside others; its inputs and outputs meet."""
    outside = {"", *(value.name for value in (*graph.input, *graph.output))}
    for node in graph.node:
        node.name = node.name and prefix + node.name
        for names in (node.input, node.output):
            names[:] = [name if name in outside else prefix + name for name in names]
    for tensor in graph.initializer:
        tensor.name = prefix + tensor.name


def _rename_input(model: onnx.ModelProto, old: str, new: str) -> None:
    """Give an input of a graph another name."""
    model.graph.input[0].name = new
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]


def _map_size(backbone: onnx.ModelProto, size: int) -> tuple[int, int]:
    """Run the backbone once, to see how large its feature map is."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "backbone.onnx"
        file.write_bytes(backbone.SerializeToString())
        pixels = np.zeros((1, size, size, 3), np.uint8)
        (maps,) = OnnxNetwork(file).run(["feature_map"], pixels)
    return maps.shape[2], maps.shape[3]
