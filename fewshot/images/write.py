"""Write images as PNG files, and make thumbnails."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from fewshot._files import replacing, require_replaceable
from fewshot.errors import UsageError
from fewshot.images.decode import open_rgb
from fewshot.images.source import ImageSource

_MARK = ("Software", "fewshot")
# As it stands in the file, after its length.
_CHUNK = b"\x00\x00\x00\x10tEXt" + "\0".join(_MARK).encode()


def write_png(image: Image.Image, path: Path) -> None:
    """Write a whole PNG file or none; raise UsageError as `require_png` does."""
    require_png(path)
    mark = PngImagePlugin.PngInfo()
    mark.add_text(*_MARK)
    with replacing(path) as stream:
        image.save(stream, "PNG", pnginfo=mark)


def require_png(path: Path) -> None:
    """Refuse a path where a PNG file should not or cannot be written.

    Raises
    ------
    UsageError
        If it does not end in .png, a file is there that `write_png` did not write, or its folder
        may not be written to.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path}: a PNG image is written; give a name that ends in .png")
    require_replaceable(path, _CHUNK)


def save_png(pixels: NDArray[np.uint8], path: Path, side: int) -> None:
    """Write pixels, (H, W) grey or (H, W, 3) RGB, as a square PNG file, smoothly enlarged."""
    image = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    image.save(path, format="PNG")


def thumbnail(source: ImageSource, side: int) -> bytes:
    """Make a small JPEG file: upright, RGB, no side longer than `side` pixels, no metadata.

    Raises
    ------
    ImageError
        If the image cannot be read.
    """
    # A copy: it may be the caller's own, and comments that come with it would be written too.
    image = Image.fromarray(np.asarray(open_rgb(source, at_least=side)))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    return stream.getvalue()
