"""Import packages that only some commands need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from fewshot.errors import UsageError


def require(module: str, extra: str, purpose: str) -> Any:
    """Import a module, or say which packages to install.

    Raises
    ------
    UsageError
        If it cannot be imported; the message works from a clone and from a wheel.
    """
    try:
        return import_module(module)
    except ImportError as error:
        packages = " ".join(_PACKAGES[extra])
        raise UsageError(
            f"{purpose} needs {module.partition('.')[0]}, which cannot be imported ({error}): "
            f"pip install {packages}"
        ) from error


# The extras of pyproject.toml; a test compares the two.
_PACKAGES = {
    "camera": ("opencv-python-headless",),
    "heic": ("pillow-heif",),
    "onnx": ("onnx",),
    "report": ("jinja2",),
}
