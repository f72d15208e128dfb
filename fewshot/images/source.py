"""Anything that holds an image, and its content read once."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot.errors import ImageError


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """An image that is read, but not decoded.

    Attributes
    ----------
    name : str
        For messages.
    content : bytes, PIL.Image.Image or ndarray
        The bytes of a file, or pixels.
    """

    name: str
    content: bytes | Image.Image | NDArray[np.uint8]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 in hexadecimal: of the file's bytes, or of size and pixels."""
        if isinstance(self.content, bytes):
            data = self.content
        elif isinstance(self.content, np.ndarray):
            data = f"{self.content.dtype} {self.content.shape} ".encode() + self.content.tobytes()
        else:
            from fewshot.images.decode import open_rgb

            upright = open_rgb(self)  # palette and orientation count too
            data = f"{upright.size} ".encode() + upright.tobytes()
        return hashlib.sha256(data).hexdigest()


ImageSource: TypeAlias = (
    str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8] | LoadedImage
)


def load_image(source: ImageSource) -> LoadedImage:
    """Read an image without decoding it; one that is read already is returned as it is.

    Raises
    ------
    ImageError
        If the file cannot be read.
    """
    if isinstance(source, LoadedImage):
        return source
    name = describe(source)
    if isinstance(source, (Image.Image, np.ndarray)):
        return LoadedImage(name, source)
    try:
        return LoadedImage(name, _read(source))
    except Exception as error:  # a file object may raise anything
        raise ImageError(_unreadable(error), name) from error


def content_hash(source: ImageSource) -> str:
    """Return the SHA-256 of an image's content, as `LoadedImage.sha256`.

    Raises
    ------
    ImageError
        If the file cannot be read.
    """
    return load_image(source).sha256


def describe(source: object) -> str:
    """Name an image for a message: its path, or what kind of object it is."""
    if isinstance(source, LoadedImage):
        return source.name
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    if isinstance(source, np.ndarray):
        kind = "" if source.dtype == np.uint8 else f" and type {source.dtype}"
        return f"array of shape {source.shape}{kind}"
    name = getattr(source, "name", None) or getattr(source, "filename", None)
    return str(name) if name else f"image given as {type(source).__name__}"


def require_several(images: object) -> None:
    """Refuse a single image where several are expected.

    Raises
    ------
    ImageError
        If it is a path, bytes, an open image, or an array that is one image.
    """
    single = (str, bytes, os.PathLike, Image.Image, LoadedImage)
    one_array = isinstance(images, np.ndarray) and images.ndim < 4 and images.dtype == np.uint8
    if isinstance(images, single) or one_array:
        raise ImageError("one image where several were expected; pass a list", describe(images))


def _read(source: str | os.PathLike[str] | bytes | BinaryIO) -> bytes:
    if isinstance(source, bytes):
        return source
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ImageError("not a regular file")  # a pipe might never end
        return path.read_bytes()
    if not hasattr(source, "read"):
        raise ImageError("expected a path, bytes, a binary file, a PIL image or a uint8 array")
    if source.seekable():
        source.seek(0)
    return source.read()


def _unreadable(error: Exception) -> str:
    """Say in a few words why a file could not be read."""
    if isinstance(error, ImageError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a folder; expected an image file"
    if isinstance(error, PermissionError):
        return "permission denied"
    return f"cannot be read ({str(error) or type(error).__name__})"
