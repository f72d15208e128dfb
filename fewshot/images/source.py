"""Anything that holds an image, and its content read once."""

from __future__ import annotations

import hashlib
import inspect
import io
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot.errors import ImageError

# A file is held in memory as a whole; 50 megapixels, not compressed, are half of this.
_MAX_BYTES = 2**28
# What is longer is no path, but perhaps the content of an image as text.
_LONGEST_NAME = 300
_AS_TEXT = 'opened as text; open it in binary mode, "rb"'


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
            return hashlib.sha256(self.content).hexdigest()
        if isinstance(self.content, np.ndarray):
            pixels = np.ascontiguousarray(self.content)
            head = f"{self.content.dtype} {self.content.shape} "
        else:
            from fewshot.images.decode import open_rgb

            upright = open_rgb(self)  # palette and orientation count too
            pixels, head = np.asarray(upright), f"{upright.size} "
        found = hashlib.sha256(head.encode())
        found.update(pixels.data if pixels.size else b"")
        return found.hexdigest()


ImageSource: TypeAlias = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | Image.Image
    | NDArray[np.uint8]
    | LoadedImage
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
        shown = name if len(name) <= _LONGEST_NAME else f"{name[:40]}..."
        raise ImageError(_unreadable(error, source), shown) from error


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
        return os.fsdecode(source)
    if isinstance(source, np.ndarray):
        kind = "" if source.dtype == np.uint8 else f" and type {source.dtype}"
        return f"array of shape {source.shape}{kind}"
    name = getattr(source, "name", None) or getattr(source, "filename", None)
    # A file opened by its descriptor has that number for a name.
    return name if isinstance(name, str) else f"image given as {type(source).__name__}"


def require_several(images: object) -> None:
    """Refuse a single image where several are expected.

    Raises
    ------
    ImageError
        If it is a path, bytes, an open image, or an array that is one image.
    """
    single = (str, bytes, bytearray, memoryview, os.PathLike, Image.Image, LoadedImage)
    if isinstance(images, single) or (isinstance(images, np.ndarray) and _is_one(images)):
        raise ImageError("one image where several were expected; pass a list", describe(images))


def _is_one(array: NDArray[Any]) -> bool:
    """Tell an array that is one image from several grey ones, and from an array of paths."""
    if array.dtype != np.uint8 or array.ndim > 3:
        return False
    return array.ndim < 3 or array.shape[2] in (1, 3, 4)


def _read(source: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, (str, os.PathLike)):
        return _read_path(Path(source))
    if not hasattr(source, "read"):
        raise ImageError("expected a path, bytes, a binary file, a PIL image or a uint8 array")
    if getattr(source, "closed", False) is True:
        raise ImageError("the file is closed; open it again, or give its bytes")
    return _read_stream(source)


def _read_path(path: Path) -> bytes:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ImageError("not a regular file")  # a pipe might never end
    with path.open("rb") as stream:
        return _read_stream(stream)


def _read_stream(source: Any) -> bytes:
    """Read a binary file from its beginning, if it can go back there."""
    seekable = getattr(source, "seekable", lambda: hasattr(source, "seek"))
    if not inspect.iscoroutinefunction(source.read) and seekable():
        source.seek(0)
    if isinstance(source, io.RawIOBase):
        source = io.BytesIO(_read_raw(source))
    try:
        data = source.read(_MAX_BYTES + 1)
    except TypeError:  # it takes no number
        data = source.read()
    if hasattr(data, "__await__"):
        if hasattr(data, "close"):
            data.close()  # which would warn that nobody waited for it
        raise ImageError("its read() must be awaited; give the bytes: await image.read()")
    if isinstance(data, str):
        raise ImageError(_AS_TEXT)
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ImageError(f"its read() gave {type(data).__name__}; expected bytes")
    if len(data) > _MAX_BYTES:
        raise ImageError(f"larger than {_MAX_BYTES >> 20} MiB; save it smaller, or compressed")
    return bytes(data)


def _read_raw(source: io.RawIOBase) -> bytes:
    """Read to the end what may give fewer bytes than it is asked for."""
    data = bytearray()
    while len(data) <= _MAX_BYTES and (more := source.read(2**20)):
        data += more
    return bytes(data)


def _unreadable(error: Exception, source: object) -> str:
    """Say in a few words why a file could not be read."""
    if isinstance(error, ImageError):
        return str(error)
    if isinstance(error, IsADirectoryError):
        return "is a folder; expected an image file"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, UnicodeDecodeError):
        return _AS_TEXT
    name = describe(source)
    if len(name) > _LONGEST_NAME:
        return "no path; if it is the content of an image in base64, decode it and give the bytes"
    if isinstance(error, FileNotFoundError):
        address = name.lower().startswith(("http:/", "https:/", "ftp:/"))
        return "an address; download the image first" if address else "no such file"
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be read ({reason})"
