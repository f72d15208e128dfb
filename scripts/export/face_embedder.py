"""Writes models/face_resnet.onnx: dlib's face recognition network as a backbone file."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from dlib_resnet import SIDE, ResNet
from dlib_weights import DlibWeights, read_dlib_weights
from face_images import REFERENCE, draw_heads
from face_model import MODELS, onnx_bytes, run_model, write_model
from face_sources import PackagedFile, SourceError
from numpy.typing import NDArray

SOURCE = PackagedFile(
    "face_recognition_models",
    "models/dlib_face_recognition_resnet_model_v1.dat",
    "face-recognition-models==0.3.0",
)
TOLERANCE = 1e-5
# Left eye, right eye, nose, left and right corner of the mouth, as seen in the image.
ALIGNMENT = [[49.3, 45.7], [101.3, 45.6], [74.5, 80.2], [51.6, 107.9], [97.9, 106.9]]
# Of the cosine between two embeddings of one person: its mean, and the deviation of a normal
# distribution whose 5 % quantile, 0.91, is the author's distance at embeddings of length 1.42;
# then the cosine at which another person is as likely, and the log-odds that a cosine higher by 1
# adds. Measured on 322 press photographs of four people.
SAME_PERSON = [0.944, 0.0207, 0.905, 120.0]
METADATA = {
    "fewshot_format": "1",
    "name": "face_resnet",
    "source": "dlib_face_recognition_resnet_model_v1 (Davis King, davisking/dlib-models), from the "
    "Python package face-recognition-models 0.3.0",
    "licence": "CC0-1.0",
    "image_size": str(SIDE),
    "resize": "crop",
    "crop_fraction": "1.0",
    "interpolation": "bilinear",
    "alignment": json.dumps(ALIGNMENT),
    "same_person_distance": "0.6",
    "same_person_distance_source": "Euclidean distance between embeddings as they come out, not "
    "normalised; below it two faces are of the same person (the network's author, in dlib's "
    "example face_recognition.py)",
    "same_person": json.dumps(SAME_PERSON),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Export the embedder.

    Returns
    -------
    int
        0 when the file is in place; 1 when it answered otherwise than dlib and was thrown away;
        2 when it could not be made.
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
    """Make the file, and give it its name only if it answers like dlib.

    Parameters
    ----------
    source : bytes
        The contents of dlib's file.
    output : Path
        The file to write. Its folder is made; a file that is there is replaced.

    Returns
    -------
    int
        0 when the file is in place, 1 when it differed and `output` was left as it was.
    """
    data = embedder_bytes(read_dlib_weights(source))
    images = draw_heads(SIDE, SIDE)
    embeddings, _ = run_model(data, images)
    difference = np.abs(embeddings - _expected(source, images)).max()
    print(f"largest difference from dlib: {difference:.1e}")
    # Written so that NaN fails too.
    if not difference <= TOLERANCE:
        print(f"that is more than {TOLERANCE:g}; {output} not written", file=sys.stderr)
        return 1
    write_model(output, data)
    return 0


def embedder_bytes(weights: DlibWeights) -> bytes:
    """Make the contents of the embedder's file."""
    network = ResNet(weights)
    dim, side = network.dim, network.map_side
    shapes: dict[str, list[int | str]] = {
        "image": ["N", SIDE, SIDE, 3],
        "embedding": ["N", dim],
        "feature_map": ["N", dim, side, side],
    }
    return onnx_bytes(network.nodes, network.constants, shapes, METADATA | {"dim": str(dim)})


def dlib_embeddings(source: bytes, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Embed images, (n, 150, 150, 3), with dlib."""
    import dlib

    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.dat"
        path.write_bytes(source)
        network = dlib.face_recognition_model_v1(str(path))
    return np.array([network.compute_face_descriptor(image, 0) for image in images], np.float32)


def _expected(source: bytes, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Embed images with dlib, or take what it gave when the reference was written."""
    try:
        return dlib_embeddings(source, images)
    except ModuleNotFoundError:
        print(f"no dlib here (pip install dlib-bin): comparing with {REFERENCE.name}")
        return np.asarray(np.load(REFERENCE)["embedding"])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write models/face_resnet.onnx (dlib's ResNet).")
    add = parser.add_argument
    helped = f"{SOURCE.inside.split('/')[-1]}, or the archive of face-recognition-models"
    add("--weights", type=Path, metavar="FILE", help=helped)
    add("-o", "--output", type=Path, default=MODELS / "face_resnet.onnx")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
