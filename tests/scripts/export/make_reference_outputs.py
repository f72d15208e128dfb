"""Writes what the original face networks answer for drawn heads, as `python -m` from the top."""

import numpy as np
from dlib_resnet import SIDE
from face_detector import OUTPUTS, read_original, run_original
from face_detector import SOURCE as DETECTOR
from face_embedder import SOURCE as EMBEDDER
from face_embedder import dlib_embeddings
from face_images import REFERENCE, draw_heads
from numpy.typing import NDArray

# For the detector: not square, and as small as still shows a face.
HEIGHT, WIDTH = 96, 128


def detector_images() -> NDArray[np.uint8]:
    """Give what the detector was asked about: shape (3, 96, 128, 3)."""
    return draw_heads(HEIGHT, WIDTH)


def embedder_images() -> NDArray[np.uint8]:
    """Give what the embedder was asked about: shape (3, 150, 150, 3)."""
    return draw_heads(SIDE, SIDE)


def reference_outputs() -> dict[str, NDArray[np.float32]]:
    """Ask CenterFace's own file in onnxruntime, and dlib."""
    maps = run_original(read_original(DETECTOR.read()), detector_images())
    found = dict(zip(OUTPUTS.values(), maps, strict=True))
    return {**found, "embedding": dlib_embeddings(EMBEDDER.read(), embedder_images())}


if __name__ == "__main__":
    np.savez_compressed(REFERENCE, **reference_outputs())
