"""Import packages that only some commands need."""

from __future__ import annotations

from importlib import import_module
from threading import RLock
from typing import Any

from fewshot.errors import UsageError

# While OpenCV is imported it is not complete in sys.modules; another thread must not get it so.
_IMPORTING = RLock()


def require(module: str, extra: str, purpose: str) -> Any:
    """Import a module, or say which packages to install.

    Raises
    ------
    UsageError
        If it cannot be imported; the message works from a clone and from a wheel.
    """
    try:
        with _IMPORTING:
            return import_module(module)
    except ImportError as error:
        packages = " ".join(_PACKAGES[extra])
        raise UsageError(
            f"{purpose} needs {module.partition('.')[0]}, which cannot be imported ({error}): "
            f"pip install {packages}"
        ) from error


def advice(error: ModuleNotFoundError) -> str:
    """Say which package to install where one is missing that is no extra, as on a bare device."""
    module = (error.name or "").partition(".")[0]
    package = {"PIL": "pillow", "sklearn": "scikit-learn"}.get(module, module)
    return f"this needs {module}, which is not installed: pip install {package}"


# The extras of pyproject.toml; a test compares the two.
_PACKAGES = {
    "camera": ("opencv-python-headless",),
    "heic": ("pillow-heif",),
    "onnx": ("onnx",),
    "report": ("jinja2",),
}
