"""Write pooling, head, temperature and rejection as an ONNX graph, to follow a backbone's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fewshot.backbones.pooling import window_shares
from fewshot.heads.decision import Decision

if TYPE_CHECKING:
    import onnx

OPSET = 13
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
_DECIDE = """
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
    evidence = ReduceSum<keepdims = 0>(in_units, one)
    known = GreaterOrEqual(evidence, threshold)
"""


def answer_graph(decision: Decision, map_size: tuple[int, int]) -> onnx.ModelProto:
    """Write what follows a backbone.

    Parameters
    ----------
    decision : Decision
    map_size : tuple of int
        Height and width of the backbone's feature map.

    Returns
    -------
    onnx.ModelProto
        From ``feature_map``, float32 ``(N, dim, h, w)``, to ``probabilities``, float32
        ``(N, n_classes)``, ``known``, bool ``(N,)``, and ``embedding``, float32 ``(N, dim)``.
    """
    from onnx import helper, numpy_helper, parser

    rows, dim = decision.head.weights.shape
    n_classes = len(decision.rejection.prototypes)
    nodes = _POOL + _DECIDE + (_NEGATIVES if rows > n_classes else _NO_NEGATIVES) + _REJECT
    graph = parser.parse_graph(
        f"answer (float[N, {dim}, h, w] feature_map) => (float[N, {n_classes}] probabilities, "
        f"bool[N] known, float[N, {dim}] embedding) {{{nodes}}}"
    )
    constants = _constants(decision, map_size)
    used = {name for node in graph.node for name in node.input}
    for name in sorted(used & constants.keys()):
        value = np.ascontiguousarray(constants[name])
        graph.initializer.append(numpy_helper.from_array(value, name))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])


def _constants(decision: Decision, map_size: tuple[int, int]) -> dict[str, NDArray[np.generic]]:
    """Name the numbers that the graph works with."""
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
