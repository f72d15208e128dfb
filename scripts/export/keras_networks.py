"""Builds the networks of `keras.applications` and says how each wants its input scaled."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from exporters import load_exporters
from keras_weights import IMAGENET, RANDOM, load_weights
from networks import CAFFE, TF, TORCH, ExportError, Network, Scaling
from numpy.typing import NDArray


@dataclass(frozen=True)
class Family:
    """What sets one architecture of `keras.applications` apart from the others.

    Parameters
    ----------
    name : str
        Name of the backbone made from it.
    module : str
        Module of `keras.applications` that holds its ``preprocess_input``.
    scaling : Scaling
        What its first convolution expects.
    licence : str
        Licence of the ImageNet weights.
    has_alpha : bool
        Whether its width can be multiplied.
    image_size, smallest : int
        Side in pixels of the image it is meant for, and of the smallest it can take.
    """

    name: str
    module: str
    scaling: Scaling
    licence: str = "Apache-2.0"
    has_alpha: bool = False
    image_size: int = 224
    smallest: int = 32


FAMILIES = {
    "MobileNet": Family("mobilenet", "mobilenet", TF, has_alpha=True),
    # `mobilenet_v2` is the backbone that comes with fewshot, which has other weights.
    "MobileNetV2": Family("mobilenet_v2_keras", "mobilenet_v2", TF, has_alpha=True),
    "MobileNetV3Small": Family("mobilenet_v3_small", "mobilenet_v3", TF, has_alpha=True),
    "MobileNetV3Large": Family("mobilenet_v3_large", "mobilenet_v3", TF, has_alpha=True),
    "EfficientNetB0": Family("efficientnet_b0", "efficientnet", TORCH),
    "ResNet50": Family("resnet50", "resnet50", CAFFE, "MIT"),
    "VGG16": Family("vgg16", "vgg16", CAFFE, "CC-BY-4.0"),
    "VGG19": Family("vgg19", "vgg19", CAFFE, "CC-BY-4.0"),
    "InceptionV3": Family("inception_v3", "inception_v3", TF, image_size=299, smallest=75),
}


def keras_network(
    architecture: str, weights: str, alpha: float = 1.0, image_size: int | None = None
) -> Network:
    """Build a network of `keras.applications` without its classifier.

    Parameters
    ----------
    architecture : str
        One of `FAMILIES`.
    weights : str
        ``imagenet`` to download them as Keras does, ``random`` for seeded random ones, otherwise
        the path of a Keras weights file without the top.
    alpha : float
        Multiplier of the width, greater than 0.
    image_size : int, optional
        Side of the square image in pixels; by default the one the family was trained with. At a
        multiple of 32 the padding is exactly that of a Keras model built for the size.

    Returns
    -------
    Network
        Its embedding is what Keras gives with ``include_top=False, pooling="avg"``.

    Raises
    ------
    ExportError
        When the family cannot be had at that width or size, or its weights cannot be loaded.
    ModuleNotFoundError
        When tensorflow or tf2onnx is not installed.
    """
    family = FAMILIES[architecture]
    size = family.image_size if image_size is None else image_size
    _check(architecture, weights, alpha, size)
    load_exporters()
    build, prepare = _builder(architecture, alpha)
    full = load_weights(build, prepare, weights, size)
    return Network(
        name=_name(family, weights, alpha, size),
        trunk=_trunk(full),
        scaling=family.scaling,
        reference=_reference(full, prepare),
        source=_source(architecture, weights, alpha),
        licence={IMAGENET: family.licence, RANDOM: "none"}.get(weights, "that of the weights"),
        image_size=size,
    )


def _check(architecture: str, weights: str, alpha: float, size: int) -> None:
    """Refuse what cannot be had, before tensorflow is loaded."""
    smallest = FAMILIES[architecture].smallest
    if alpha != 1.0 and not FAMILIES[architecture].has_alpha:
        those = ", ".join(name for name, family in FAMILIES.items() if family.has_alpha)
        raise ExportError(f"--alpha {alpha:g}: {architecture} has one width only; use {those}")
    if size < smallest:
        raise ExportError(f"--image-size {size}: {architecture} needs {smallest} or more")
    if weights not in (IMAGENET, RANDOM) and not Path(weights).is_file():
        raise ExportError(f"--weights {weights}: no such file, nor one of {IMAGENET}, {RANDOM}")


def _builder(architecture: str, alpha: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return Keras's builder, its constant arguments bound, and what scales images for it."""
    from keras import applications

    family = FAMILIES[architecture]
    options = {"alpha": alpha} if family.has_alpha else {}
    build = partial(
        getattr(applications, architecture), include_top=False, pooling="avg", **options
    )
    return build, getattr(applications, family.module).preprocess_input


def _trunk(full: Any) -> Any:
    """Cut off the scaling that some families carry in front, and the pooling at the end."""
    import keras
    from keras import layers

    scaling = (layers.InputLayer, layers.Rescaling, layers.Normalization)
    first = next(layer for layer in full.layers if not isinstance(layer, scaling))
    return keras.Model(first.input, full.layers[-1].input)


def _reference(
    full: Any, prepare: Callable[..., Any]
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Compute embeddings the way Keras's own documentation shows."""

    def reference(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(full(prepare(images.astype(np.float32)), training=False))

    return reference


def _name(family: Family, weights: str, alpha: float, size: int) -> str:
    """Compose a name that tells apart backbones that differ."""
    parts = [family.name]
    if alpha != 1.0:
        parts.append("a" + f"{alpha:g}".replace(".", ""))
    if size != family.image_size:
        parts.append(str(size))
    if weights == RANDOM:
        parts.append(RANDOM)
    return "_".join(parts)


def _source(architecture: str, weights: str, alpha: float) -> str:
    """Say where the weights come from."""
    origins = {
        IMAGENET: "weights trained on ImageNet, downloaded by keras.applications",
        RANDOM: "seeded random weights, for tests only",
    }
    return f"{architecture} {alpha:g}, {origins.get(weights, f'weights from {Path(weights).name}')}"
