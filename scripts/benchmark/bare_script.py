"""Run the backbone on images with onnxruntime and Pillow alone: what fewshot is compared with."""

import os
import sys
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is imported

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

SIDE = 224


def load_pixels(path: str | Path) -> NDArray[np.uint8]:
    """Decode a image, a JPEG at reduced scale, and squash it: uint8, (1, 224, 224, 3)."""
    with Image.open(path) as image:
        image.draft("RGB", (SIDE, SIDE))
        small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small)[np.newaxis]


def open_session(backbone: str | Path, threads: int) -> onnxruntime.InferenceSession:
    """Open a backbone file to run on a number of threads; 0 is onnxruntime's default."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(backbone, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    session = open_session(sys.argv[2], int(sys.argv[3]))
    print(session.run(["embedding"], {"image": load_pixels(sys.argv[1])})[0].argmax())
