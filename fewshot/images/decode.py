"""Decode images to upright RGB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from fewshot.errors import ImageError, UsageError
from fewshot.images.colours import to_rgb
from fewshot.images.deep import Scale, brighten, grey_scale, is_deep_colour, is_deep_grey
from fewshot.images.formats import open_image, read_orientation
from fewshot.images.limits import require_decodable, reserve
from fewshot.images.png import without_metadata
from fewshot.images.source import ImageSource, load_image

# Above so many pixels, an image is reduced before anything else is done with it; to no less than
# twice of what is asked for.
_LARGE, _GAP = 25_000_000, 2
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_rgb(source: ImageSource, at_least: int | None = None) -> Image.Image:
    """Decode an image to upright RGB.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image, or uint8 array
        An array is ``(H, W, 3)`` RGB, ``(H, W, 4)`` RGBA, or ``(H, W)`` grey.
    at_least : int, optional
        Let a JPEG file or a large image be decoded at reduced scale, with no side of it below this
        many pixels.

    Returns
    -------
    PIL.Image.Image
        Mode "RGB"; EXIF orientation applied; transparency on white, or on black where it would be
        lost on white; grey of more than 8 bits as `fewshot.images.deep.grey_scale` says.

    Raises
    ------
    ImageError
        If the source is missing, empty, truncated, not an image, of zero size, or too large: by
        default 50 megapixels as decoded, fewer in formats that take more memory, and other in
        the environment variable ``FEWSHOT_MAX_PIXELS``.
    """
    image, orientation = _open(source, at_least)
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def as_stored(source: ImageSource, at_least: int | None = None) -> NDArray[np.uint8]:
    """Decode an image as `open_rgb` does, without applying the EXIF orientation: (H, W, 3)."""
    return np.asarray(_open(source, at_least)[0])


@dataclass(frozen=True)
class Header:
    """An image file's own data: format as Pillow calls it, size as stored, EXIF orientation."""

    format: str
    width: int
    height: int
    orientation: int


def read_header(source: ImageSource) -> Header:
    """Read the header of an image file, without decoding it.

    Raises
    ------
    ImageError
        If it is not an image.
    """
    loaded = load_image(source)
    try:
        if not isinstance(loaded.content, bytes):
            raise ImageError("pixels, which have no header")
        with open_image(loaded.content, loaded.name) as image:
            orientation = read_orientation(image, loaded.content)
            return Header(str(image.format), *image.size, orientation)
    except Exception as error:
        raise ImageError(_reason(error), loaded.name) from error


def _open(source: ImageSource, at_least: int | None) -> tuple[Image.Image, int]:
    """Decode to RGB; the EXIF orientation is not applied, but returned."""
    loaded = load_image(source)
    try:
        content = loaded.content
        if isinstance(content, bytes):
            return _from_file(content, loaded.name, at_least)
        image = _from_array(content) if isinstance(content, np.ndarray) else content
        _require_size(image)
        image.load()
        return to_rgb(image, scale=_scale(image)), read_orientation(image)
    except UsageError:
        raise
    except Exception as error:  # a damaged file makes decoders raise nearly anything
        raise ImageError(_reason(error), loaded.name) from error


def _from_file(data: bytes, name: str, at_least: int | None) -> tuple[Image.Image, int]:
    """Decode a file; one of PNG again without its metadata, if that is what Pillow refuses."""
    try:
        return _decode(data, name, at_least)
    except ImageError:
        raise
    except Exception:
        bare = without_metadata(data)
        if bare == data:
            raise
        return _decode(bare, name, at_least)


def _decode(data: bytes, name: str, at_least: int | None) -> tuple[Image.Image, int]:
    file = open_image(data, name)
    stored = file.size
    _require_size(file)
    if at_least is not None:
        file.draft(None, (at_least, at_least))
    with reserve(require_decodable(file, data, stored)):
        again = open_image(data, name) if is_deep_colour(file) else None
        image, scale, orientation = _load(file, data)
        del file  # with the buffers of its decoder
        if again is not None:
            brighten(image, again)
        factor = 1
        if at_least is not None and image.width * image.height > _LARGE:
            factor = max(1, min(image.size) // (_GAP * at_least))
        return to_rgb(image, factor, scale), orientation


def _load(file: ImageFile.ImageFile, data: bytes) -> tuple[Image.Image, Scale | None, int]:
    """Decode the first frame in the mode it is stored in; return it without its decoder."""
    file.load()
    _require_size(file)
    return file._new(file.im), _scale(file, data), read_orientation(file, data)


def _scale(image: Image.Image, data: bytes | None = None) -> Scale | None:
    return grey_scale(image, data) if is_deep_grey(image) else None


def _require_size(image: Image.Image) -> None:
    """Refuse what has no pixels, or pixels that nobody knows the range of."""
    if 0 in image.size:
        raise ImageError(f"zero size, {image.width} x {image.height} pixels")
    if image.mode == "F":
        raise ImageError("32-bit float pixels; expected 8 or 16 bits a channel; convert it first")


def _from_array(array: NDArray[np.uint8]) -> Image.Image:
    """Wrap a uint8 array of grey, RGB or RGBA pixels."""
    channels = array.shape[2:]
    if (
        array.dtype != np.uint8
        or array.ndim not in (2, 3)
        or channels not in ((), (1,), (3,), (4,))
    ):
        raise ImageError("expected uint8, (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, 0 to 255")
    if 0 in array.shape:
        raise ImageError("zero size")
    return Image.fromarray(array[:, :, 0] if channels == (1,) else array)


def _reason(error: Exception) -> str:
    """Say in a few words why an image could not be decoded."""
    if isinstance(error, ImageError):
        return str(error)
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"too large to decode safely (a decompression bomb?): {error}"
    if isinstance(error, MemoryError):
        return "too large for the memory that is free"
    return f"damaged or truncated image ({str(error) or type(error).__name__})"
