"""Join resize, backbone and head into one ONNX graph."""

from __future__ import annotations

import tempfile
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import Artifact
from fewshot.backbones.pooling import window_shares
from fewshot.backbones.session import OnnxNetwork
from fewshot.errors import UsageError
from fewshot.heads.decision import Decision
from fewshot.images.preprocessing import Preprocessing

if TYPE_CHECKING:
    import onnx

_HEAD_OPSET = 13
# The first operator set whose Resize can be antialiased, as Pillow's is.
_RESIZE_OPSET = 18
# Keeps a length of zero from dividing.
_TINY = 1e-30

_POOL = """
    places = Reshape(feature_map, flat)
    sums = MatMul(places, shares)
    windows = Transpose<perm = [0, 2, 1]>(sums)
    lengths = ReduceL2<axes = [2], keepdims = 1>(windows)
    some_lengths = Max(lengths, tiny)
    directions = Div(windows, some_lengths)
    mean = ReduceMean<axes = [1], keepdims = 0>(directions)
    length = ReduceL2<axes = [1], keepdims = 1>(mean)
    some_length = Max(length, tiny)
    embedding = Div(mean, some_length)
"""
_CLASSIFY = """
    scores = MatMul(embedding, weights)
    biased = Add(scores, bias)
    logits = Div(biased, temperature)
    shares_of_all = Softmax<axis = 1>(logits)
    probabilities = Slice(shares_of_all, zero, n_classes, one)
    of_classes = Slice(logits, zero, n_classes, one)
    best = ReduceMax<axes = [1], keepdims = 1>(of_classes)
    average = ReduceMean<axes = [1], keepdims = 1>(logits)
    margin = Sub(best, average)
    similarities = MatMul(embedding, prototypes)
    similarity = ReduceMax<axes = [1], keepdims = 1>(similarities)
"""
_NEGATIVES = """
    of_negatives = Slice(logits, n_classes, n_rows, one)
    against = Sub(best, of_negatives)
    terms = Concat<axis = 1>(margin, similarity, against)
"""
_NO_NEGATIVES = """
    terms = Concat<axis = 1>(margin, similarity)
"""
_REJECT = """
    in_units = Div(terms, units)
    confidence = ReduceSum<keepdims = 0>(in_units, one)
    known = GreaterOrEqual(confidence, threshold)
"""
_CROP = """
    height = Shape<start = 1, end = 2>(image)
    width = Shape<start = 2, end = 3>(image)
    short = Min(height, width)
    short_float = Cast<to = 1>(short)
    kept_float = Mul(short_float, crop_fraction)
    rounded = Round(kept_float)
    kept = Cast<to = 7>(rounded)
    has_height = Equal(height, image_size)
    has_width = Equal(width, image_size)
    is_ready = And(has_height, has_width)
    side = Where(is_ready, image_size, kept)
    spare_height = Sub(height, side)
    spare_width = Sub(width, side)
    top = Div(spare_height, two)
    left = Div(spare_width, two)
    bottom = Add(top, side)
    right = Add(left, side)
    starts = Concat<axis = 0>(top, left)
    ends = Concat<axis = 0>(bottom, right)
    chosen = Slice(image, starts, ends, axes)
"""
_SQUASH = """
    chosen = Identity(image)
"""
_RESIZE = """
    number = Shape<start = 0, end = 1>(image)
    sizes = Concat<axis = 0>(number, size)
    pixels = Resize<{mode}>(chosen, , , sizes)
"""
_MODES = {
    "nearest": 'mode = "nearest"',
    "bilinear": 'mode = "linear", antialias = 1',
    "bicubic": 'mode = "cubic", cubic_coeff_a = -0.5, antialias = 1',
}


def join_graphs(
    artifact: Artifact, backbone: onnx.ModelProto, resize_in_graph: bool
) -> onnx.ModelProto:
    """Join a backbone with the head after it, and with the resize before it if wanted.

    Returns
    -------
    onnx.ModelProto
        From ``image``, uint8 ``(N, H, W, 3)``, to ``probabilities``, ``known`` and ``embedding``.
    """
    from onnx import compose, helper, utils, version_converter

    size = artifact.preprocessing.image_size
    trunk = utils.Extractor(backbone).extract_model(["image"], ["feature_map"])
    parts = [trunk, head_graph(artifact.decision, _map_size(backbone, size))]
    if resize_in_graph:
        parts.insert(0, resize_graph(artifact.preprocessing))
    opset = max(part.opset_import[0].version for part in parts)
    graphs = [version_converter.convert_version(part, opset).graph for part in parts]
    last = len(graphs) - 1
    graphs = [  # what is inside a graph, and between two, cannot have the same name as elsewhere
        compose.add_prefix_graph(g, f"{n}/", rename_inputs=n > 0, rename_outputs=n < last)
        for n, g in enumerate(graphs)
    ]
    joined = reduce(
        lambda a, b: compose.merge_graphs(a, b, [(a.output[0].name, b.input[0].name)]), graphs
    )
    if not resize_in_graph:
        for side in (1, 2):
            joined.input[0].type.tensor_type.shape.dim[side].dim_value = size
    # No newer than needed: an older onnxruntime is to open the file too.
    opsets = [helper.make_opsetid("", opset)]
    oldest = helper.find_min_ir_version_for(opsets)
    return helper.make_model(joined, opset_imports=opsets, ir_version=oldest)


