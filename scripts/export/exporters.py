"""Imports TensorFlow, Keras and tf2onnx, and keeps them quiet."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


def load_exporters() -> None:
    """Import the converters, without the lines they write about the machine.

    Raises
    ------
    ModuleNotFoundError
        When one of them is not installed.
    """
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    with stderr_to_nowhere():
        for name in ("tensorflow", "tf2onnx", "onnx"):
            import_module(name)
        import keras
    # A user's own configuration may say otherwise.
    keras.config.set_image_data_format("channels_last")
    for name in ("tensorflow", "tf2onnx"):
        logging.getLogger(name).setLevel(logging.ERROR)


@contextmanager
def stderr_to_nowhere() -> Iterator[None]:
    """Silence the standard error of the process: C++ libraries do not go through Python's."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
