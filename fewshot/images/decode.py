"""Turn anything that holds a picture into upright RGB pixels of the size a backbone wants."""

from __future__ import annotations

import hashlib
import importlib
import io
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from fewshot.errors import ImageError
from fewshot.images.preprocessing import MAX_VIEWS, Preprocessing

ImageSource: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8]

# Pillow knows more formats, but some start other programs (EPS) or are no photographs; these
# suffice. The first four load without Pillow importing every decoder it has.
_COMMON = ("JPEG", "PNG", "GIF", "BMP")
_FURTHER = ("WEBP", "TIFF", "AVIF", "HEIF", "MPO")
# What is decoded at most, in pixels: Pillow's own bound for a suspected decompression bomb.
_MAX_PIXELS = 89_478_485
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
# What part of its width and height the closer views of a picture show.
_ZOOM, _TILE = 0.75, 0.7
Box: TypeAlias = tuple[float, float, float, float]


def load_views(source: ImageSource, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Decode a picture and bring each view of it to the size a backbone wants.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image, or uint8 array
        An array is ``(H, W, 3)`` RGB, ``(H, W, 4)`` RGBA, or ``(H, W)`` grey.
    preprocessing : Preprocessing
        The recipe of the backbone.

    Returns
    -------
    ndarray of uint8, shape (views, image_size, image_size, 3)
        Upright RGB, 0 to 255.

    Raises
    ------
    ImageError
        If the source is missing, empty, truncated, not a picture, of zero size, or too large.
    """
    return load_views_and_boxes(source, preprocessing)[0]


def load_views_and_boxes(
    source: ImageSource, preprocessing: Preprocessing
) -> tuple[NDArray[np.uint8], tuple[Box, ...]]:
    """Do as `load_views`, and say which part of the picture each view shows.

    Returns
    -------
    pixels : ndarray of uint8, shape (views, image_size, image_size, 3)
    boxes : tuple of (left, top, right, bottom), one a view
        As fractions of the upright picture, 0 to 1; that the last of 8 is mirrored, they do not
        say.

    Raises
    ------
    ImageError
        As for `load_views`.
    """
    size, views = preprocessing.image_size, preprocessing.views
    if _is_ready(source, preprocessing):
        return np.asarray(source, np.uint8)[np.newaxis], ((0.0, 0.0, 1.0, 1.0),)
    least = size if preprocessing.resize == "squash" else size / preprocessing.crop_fraction
    # Closer looks need the pixels for it.
    image = open_rgb(source, at_least=math.ceil(least if views == 1 else least / _TILE))
    boxes = _view_boxes(image.width, image.height, preprocessing)[:views]
    chosen = Image.Resampling[preprocessing.interpolation.upper()]
    pixels = [np.asarray(image.resize((size, size), chosen, box=box)) for box in boxes]
    if views == MAX_VIEWS:
        pixels.append(pixels[0][:, ::-1])
        boxes.append(boxes[0])
    wide, high = image.size
    fractions = ((a / wide, b / high, c / wide, d / high) for a, b, c, d in boxes)
    return np.stack(pixels), tuple(fractions)


def _is_ready(source: ImageSource, preprocessing: Preprocessing) -> bool:
    """Tell pixels that the recipe would leave as they are."""
    size = preprocessing.image_size
    return (
        isinstance(source, np.ndarray)
        and source.shape == (size, size, 3)
        and source.dtype == np.uint8
        and preprocessing.views == 1
        and (preprocessing.resize == "squash" or preprocessing.crop_fraction == 1)
    )


def _view_boxes(width: int, height: int, preprocessing: Preprocessing) -> list[Box]:
    """Say which parts of a picture the views show, all but the mirrored one."""
    whole = (0.0, 0.0, float(width), float(height))
    side = min(width, height) * preprocessing.crop_fraction
    middle = _middle(width, height, side)
    squash = preprocessing.resize == "squash"
    tile = width * _TILE, height * _TILE
    corners = [(x, y) for x in (0.0, width - tile[0]) for y in (0.0, height - tile[1])]
    return [
        *((whole, middle) if squash else (middle, whole)),
        _middle(width, height, side * _ZOOM),
        *((x, y, x + tile[0], y + tile[1]) for x, y in corners),
    ]


def _middle(width: int, height: int, side: float) -> Box:
    """Return the square of a side in the middle of a picture."""
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def open_rgb(source: ImageSource, at_least: int | None = None) -> Image.Image:
    """Decode a picture to upright RGB.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image, or uint8 array
    at_least : int, optional
        Let a JPEG be decoded at reduced scale, with no side of it below this many pixels.

    Returns
    -------
    PIL.Image.Image
        Mode "RGB"; EXIF orientation applied, transparency on white.

    Raises
    ------
    ImageError
        As for `load_views`.
    """
    try:
        return _to_rgb(_upright(_decode(source, at_least)))
    except Exception as error:  # a damaged file makes decoders raise nearly anything
        raise ImageError(_reason(error), describe(source)) from error


@dataclass(frozen=True)
class Header:
    """What an image file says of itself: format as Pillow calls it, size, EXIF orientation."""

    format: str
    width: int
    height: int
    orientation: int


def read_header(path: str | os.PathLike[str]) -> Header:
    """Read what a file says of itself, without decoding it.

    Parameters
    ----------
    path : path

    Returns
    -------
    Header
        Sizes in pixels as stored; orientation 1 to 8, 1 being upright.

    Raises
    ------
    ImageError
        If it is not an image.
    """
    try:
        Image.init()
        known = [name for name in _COMMON + _FURTHER if name in Image.OPEN]
        with Image.open(path, formats=known) as image:
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
            return Header(str(image.format), *image.size, int(orientation))
    except Exception as error:
        raise ImageError(_reason(error), describe(path)) from error


def format_of(suffix: str) -> str | None:
    """Say which format a file name's extension, with its dot, stands for."""
    return Image.registered_extensions().get(suffix.lower())


def as_stored(source: ImageSource, at_least: int | None = None) -> NDArray[np.uint8]:
    """Decode a picture as `open_rgb` does, but for the EXIF orientation: (H, W, 3)."""
    try:
        return np.asarray(_to_rgb(_decode(source, at_least)))
    except Exception as error:
        raise ImageError(_reason(error), describe(source)) from error


def content_hash(source: ImageSource) -> str:
    """Hash what a picture is made of, without decoding it.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image, or uint8 array

    Returns
    -------
    str
        SHA-256 in hexadecimal: of the file's bytes, or of mode, size and pixels.

    Raises
    ------
    ImageError
        If the file cannot be read.
    """
    try:
        if isinstance(source, Image.Image):
            upright = open_rgb(source)  # palette and orientation count too
            data = f"{upright.size} ".encode() + upright.tobytes()
        elif isinstance(source, np.ndarray):
            data = f"{source.dtype} {source.shape} ".encode() + source.tobytes()
        else:
            data = _read(source)
    except Exception as error:
        raise ImageError(_reason(error), describe(source)) from error
    return hashlib.sha256(data).hexdigest()


def describe(source: object) -> str:
    """Name a picture for a message: its path, or what kind of object it is."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    if isinstance(source, np.ndarray):
        kind = "" if source.dtype == np.uint8 else f" and type {source.dtype}"
        return f"array of shape {source.shape}{kind}"
    name = getattr(source, "name", None) or getattr(source, "filename", None)
    return str(name) if name else f"image given as {type(source).__name__}"


def require_several(images: object) -> None:
    """Refuse a single picture where several are expected.

    Raises
    ------
    ImageError
        If it is a path, bytes, an open image, or an array that is one picture.
    """
    single = (str, bytes, os.PathLike, Image.Image)
    one_array = isinstance(images, np.ndarray) and images.ndim < 4 and images.dtype == np.uint8
    if isinstance(images, single) or one_array:
        raise ImageError("one image where several were expected; pass a list", describe(images))


def _decode(source: ImageSource, at_least: int | None) -> Image.Image:
    """Return the decoded first frame of a source, in whatever mode it is stored."""
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        image = source
    else:
        image = _identify(_read(source))
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        if image.width * image.height > _MAX_PIXELS:
            raise ImageError(
                f"{image.width} x {image.height} pixels; expected at most {_MAX_PIXELS:,} "
                "(a decompression bomb?); make the picture smaller"
            )
    if 0 in image.size:
        raise ImageError(f"zero size, {image.width} x {image.height} pixels")
    image.load()
    return image


def _read(source: str | os.PathLike[str] | bytes | BinaryIO) -> bytes:
    """Return the bytes of a file, whatever stands for it."""
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


def _identify(data: bytes) -> Image.Image:
    """Open an encoded picture by its content; nothing but its header is decoded yet."""
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
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError as error:
        raise ImageError(
            "a HEIC photograph, which needs pillow-heif: pip install 'fewshot[heic]'"
        ) from error


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
    """Apply the EXIF orientation."""
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
    """Say in a few words why a picture could not be read."""
    if isinstance(error, ImageError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a folder; expected an image file"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"too large to decode safely (a decompression bomb?): {error}"
    return f"damaged or truncated image ({str(error) or type(error).__name__})"
