"""Builds the graph of dlib's face recognition network, a ResNet of 29 convolutions, from weights.

Architecture: examples/dnn_face_recognition_ex.cpp of dlib. Padding is 1 where the stride is 1, else
0; where the branches of an addition differ in size or channels, zeros follow the smaller one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from dlib_weights import Convolution, DlibWeights
from face_model import Constants, pixel_nodes
from face_sources import SourceError

if TYPE_CHECKING:
    import onnx

SIDE = 150
MEAN = (122.782, 117.001, 104.298)
SCALE = 256
# For each block, whether it halves the size; the number of filters is that of the weights.
BLOCKS = (*[False] * 3, True, *[False] * 3, True, *[False] * 2, True, *[False] * 2, True)


@dataclass(frozen=True)
class _Tensor:
    """The name of a tensor of the graph, and its size."""

    name: str
    channels: int
    side: int


class ResNet:
    """The nodes and weights of the network.

    Parameters
    ----------
    weights : DlibWeights
        One convolution more than twice the number of blocks.
    blocks : sequence of bool
        For each residual block, whether it halves the size.
    side : int
        Height and width of the image in pixels.

    Attributes
    ----------
    nodes : list of NodeProto
        From ``image``, uint8 (N, side, side, 3), to ``embedding`` (N, dim) and ``feature_map``
        (N, dim, h, w), whose mean over the places is the embedding.
    constants : dict of str to ndarray
    dim, map_side : int
        Length of the embedding; height and width of the feature map.

    Raises
    ------
    SourceError
        If the weights do not fit the blocks.
    """

    def __init__(
        self, weights: DlibWeights, blocks: Sequence[bool] = BLOCKS, side: int = SIDE
    ) -> None:
        if len(weights.convolutions) != 1 + 2 * len(blocks):
            found = len(weights.convolutions)
            raise SourceError(f"{found} convolutions; expected {1 + 2 * len(blocks)}")
        self.nodes: list[onnx.NodeProto] = []
        self.constants: Constants = {}
        first, *others = weights.convolutions
        x = self._relu(self._convolution(self._scaled(side), first, 7, 2))
        x = self._pool("MaxPool", x, 3)
        for place, halves in enumerate(blocks):
            x = self._block(x, others[2 * place : 2 * place + 2], halves)
        self._projection(x, weights.matrix)
        self.dim, self.map_side = weights.matrix.shape[1], x.side

    def _scaled(self, side: int) -> _Tensor:
        """Lead from the image to scaled planes."""
        self.nodes += pixel_nodes("planes")
        self.constants["mean"] = np.array(MEAN, np.float32).reshape(1, 3, 1, 1)
        self.constants["factor"] = np.array(1 / SCALE, np.float32)
        centred = self._add("Sub", ["planes", "mean"])
        return _Tensor(self._add("Mul", [centred, "factor"]), 3, side)

    def _block(self, x: _Tensor, convolutions: Sequence[Convolution], halves: bool) -> _Tensor:
        """Add a residual block; one that halves the size has an average pooling as shortcut."""
        y = self._relu(self._convolution(x, convolutions[0], 3, 2 if halves else 1))
        y = self._convolution(y, convolutions[1], 3, 1)
        shortcut = self._pool("AveragePool", x, 2) if halves else x
        channels, side = max(y.channels, shortcut.channels), max(y.side, shortcut.side)
        branches = [self._padded(branch, channels, side).name for branch in (y, shortcut)]
        return self._relu(_Tensor(self._add("Add", branches), channels, side))

    def _convolution(self, x: _Tensor, layer: Convolution, size: int, stride: int) -> _Tensor:
        """Add a convolution."""
        filters = layer.filters.reshape(len(layer.filters), -1, size, size)
        if filters.shape[1] != x.channels:
            raise SourceError(f"{filters.shape[1]} channels in the weights; expected {x.channels}")
        padding = size // 2 if stride == 1 else 0
        name = self._next("conv")
        self.constants |= {f"{name}_filters": filters, f"{name}_biases": layer.biases}
        inputs = [x.name, f"{name}_filters", f"{name}_biases"]
        self._add("Conv", inputs, name, strides=[stride] * 2, pads=[padding] * 4)
        return _Tensor(name, len(filters), (x.side + 2 * padding - size) // stride + 1)

    def _pool(self, operator: str, x: _Tensor, size: int) -> _Tensor:
        """Add a pooling of stride 2."""
        name = self._add(operator, [x.name], kernel_shape=[size] * 2, strides=[2, 2])
        return _Tensor(name, x.channels, (x.side - size) // 2 + 1)

    def _padded(self, x: _Tensor, channels: int, side: int) -> _Tensor:
        """Add zeros behind the channels, rows and columns of a tensor, if it has too few."""
        if (x.channels, x.side) == (channels, side):
            return x
        name = self._next("pad")
        ends = [0, channels - x.channels, side - x.side, side - x.side]
        self.constants[f"{name}_widths"] = np.array([0, 0, 0, 0, *ends], np.int64)
        self._add("Pad", [x.name, f"{name}_widths"], name)
        return _Tensor(name, channels, side)

    def _projection(self, x: _Tensor, matrix: Any) -> None:
        """Add the last layer. It is linear, so that it may come before the mean over places."""
        self.constants["projection"] = np.ascontiguousarray(matrix.T)[:, :, None, None]
        self._add("Conv", [x.name, "projection"], "feature_map")
        pooled = self._add("GlobalAveragePool", ["feature_map"])
        self._add("Flatten", [pooled], "embedding")

    def _relu(self, x: _Tensor) -> _Tensor:
        return _Tensor(self._add("Relu", [x.name]), x.channels, x.side)

    def _add(self, operator: str, inputs: list[str], name: str = "", **attributes: Any) -> str:
        """Add a node; give the name of its output."""
        from onnx import helper

        name = name or self._next(operator.lower())
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def _next(self, kind: str) -> str:
        """Name a node after its kind and place."""
        return f"{kind}_{len(self.nodes)}"
