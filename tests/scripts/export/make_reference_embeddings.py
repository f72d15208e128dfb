"""Writes what Keras answers for the drawn pictures, as `python -m` from the top folder."""

import numpy as np
from numpy.typing import NDArray
from torch_mobilenet import torch_mobilenet_v2

from tests.backbones.test_shipped_file import REFERENCE, draw_pictures


def keras_embeddings() -> NDArray[np.float32]:
    """Embed the pictures with Keras: float32, shape (3, 1280)."""
    return torch_mobilenet_v2().reference(draw_pictures())


if __name__ == "__main__":
    np.save(REFERENCE, keras_embeddings())
