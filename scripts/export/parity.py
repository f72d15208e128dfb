"""Compares a backbone file with the Keras network it was made from, on real photographs."""

import numpy as np
from networks import Network
from numpy.typing import NDArray


def photographs(height: int, width: int) -> NDArray[np.uint8]:
    """Give the two photographs that come with scikit-learn, squashed to one size.

    Parameters
    ----------
    height, width : int
        The size in pixels.

    Returns
    -------
    ndarray of uint8, shape (2, height, width, 3)
        RGB.
    """
    from PIL import Image
    from sklearn.datasets import load_sample_images

    images = [Image.fromarray(image) for image in load_sample_images().images]
    return np.stack([np.asarray(image.resize((width, height))) for image in images])


def largest_difference(network: Network, data: bytes) -> float:
    """Compare onnxruntime with Keras on two photographs at three sizes, two of them not square.

    Parameters
    ----------
    network : Network
        What was exported.
    data : bytes
        The backbone file made from it.

    Returns
    -------
    float
        The largest absolute difference between two numbers of an embedding; NaN if one is NaN.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    size = network.image_size
    differences = []
    for height, width in ((size, size), (size + 32, size), (size + 7, size + 20)):
        images = photographs(height, width)
        (embeddings,) = session.run(["embedding"], {"image": images})
        differences.append(np.abs(embeddings - network.reference(images)).max())
    return float(np.max(differences))
