"""Gives a network of `keras.applications` its weights: downloaded, from a file or random."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from networks import IMAGENET_MEAN, IMAGENET_STD, ExportError
from parity import photographs

IMAGENET, RANDOM = "imagenet", "random"
_SEED = 0


def load_weights(
    build: Callable[..., Any], prepare: Callable[..., Any], weights: str, image_size: int
) -> Any:
    """Build a network for images of any size and give it its weights.

    Parameters
    ----------
    build : callable
        Makes the Keras model, given ``input_shape`` and ``weights``.
    prepare : callable
        The ``preprocess_input`` that belongs to it.
    weights : str
        ``imagenet``, ``random`` or the path of a Keras weights file.
    image_size : int
        Side in pixels of the images it is meant for; some families have weights for each.

    Returns
    -------
    keras.Model
        From pixels, scaled by the family's ``preprocess_input``, to embeddings.

    Raises
    ------
    ExportError
        When the weights cannot be downloaded or loaded.
    """
    import keras

    keras.utils.set_random_seed(_SEED)
    full = build(input_shape=(None, None, 3), weights=None)
    if weights == RANDOM:
        _normalise_like_imagenet(full)
        _randomise(full, prepare)
    elif weights == IMAGENET:
        full.set_weights(_downloaded(build, image_size).get_weights())
        _normalise_like_imagenet(full)
    else:
        _load_file(full, Path(weights))
        _check_normalisation(full, Path(weights))
        _normalise_like_imagenet(full)
    return full


def _downloaded(build: Callable[..., Any], image_size: int) -> Any:
    """Let Keras fetch its ImageNet weights, for images of one size."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras says that the size has no weights of its own.
            return build(input_shape=(image_size, image_size, 3), weights=IMAGENET)
    except ValueError as error:
        raise ExportError(f"Keras has no such ImageNet weights: {_one_line(error)}") from error
    # What Keras raises when a download fails is a bare Exception.
    except Exception as error:
        raise ExportError(
            f"the ImageNet weights could not be downloaded ({_one_line(error)}); pass "
            "--weights FILE, a downloaded notop .h5 or .weights.h5 file, or --weights random"
        ) from error


def _load_file(full: Any, path: Path) -> None:
    """Load a weights file the user has."""
    # Keras can leave a layer out with no more than a warning, among others that mean nothing.
    full.set_weights([w * np.nan if w.dtype == np.float32 else w for w in full.get_weights()])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            full.load_weights(path)
        if any(np.isnan(weight).any() for weight in full.get_weights()):
            raise ValueError("it leaves some layers without weights")
    except (ValueError, OSError, KeyError) as error:
        raise ExportError(
            f"{path}: does not fit; expected the weights of this architecture and alpha without "
            f"its top ({_one_line(error)})"
        ) from error


def _randomise(full: Any, prepare: Callable[..., Any]) -> None:
    """Make every parameter count, and keep activations near 1.

    Keras starts biases at 0 and normalisation at the identity, which would hide an export that
    drops or misplaces them.
    """
    from keras import layers

    random = np.random.default_rng(_SEED)
    for layer in full.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
        for variable in layer.trainable_weights:
            if variable.name == "gamma":
                variable.assign(random.uniform(0.5, 1, variable.shape))
            elif variable.name in ("beta", "bias"):
                variable.assign(random.normal(0, 0.1, variable.shape))
    # One pass in training sets the moving averages to what the layers really see.
    full(prepare(photographs(224, 224).astype(np.float32)), training=True)
    for layer in full.layers:
        if isinstance(layer, layers.BatchNormalization):
            # A channel that hardly varies around a large mean would magnify rounding errors.
            layer.moving_variance.assign_add(layer.moving_mean**2 / 4)


def _check_normalisation(full: Any, path: Path) -> None:
    """Refuse weights of an EfficientNet that was trained with a scaling of its own."""
    from keras import layers

    for layer in full.layers:
        if isinstance(layer, layers.Normalization):
            variance = np.asarray(layer.variance).ravel()
            if not np.allclose(variance, IMAGENET_STD, atol=1e-3):
                raise ExportError(
                    f"{path}: its Normalization layer holds {variance}; expected {IMAGENET_STD}, "
                    "as in the ImageNet weights of Keras and what is trained from them"
                )


def _normalise_like_imagenet(full: Any) -> None:
    """Scale the input of EfficientNet as its ImageNet weights expect.

    Their file holds the standard deviation where the variance belongs. Keras makes up for that
    with one more layer, but only in a model that downloads the weights itself.
    """
    from keras import layers

    for layer in full.layers:
        if isinstance(layer, layers.Normalization):
            layer.set_weights([np.array(IMAGENET_MEAN), np.square(IMAGENET_STD), np.array(0)])
            layer.finalize_state()


def _one_line(error: Exception) -> str:
    """Join the lines of a message."""
    return " ".join(str(error).split())
