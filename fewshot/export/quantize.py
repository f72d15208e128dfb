"""Make versions of a backbone with smaller weights: half the size, or a third of it and faster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fewshot.errors import BackboneError, UsageError

if TYPE_CHECKING:
    import onnx

Floats: TypeAlias = NDArray[np.float32]
# Smaller tensors (biases, scalings) stay float32: together 2 % of the numbers. Float16 is also too
# coarse for the first convolutions: with 5 % more left alone, probabilities move half as far.
_SMALL, _SMALL_FP16 = 2048, 20_000
# Few channels of very different ranges make the first convolutions all but impossible to quantise:
# in MobileNetV2 these four hold 0.15 % of the weights, and quantised cause 90 % of the error.
_FLOAT_CONVOLUTIONS = 4


def to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the large weights of a backbone as float16: about half the size.

    onnxruntime turns them into float32 once, when it opens the file, and then computes as ever.

    Parameters
    ----------
    model : onnx.ModelProto
        A backbone with float32 weights; left as it is.

    Returns
    -------
    onnx.ModelProto
        With the same inputs, outputs, metadata, opset and IR version.
    """
    return _with_weights(model, lambda values: (values.astype(np.float16), None), _SMALL_FP16)


def to_int16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the weights of a backbone as 16-bit integers, scaled for each output channel.

    Somewhat smaller than `to_fp16`, and closer to the original: none of the bits is spent on an
    exponent.
    """
    return _with_weights(model, _scaled, _SMALL)


def to_int8(model: onnx.ModelProto, batches: Iterable[NDArray[np.uint8]]) -> onnx.ModelProto:
    """Quantise a backbone to 8-bit integers: less than a third of the size, and faster.

    Weights are quantised by output channel, activations by tensor, from the mean of their ranges in
    single images (Krishnamoorthi 2018); the first four convolutions stay float32. Weights use 7 of
    8 bits, as x86 processors without VNNI add products in pairs of 16 bits that 8 would overflow.

    Embeddings change, so a head must be fitted on those of the result.

    Parameters
    ----------
    model : onnx.ModelProto
        A backbone with float32 weights and named nodes; left as it is.
    batches : iterable of ndarray of uint8, shape (n, H, W, 3)
        RGB images of the backbone's size, some 50 in all: of the support set, or `drawn_pictures`.
        The result depends on them, not on how they are parted.

    Returns
    -------
    onnx.ModelProto
        With the same inputs, outputs, metadata, opset and IR version; standard operators only.

    Raises
    ------
    UsageError
        If there is no image, or something else than images.
    BackboneError
        If the opset is older than 13, which knows no quantisation by channel.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    if any(entry.version < 13 for entry in model.opset_import if entry.domain == ""):
        raise BackboneError("the backbone's opset is older than 13; export it again with 13")
    images = list(_images(batches))
    if not images:
        raise UsageError("no image to calibrate on; give some, or those of drawn_pictures")
    prepared = _copy(model)  # as onnxruntime's own preparation marks it, or it logs advice
    prepared.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    with TemporaryDirectory() as folder:
        source, result = (Path(folder) / f"{name}.onnx" for name in ("float", "int8"))
        onnx.save(prepared, source)
        quantize_static(
            source,  # a file, as onnxruntime 1.16 takes no model
            result,
            _Feeds(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Clip", "Relu", "Add"],
            nodes_to_exclude=_first_nodes(model),
            # Over one collection of ranges, as here, this is their plain mean.
            extra_options={"CalibMovingAverage": True},
        )
        graph = onnx.load(result).graph
    return _with_graph(model, graph.node, graph.initializer)


def drawn_pictures(n: int, size: int) -> NDArray[np.uint8]:
    """Draw pictures to calibrate on where there are no photographs: colours, shapes and noise.

    Parameters
    ----------
    n, size : int
        How many, and their height and width in pixels.

    Returns
    -------
    ndarray of uint8, shape (n, size, size, 3)
        RGB; always the same.
    """
    return np.stack([_drawn(np.random.default_rng(seed), size) for seed in range(n)])


def _with_weights(
    model: onnx.ModelProto,
    smaller: Callable[[Floats], tuple[NDArray[Any], Floats | None]],
    least: int,
) -> onnx.ModelProto:
    """Replace weights by smaller ones, and nodes that lead from those to float32."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []
    for tensor in model.graph.initializer:
        values, name = numpy_helper.to_array(tensor), tensor.name
        if values.dtype != np.float32 or values.size < least:
            constants.append(tensor)
            continue
        stored, scale = smaller(values)
        constants.append(numpy_helper.from_array(stored, f"{name}_stored"))
        cast = name if scale is None else f"{name}_cast"
        nodes.append(helper.make_node("Cast", [f"{name}_stored"], [cast], to=TensorProto.FLOAT))
        if scale is not None:
            constants.append(numpy_helper.from_array(scale, f"{name}_scale"))
            nodes.append(helper.make_node("Mul", [cast, f"{name}_scale"], [name]))
    return _with_graph(model, [*nodes, *model.graph.node], constants)


def _scaled(values: Floats) -> tuple[NDArray[Any], Floats]:
    """Round to 16-bit integers, each output channel by a scale of its own."""
    largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
    scale = np.where(largest > 0, largest / 32767, 1).astype(np.float32)
    return np.rint(values / scale).clip(-32767, 32767).astype(np.int16), scale


def _with_graph(model: onnx.ModelProto, nodes: Any, constants: Any) -> onnx.ModelProto:
    """Copy a model but for its nodes and weights."""
    other = _copy(model)
    for field, content in (("node", nodes), ("initializer", constants), ("value_info", ())):
        other.graph.ClearField(field)
        getattr(other.graph, field).extend(content)
    return other


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model, so that the caller's stays as it is."""
    other = type(model)()
    other.CopyFrom(model)
    return other


def _first_nodes(model: onnx.ModelProto) -> list[str]:
    """List the nodes before the first convolution that is to be quantised."""
    convolutions = [i for i, node in enumerate(model.graph.node) if node.op_type == "Conv"]
    quantised = convolutions[_FLOAT_CONVOLUTIONS:]
    end = quantised[0] if quantised else len(model.graph.node)
    return [node.name for node in model.graph.node[:end]]


class _Feeds:
    """Feed single images to the calibration, as onnxruntime's CalibrationDataReader would."""

    def __init__(self, images: list[NDArray[np.uint8]]) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """Give the next input of the backbone, or None after the last."""
        image = next(self._images, None)
        return None if image is None else {"image": image[None]}


def _images(batches: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Part batches into images."""
    for batch in batches:
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[3] != 3:
            found = f"{batch.dtype} of shape {batch.shape}"
            raise UsageError(f"images are {found}; expected uint8 of shape (n, H, W, 3)")
        yield from batch


def _drawn(chance: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Draw smooth colours of several scales, rectangles over them, and noise over all."""
    picture = np.zeros((size, size, 3))
    for cells in (2, 5, 12, 40):
        hats = 1 - abs(np.linspace(0, cells - 1, size)[:, None] - np.arange(cells))
        colours = chance.uniform(0, chance.uniform(0, 1), (cells, cells, 3))
        picture += np.einsum("yi,xj,ijc->yxc", *[hats.clip(0)] * 2, colours, optimize=True)
    picture *= chance.uniform(128, 255) / picture.max()
    for _ in range(chance.integers(25)):
        (y, x), (tall, wide) = chance.integers(size, size=(2, 2)) // [[1], [2]]
        picture[y : y + tall, x : x + wide] = chance.uniform(0, 255, 3)
    picture += chance.normal(0, chance.uniform(0, 25), picture.shape)
    return np.asarray(picture.clip(0, 255), np.uint8)
