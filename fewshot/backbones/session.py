"""Open an ONNX file in onnxruntime, perhaps while something else is done."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import onnxruntime as ort
from numpy.typing import NDArray

from fewshot.backbones.safety import require_self_contained
from fewshot.errors import BackboneError


class Opening:
    """An ONNX file that is being opened in a thread of its own.

    onnxruntime lets other threads run meanwhile, so that a picture can be decoded in the time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._result: ort.InferenceSession | BaseException | None = None
        self._thread = threading.Thread(target=self._open)
        self._thread.start()

    def _open(self) -> None:
        try:
            self._result = open_session(self.path)
        except BaseException as error:  # raised where the session is asked for
            self._result = error

    def session(self) -> ort.InferenceSession:
        """Wait for the session; raise what opening it raised."""
        self._thread.join()
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result


def open_session(path: Path) -> ort.InferenceSession:
    """Open an ONNX file on the CPU.

    Raises
    ------
    BackboneError
        If onnxruntime cannot, or the file wants to read others.
    """
    require_self_contained(path)
    options = ort.SessionOptions()
    # Several images run side by side, each on one thread: that keeps every processor busy with
    # decoding and inference alike, and no answer depends on how many there are.
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # errors arrive as exceptions
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base of their own
        raise BackboneError(
            f"{path}: onnxruntime cannot open it as a network "
            f"({first_line(error)}); "
            "expected an .onnx file written by fewshot export or scripts/export/backbone.py"
        ) from error


def run(
    session: ort.InferenceSession,
    path: Path,
    outputs: list[str],
    image: NDArray[Any],
    name: str = "image",
    advice: str = "export it again",
) -> list[Any]:
    """Run a network on pixels, which its input of that name takes.

    Raises
    ------
    BackboneError
        If onnxruntime cannot: its graph does not take what its metadata say. It ends with the
        advice.
    """
    try:
        return list(session.run(outputs, {name: image}))
    except Exception as error:
        raise BackboneError(
            f"{path}: onnxruntime cannot run it on pixels of shape {image.shape} "
            f"({first_line(error)}); {advice}"
        ) from error


def read_properties(session: ort.InferenceSession, path: Path) -> dict[str, str]:
    """Return the ``metadata_props`` of an ONNX file.

    Raises
    ------
    BackboneError
        If they are no text.
    """
    try:
        return dict(session.get_modelmeta().custom_metadata_map)
    except UnicodeDecodeError as error:
        raise BackboneError(f"{path}: its metadata are not UTF-8; export it again") from error


def runtime_version() -> str:
    """Say which onnxruntime this is; its packages have several names."""
    return str(ort.__version__)


def first_line(error: Exception) -> str:
    """Keep what fits on a line of an error's message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
