"""Write a recipe for bringing a picture to size as an ONNX graph, to go before a backbone's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fewshot.errors import UsageError
from fewshot.images.preprocessing import Preprocessing

if TYPE_CHECKING:
    import onnx

# The first operator set whose Resize can be antialiased, as Pillow's is.
OPSET = 18

_CROP = """
    height = Shape<start = 1, end = 2>(image)
    width = Shape<start = 2, end = 3>(image)
    short = Min(height, width)
    short_float = Cast<to = 1>(short)
    kept_float = Mul(short_float, crop_fraction)
    rounded = Round(kept_float)
    side = Cast<to = 7>(rounded)
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


def resize_graph(preprocessing: Preprocessing) -> onnx.ModelProto:
    """Write what goes before a backbone.

    Parameters
    ----------
    preprocessing : Preprocessing

    Returns
    -------
    onnx.ModelProto
        From ``image``, uint8 ``(N, H, W, 3)`` of any height and width, to ``pixels``, uint8
        ``(N, image_size, image_size, 3)``. Offsets of a crop are whole pixels, where Pillow's may
        be halves.

    Raises
    ------
    UsageError
        If ONNX has no such interpolation.
    """
    from onnx import helper, numpy_helper, parser

    if preprocessing.interpolation not in _MODES:
        raise UsageError(
            f"interpolation {preprocessing.interpolation!r} cannot be put into the file; "
            "export without the resize"
        )
    size = preprocessing.image_size
    crop = preprocessing.resize == "crop"
    nodes = (_CROP if crop else _SQUASH) + _RESIZE.format(mode=_MODES[preprocessing.interpolation])
    graph = parser.parse_graph(
        f"resize (uint8[N, H, W, 3] image) => (uint8[N, {size}, {size}, 3] pixels) {{{nodes}}}"
    )
    constants = {
        "crop_fraction": np.array([preprocessing.crop_fraction], np.float32),
        "two": np.array([2]),
        "axes": np.array([1, 2]),
        "size": np.array([size, size, 3]),
    }
    used = {name for node in graph.node for name in node.input}
    for name in sorted(used & constants.keys()):
        graph.initializer.append(numpy_helper.from_array(constants[name], name))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
