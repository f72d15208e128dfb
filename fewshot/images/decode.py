"""Decode images to upright RGB."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from fewshot._optional import require
from fewshot.errors import ImageError, UsageError
from fewshot.images.source import ImageSource, LoadedImage, load_image

# Pillow knows more formats, but some start other programs (EPS) or are no photographs; these
# suffice. The first four load without Pillow importing every decoder it has.
_COMMON = ("JPEG", "PNG", "GIF", "BMP")
_FURTHER = ("WEBP", "TIFF", "AVIF", "HEIF", "MPO")
# Pillow's own bound for a suspected decompression bomb.
_MAX_PIXELS = 89_478_485
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


def open_rgb(source: ImageSource, at_least: int | None = None) -> Image.Image:
    """Decode an image to upright RGB.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image, or uint8 array
        An array is ``(H, W, 3)`` RGB, ``(H, W, 4)`` RGBA, or ``(H, W)`` grey.
    at_least : int, optional
        Let a JPEG be decoded at reduced scale, with no side of it below this many pixels.

    Returns
    -------
    PIL.Image.Image
        Mode "RGB"; EXIF orientation applied, transparency on white.

    Raises
    ------
    ImageError
        If the source is missing, empty, truncated, not an image, of zero size, or too large.
    """
    loaded = load_image(source)
    try:
        return _to_rgb(_upright(_decode(loaded, at_least)))
    except Exception as error:  # a damaged file makes decoders raise nearly anything
        raise ImageError(_reason(error), loaded.name) from error


def as_stored(source: ImageSource, at_least: int | None = None) -> NDArray[np.uint8]:
    """Decode an image as `open_rgb` does, without applying the EXIF orientation: (H, W, 3)."""
    loaded = load_image(source)
    try:
        return np.asarray(_to_rgb(_decode(loaded, at_least)))
    except Exception as error:
        raise ImageError(_reason(error), loaded.name) from error


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
        with _identify(loaded.content) as image:
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
            return Header(str(image.format), *image.size, int(orientation))
    except Exception as error:
        raise ImageError(_reason(error), loaded.name) from error


def format_of(suffix: str) -> str | None:
    """Return the format that a file name's extension, with its dot, stands for."""
    Image.init()
    return Image.registered_extensions().get(suffix.lower())


def _decode(loaded: LoadedImage, at_least: int | None) -> Image.Image:
    """Return the decoded first frame, in the mode it is stored in."""
    content = loaded.content
    if isinstance(content, np.ndarray):
        return _from_array(content)
    image = content if isinstance(content, Image.Image) else _identify(content)
    if isinstance(content, bytes):
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        if image.width * image.height > _MAX_PIXELS:
            raise ImageError(
                f"{image.width} x {image.height} pixels; expected at most {_MAX_PIXELS:,} "
                "(a decompression bomb?); make the image smaller"
            )
    if 0 in image.size:
        raise ImageError(f"zero size, {image.width} x {image.height} pixels")
    image.load()
    return image


def _identify(data: bytes) -> Image.Image:
    """Open an encoded image by its content, decoding its header only."""
    if not data:
        raise ImageError("empty file (0 bytes)")
    Image.preinit()
    for formats in (_COMMON, _FURTHER):
        if formats is _FURTHER:
            Image.init()
            _enable_heif(data)
        try:
            return Image.open(io.BytesIO(data), formats=[f for f in formats if f in Image.OPEN])
        except UnidentifiedImageError:
            pass
    raise ImageError(f"not an image; expected one of {', '.join(_COMMON + _FURTHER[:4])}")


def _enable_heif(data: bytes) -> None:
    """Let Pillow read HEIC, the format of many phones, through pillow-heif if it is there."""
    if data[4:8] != b"ftyp" or data[8:12] not in _HEIF_BRANDS:
        return
    try:
        require("pillow_heif", "heic", "a HEIC photograph").register_heif_opener()
    except UsageError as error:
        raise ImageError(str(error)) from error


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


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return ImageOps.exif_transpose(image) if turned else image  # which would be a copy
    except Exception:  # damaged EXIF says nothing against the pixels
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    """Bring any mode to RGB: 16 bits to their upper 8, transparency onto white."""
    if image.mode == "F":
        raise ImageError("32-bit float pixels; expected 8 or 16 bits a channel; convert it first")
    if image.mode == "I" or image.mode.startswith("I;"):
        upper = np.clip(np.asarray(image), 0, 65535) >> 8  # Pillow would clip at 255 instead
        return Image.fromarray(upper.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _reason(error: Exception) -> str:
    """Say in a few words why an image could not be decoded."""
    if isinstance(error, ImageError):
        return str(error)
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"too large to decode safely (a decompression bomb?): {error}"
    return f"damaged or truncated image ({str(error) or type(error).__name__})"