def resize_graph(preprocessing: Preprocessing) -> onnx.ModelProto:
    """Bring images to the backbone's size.

    From ``image``, uint8 ``(N, H, W, 3)`` of any height and width, to ``pixels``, uint8 ``(N,
    image_size, image_size, 3)``. Images of that size stay as they are. A crop begins at a whole
    pixel, where Pillow's may begin at half a one. UsageError: if ONNX has no such interpolation.
    """
    if preprocessing.interpolation not in _MODES:
        raise UsageError(
            f"interpolation {preprocessing.interpolation!r} cannot be put into the file; "
            "export without the resize"
        )
    size = preprocessing.image_size
    crop = _CROP if preprocessing.resize == "crop" else _SQUASH
    return _parse(
        f"resize (uint8[N, H, W, 3] image) => (uint8[N, {size}, {size}, 3] pixels)",
        crop + _RESIZE.format(mode=_MODES[preprocessing.interpolation]),
        {
            "crop_fraction": np.array([preprocessing.crop_fraction], np.float32),
            "image_size": np.array([size]),
            "two": np.array([2]),
            "axes": np.array([1, 2]),
            "size": np.array([size, size, 3]),
        },
        _RESIZE_OPSET,
    )


def head_graph(decision: Decision, map_size: tuple[int, int]) -> onnx.ModelProto:
    """Pool a feature map of height and width `map_size`, classify, calibrate and reject.

    Returns
    -------
    onnx.ModelProto
        From ``feature_map``, float32 ``(N, dim, h, w)``, to ``probabilities``, float32
        ``(N, n_classes)``, ``known``, bool ``(N,)``, and ``embedding``, float32 ``(N, dim)``.
    """
    rows, dim = decision.head.weights.shape
    n_classes = len(decision.rejection.prototypes)
    terms = _NEGATIVES if rows > n_classes else _NO_NEGATIVES
    return _parse(
        f"head (float[N, {dim}, h, w] feature_map) => (float[N, {n_classes}] probabilities, "
        f"bool[N] known, float[N, {dim}] embedding)",
        _POOL + _CLASSIFY + terms + _REJECT,
        _head_constants(decision, map_size),
        _HEAD_OPSET,
    )


def _head_constants(
    decision: Decision, map_size: tuple[int, int]
) -> dict[str, NDArray[np.generic]]:
    head, rejection = decision.head, decision.rejection
    integers = {
        "flat": [0, 0, -1],
        "zero": [0],
        "one": [1],
        "n_classes": [len(rejection.prototypes)],
        "n_rows": [len(head.weights)],
    }
    floats = {
        "shares": window_shares(*map_size),
        "tiny": _TINY,
        "weights": head.weights.T,
        "bias": head.bias,
        "temperature": decision.temperature,
        "prototypes": rejection.prototypes.T,
        "units": rejection.units,
        "threshold": rejection.threshold,
    }
    return {
        **{name: np.array(value, np.int64) for name, value in integers.items()},
        **{name: np.array(value, np.float32) for name, value in floats.items()},
    }


def _parse(
    signature: str, nodes: str, constants: dict[str, NDArray[np.generic]], opset: int
) -> onnx.ModelProto:
    """Parse nodes in ONNX's own notation, and add the constants that they use."""
    from onnx import helper, numpy_helper, parser

    graph = parser.parse_graph(f"{signature} {{{nodes}}}")
    used = {name for node in graph.node for name in node.input}
    for name in sorted(used & constants.keys()):
        value = np.ascontiguousarray(constants[name])
        graph.initializer.append(numpy_helper.from_array(value, name))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def _map_size(backbone: onnx.ModelProto, size: int) -> tuple[int, int]:
    """Run the backbone once, to see how large its feature map is."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "backbone.onnx"
        file.write_bytes(backbone.SerializeToString())
        pixels = np.zeros((1, size, size, 3), np.uint8)
        (maps,) = OnnxNetwork(file).run(["feature_map"], pixels)
    return maps.shape[2], maps.shape[3]
