"""Completes a trunk to the contents of a backbone file: scaling, pooling, names and metadata."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import numpy as np
from networks import Network, Scaling
from numpy.typing import NDArray
from trunk_graph import FEATURE_MAP, OPSET, PIXELS, trunk_graph

# Of the time of the opset: a newer one would be refused by an older onnxruntime.
IR_VERSION = 7


def backbone_file(network: Network, recipe: dict[str, str]) -> bytes:
    """Make the contents of a backbone file.

    Parameters
    ----------
    network : Network
        What to export.
    recipe : dict of str to str
        The ``resize``, ``crop_fraction`` and ``interpolation`` of its metadata.

    Returns
    -------
    bytes
        An ONNX model with the metadata of a backbone. Input ``image``, uint8 ``(N, H, W, 3)``;
        outputs ``embedding``, float32 ``(N, dim)``, and ``feature_map``, float32
        ``(N, dim, h, w)``. The same network gives the same bytes.
    """
    from onnx import TensorProto, checker, helper

    nodes, constants = _renamed(*_whole(network))
    dim = network.trunk.output_shape[-1]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        network.name,
        [info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [
            info("embedding", TensorProto.FLOAT, ["N", dim]),
            info(FEATURE_MAP, TensorProto.FLOAT, ["N", dim, "h", "w"]),
        ],
        constants,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(
        graph, producer_name="fewshot", opset_imports=opsets, ir_version=IR_VERSION
    )
    helper.set_model_props(model, _metadata(network, recipe))
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _metadata(network: Network, recipe: dict[str, str]) -> dict[str, str]:
    """Write down what a program must know to use the file."""
    return {
        "fewshot_format": "1",
        "name": network.name,
        "source": network.source,
        "licence": network.licence,
        "image_size": str(network.image_size),
        "resize": recipe["resize"],
        "crop_fraction": recipe["crop_fraction"],
        "interpolation": recipe["interpolation"],
        "dim": str(network.trunk.output_shape[-1]),
    }


def _whole(network: Network) -> tuple[list[Any], list[Any]]:
    """Put the scaling before the trunk and the pooling after it."""
    from onnx.helper import make_node

    scaling_nodes, scaling_constants = _scaling(network.scaling)
    trunk_nodes, trunk_constants = trunk_graph(network.trunk)
    pooling_nodes = [
        make_node("GlobalAveragePool", [FEATURE_MAP], ["pooled"]),
        make_node("Flatten", ["pooled"], ["embedding"]),
    ]
    nodes = [*scaling_nodes, *trunk_nodes, *pooling_nodes]
    return nodes, [*scaling_constants, *trunk_constants]


def _scaling(scaling: Scaling) -> tuple[list[Any], list[Any]]:
    """Lead from the image to what the trunk takes."""
    from onnx import TensorProto, numpy_helper
    from onnx.helper import make_attribute, make_node

    # Channels first before the arithmetic, which then goes over whole planes and is faster.
    nodes = [
        make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    constants = []
    for operator, constant in _arithmetic(scaling):
        nodes.append(make_node(operator, [nodes[-1].output[0], f"by_{operator}"], [operator]))
        constants.append(numpy_helper.from_array(constant, f"by_{operator}"))
        if operator == "Gather":
            nodes[-1].attribute.append(make_attribute("axis", 1))
    nodes[-1].output[0] = PIXELS
    return nodes, constants


def _arithmetic(scaling: Scaling) -> Iterator[tuple[str, NDArray[Any]]]:
    """Give the operators between planes and scaled pixels, each with its constant."""
    if scaling.bgr:
        yield "Gather", np.array([2, 1, 0])
    yield "Sub", np.array(scaling.mean, np.float32).reshape(1, 3, 1, 1)
    if any(std != 1 for std in scaling.std):
        yield "Mul", (1 / np.array(scaling.std)).astype(np.float32).reshape(1, 3, 1, 1)


def _renamed(nodes: list[Any], constants: list[Any]) -> tuple[list[Any], list[Any]]:
    """Name nodes and tensors after their place, as the converters number theirs by chance."""
    from onnx import NodeProto

    by_name = attrgetter("name")
    names = {name: name for name in ("", "image", "embedding", FEATURE_MAP)}
    renamed = []
    for place, node in enumerate(nodes):
        name = f"{node.op_type.lower()}_{place}"
        for i, tensor in enumerate(node.input):
            names.setdefault(tensor, f"{name}_input_{i}")
        names.setdefault(node.output[0], name)
        renamed.append(
            NodeProto(
                op_type=node.op_type,
                name=name,
                input=[names[tensor] for tensor in node.input],
                output=[names[tensor] for tensor in node.output],
                attribute=sorted(node.attribute, key=by_name),
            )
        )
    for constant in constants:
        constant.name = names[constant.name]
    return renamed, sorted(constants, key=by_name)
