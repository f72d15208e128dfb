"""Make a backbone's weights smaller: float16 storage, or 8-bit integer arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot.errors import BackboneError, UsageError

if TYPE_CHECKING:
    import onnx

# Smaller tensors stay float32: biases and scalings, which are 2 % of the numbers, and the first
# convolutions, for which float16 is too coarse: with these 5 % left alone, probabilities move half
# as far.
_SMALL = 20_000
# Few channels of very different ranges make the first convolutions all but impossible to quantise:
# in MobileNetV2 these four hold 0.15 % of the weights, and quantised cause 90 % of the error.
_FLOAT_CONVOLUTIONS = 4


def to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the large weights of a backbone as float16: about half the size.

    onnxruntime turns them into float32 once, when it opens the file, and computes in float32.

    With the same inputs, outputs, metadata, opset and IR version.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts, constants = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _SMALL:
            constants.append(tensor)
            continue
        stored = f"{tensor.name}_stored"
        constants.append(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
    return _with_graph(model, [*casts, *model.graph.node], constants)


def to_int8(model: onnx.ModelProto, batches: Iterable[NDArray[np.uint8]]) -> onnx.ModelProto:
    """Quantise a backbone to 8-bit integers: less than a third of the size, and faster.

    Weights are quantised by output channel, activations by tensor, from the mean of their ranges in
    single images (Krishnamoorthi 2018); the first four convolutions stay float32. Weights use 7 of
    8 bits, as x86 processors without VNNI add products in pairs of 16 bits that 8 would overflow.

    Embeddings change, so a head must be fitted on those of the result.

    `batches` is of shape (n, H, W, 3): RGB images of the backbone's size, some 50 in all: training
    images, or `draw_images`. How they are split into batches makes no difference. With the same
    inputs, outputs, metadata, opset and IR version; standard operators only. UsageError: if there
    is no image, or a batch of another type or shape. BackboneError: if the opset is older than 13,
    which has no quantisation by channel.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    if any(entry.version < 13 for entry in model.opset_import if entry.domain == ""):
        raise BackboneError("the backbone's opset is older than 13; export it again with 13")
    images = list(_split(batches))
    if not images:
        raise UsageError("no image to calibrate on; give some, or those of draw_images")
    prepared = _copy(model)  # marked as onnxruntime's own preparation does, or it logs advice
    prepared.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    with TemporaryDirectory() as folder:
        source, result = (Path(folder) / f"{name}.onnx" for name in ("float", "int8"))
        onnx.save(prepared, source)
        quantize_static(
            source,  # a file, as onnxruntime 1.16 takes no model
            result,
            _CalibrationReader(images),
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


def draw_images(n: int, size: int) -> NDArray[np.uint8]:
    """Draw images to calibrate on without training images: colours, shapes and noise.

    Returns
    -------
    ndarray of uint8, shape (n, size, size, 3)
        RGB; always the same.
    """
    return np.stack([_draw(np.random.default_rng(seed), size) for seed in range(n)])


def _with_graph(model: onnx.ModelProto, nodes: Any, constants: Any) -> onnx.ModelProto:
    """Copy a model, with other nodes and weights."""
    other = _copy(model)
    for field, content in (("node", nodes), ("initializer", constants), ("value_info", ())):
        other.graph.ClearField(field)
        getattr(other.graph, field).extend(content)
    return other


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    other = type(model)()
    other.CopyFrom(model)
    return other


def _first_nodes(model: onnx.ModelProto) -> list[str]:
    """List the nodes before the first convolution that is to be quantised."""
    convolutions = [i for i, node in enumerate(model.graph.node) if node.op_type == "Conv"]
    quantised = convolutions[_FLOAT_CONVOLUTIONS:]
    end = quantised[0] if quantised else len(model.graph.node)
    return [node.name for node in model.graph.node[:end]]


class _CalibrationReader:
    """Feeds one image at a time, as onnxruntime's CalibrationDataReader."""

    def __init__(self, images: list[NDArray[np.uint8]]) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """Return the next input of the backbone, or None after the last."""
        image = next(self._images, None)
        return None if image is None else {"image": image[None]}


def _split(batches: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    for batch in batches:
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[3] != 3:
            found = f"{batch.dtype} of shape {batch.shape}"
            raise UsageError(f"images are {found}; expected uint8 of shape (n, H, W, 3)")
        yield from batch


def _draw(chance: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Draw smooth colours of several scales, rectangles over them, and noise over all."""
    image = np.zeros((size, size, 3))
    for cells in (2, 5, 12, 40):
        hats = 1 - abs(np.linspace(0, cells - 1, size)[:, None] - np.arange(cells))
        colours = chance.uniform(0, chance.uniform(0, 1), (cells, cells, 3))
        image += np.einsum("yi,xj,ijc->yxc", *[hats.clip(0)] * 2, colours, optimize=True)
    image *= chance.uniform(128, 255) / image.max()
    for _ in range(chance.integers(25)):
        (y, x), (tall, wide) = chance.integers(size, size=(2, 2)) // [[1], [2]]
        image[y : y + tall, x : x + wide] = chance.uniform(0, 255, 3)
    image += chance.normal(0, chance.uniform(0, 25), image.shape)
    return np.asarray(image.clip(0, 255), np.uint8)
