"""Open ONNX files in onnxruntime, and run them."""

from __future__ import annotations

import hashlib
import os
import threading
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from fewshot.backbones.safety import require_self_contained
from fewshot.errors import BackboneError, MissingFileError

# Sums of squares of such numbers are finite in float32.
_LARGEST = 1e15
_OPENING: WeakSet[threading.Thread] = WeakSet()


def _finish_opening() -> None:
    for thread in list(_OPENING):
        thread.join()


# A forked process has no such thread, but the locks of onnxruntime that it held.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_finish_opening)


class OnnxNetwork:
    """An ONNX file, read once and opened in a thread of its own.

    onnxruntime lets other threads run meanwhile, so that an image can be decoded in that time.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    sha256 : str
        Of the file, in hexadecimal.

    Raises
    ------
    MissingFileError, BackboneError
        If the file cannot be read. What else is wrong with it is raised when it is first used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        data = _read(path)
        self._result: ort.InferenceSession | BaseException | None = None
        self._thread = threading.Thread(target=self._open, args=(data,))
        self._thread.start()
        _OPENING.add(self._thread)
        self.sha256 = hashlib.sha256(data).hexdigest()

    def _open(self, data: bytes) -> None:
        try:
            self._result = _session(data, self.path)
        except BaseException as error:  # raised where the session is first used
            self._result = error

    @cached_property
    def session(self) -> ort.InferenceSession:
        """The session; the first use waits for it, and raises what opening it raised."""
        self._thread.join()
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result

    @cached_property
    def properties(self) -> dict[str, str]:
        """The ``metadata_props`` of the file."""
        try:
            return dict(self.session.get_modelmeta().custom_metadata_map)
        except UnicodeDecodeError as error:
            raise BackboneError(
                f"{self.path}: its metadata are not UTF-8; export it again"
            ) from error

    def run(
        self,
        outputs: list[str],
        image: NDArray[Any],
        input_name: str = "image",
        advice: str = "export it again",
    ) -> list[Any]:
        """Run the network on the pixels of images.

        Raises
        ------
        BackboneError
            If onnxruntime cannot, or what comes out are not numbers to compute with; the message
            ends with the advice.
        """
        try:
            found = list(self.session.run(outputs, {input_name: image}))
        except Exception as error:  # onnxruntime's errors share no base of their own
            raise BackboneError(
                f"{self.path}: onnxruntime cannot run it on pixels of shape {image.shape} "
                f"({first_line(error)}); {advice}"
            ) from error
        for name, values in zip(outputs, found, strict=True):
            if problem := _problem(values):
                raise BackboneError(f"{self.path}: output {name!r} {problem}; {advice}")
        return found


def _problem(values: object) -> str:
    """Say what keeps an output from being used; empty if nothing does."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fbiu":
        return "is no array of numbers"
    numbers = values if values.dtype.kind == "f" else values.astype(np.float64)
    if (np.abs(numbers) <= _LARGEST).all():  # NaN is not
        return ""
    return f"gives numbers that are not finite, or larger than {_LARGEST:g}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MissingFileError(f"{path}: no such file; expected an .onnx file") from error
    except OSError as error:
        raise BackboneError(f"{path}: cannot be read ({error.strerror})") from error


def _session(data: bytes, path: Path) -> ort.InferenceSession:
    require_self_contained(data, path)
    options = ort.SessionOptions()
    # Several images run side by side, each on one thread: that keeps every processor busy with
    # decoding and inference alike, and no answer depends on how many there are.
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # errors arrive as exceptions
    try:
        return ort.InferenceSession(
            data,
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # there is no other provider, but it would be printed
        )
    except Exception as error:
        raise BackboneError(
            f"{path}: onnxruntime cannot open it as a network ({first_line(error)}); "
            "expected an .onnx file written by fewshot export or scripts/export/backbone.py"
        ) from error


def runtime_version() -> str:
    """Return the version of onnxruntime, whatever its package is called."""
    return str(ort.__version__)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
