"""A network that can become a backbone, and the error of the export."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class ExportError(Exception):
    """A backbone cannot be made as asked; the message says why and what to do instead."""


@dataclass(frozen=True)
class Scaling:
    """How a network wants its input: ``(pixel - mean) / std``, for RGB pixels from 0 to 255.

    Parameters
    ----------
    mean, std : tuple of float
        One number per channel, in the order in which the network takes the channels.
    bgr : bool
        Whether the network takes blue first.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    bgr: bool = False


# Keras's three ways, by Keras's names for them.
TORCH = Scaling(tuple(255 * x for x in IMAGENET_MEAN), tuple(255 * x for x in IMAGENET_STD))
TF = Scaling((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
CAFFE = Scaling((103.939, 116.779, 123.68), (1.0, 1.0, 1.0), bgr=True)


@dataclass(frozen=True)
class Network:
    """A network with its weights, ready to be exported.

    Parameters
    ----------
    name : str
        Name of the backbone, for example ``mobilenet_v2``.
    trunk : keras.Model
        From scaled pixels, float32 ``(N, H, W, 3)``, to the activations before global pooling,
        float32 ``(N, h, w, dim)``.
    scaling : Scaling
        What `trunk` expects.
    reference : callable
        From RGB images, uint8 ``(N, H, W, 3)``, to embeddings, float32 ``(N, dim)``: Keras's
        answer, scaled without `scaling`, against which the exported file is checked.
    source, licence : str
        Where the weights come from, and under which terms.
    image_size : int
        Side in pixels of the square image the network is meant for.
    """

    name: str
    trunk: Any
    scaling: Scaling
    reference: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    source: str
    licence: str
    image_size: int
