"""Images of more than 8 bits a channel: which of their values are black and white."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from fewshot.errors import ImageError
from fewshot.images.png import find_chunk

# The bits that cameras and scanners give a grey value, and those of integers.
_BITS = (8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 31, 32)
# Values that fill less than this part of their range are those of a measuring camera.
_NARROW = 1 / 4
# Tags of TIFF.
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_UNSIGNED, _SIGNED = 1, 2
_LOWEST, _HIGHEST, _SIGNED_LOWEST, _SIGNED_HIGHEST = 280, 281, 340, 341
# Rows are worked on in pieces of about so many pixels.
_PIECE = 2**20


@dataclass(frozen=True)
class Scale:
    """How the values of a grey image become 0 to 255.

    Attributes
    ----------
    black, white : int
        The values that become 0 and 255.
    inverted : bool
        Whether the file says that its lowest value is white.
    dtype : {"", "int8", "uint32"}
        What a value is, where it is not what Pillow takes it for.
    transparent : int or None
        The value that stands for transparency.
    """

    black: int
    white: int
    inverted: bool = False
    dtype: str = ""
    transparent: int | None = None

    def apply(self, image: Image.Image) -> Image.Image:
        """Bring an image, or a piece of it, to 8 bits: mode "L", or "LA" with transparency."""
        values = _values(image, self.dtype)
        upper = (values - self.black) * 256 // (self.white - self.black + 1)
        bytes_ = np.clip(upper, 0, 255).astype(np.uint8)
        grey = Image.fromarray(255 - bytes_ if self.inverted else bytes_)
        if self.transparent is None:
            return grey
        alpha = Image.fromarray(np.where(values == self.transparent, 0, 255).astype(np.uint8))
        return Image.merge("LA", (grey, alpha))


def is_deep_grey(image: Image.Image) -> bool:
    """Tell a grey image of integers of more than 8 bits, or of a TIFF file's signed ones."""
    return image.mode == "I" or image.mode.startswith("I;") or _is_signed_byte(image)


def is_deep_colour(image: Image.Image) -> bool:
    """Tell a file of colours of 16 bits, of which Pillow decodes the upper 8."""
    tiles = getattr(image, "tile", None) or ()
    return len(image.getbands()) > 1 and any(";16" in str(tile[3]) for tile in tiles)


def grey_scale(image: Image.Image, data: bytes | None = None) -> Scale:
    """Decide which values of a grey image of 16 or 32 bits are black and white.

    What the file says comes first: TIFF has the bits of a value and may have the lowest and the
    highest one, PNG the significant bits. Else black is 0, and white the highest value of the
    fewest bits, of 8, 10, 12, 14, 16 and more, that hold the image's highest. Where the image then
    fills less than a quarter of the range, as that of a thermal camera does, or has values below
    0, its own lowest and highest values become black and white: two such images are not on the
    same scale.
    """
    tags = getattr(image, "tag_v2", {})
    bits = _first(tags, _BITS_PER_SAMPLE) or 0
    unsigned = bits == 32 and _first(tags, _SAMPLE_FORMAT) in (None, _UNSIGNED)
    dtype = "int8" if _is_signed_byte(image) else "uint32" if unsigned else ""
    low, high = _extremes(image, dtype)
    stated = _stated_range(tags, data, bits)
    if stated is None or low < stated[0] or high > stated[1]:
        stated = _guessed_range(low, high)
    return Scale(
        *stated,
        inverted=_first(tags, _PHOTOMETRIC) == 0,
        dtype=dtype,
        transparent=_transparent(image),
    )


def brighten(image: Image.Image, again: ImageFile.ImageFile) -> None:
    """Bring colours of 16 bits, of which no more than 14 are used, to the 8 that are.

    ImageError: if the lower bits cannot be had.
    """
    n_colours = len(image.getbands()) - (image.mode in ("LA", "RGBA"))
    most_of = [int(high) for _, high in _band_extremes(image)]
    highest, highest_of_alpha = max(most_of[:n_colours]), max([0, *most_of[n_colours:]])
    if highest >= 2 ** (14 - 8) or image.mode not in ("RGB", "RGBA", "LA"):
        return
    if highest == 0 and image.mode == "LA":
        return
    lower = _lower_bytes(again)
    most = max(int(_join(*both)[..., :n_colours].max()) for _, *both in _pieces(image, lower))
    shift = max(0, _bits_of(most) - 8)
    alike = highest_of_alpha < 2 ** (_bits_of(most) - 8)  # stored with as few bits
    for top, *both in _pieces(image, lower):
        values = _join(*both)
        values[..., :n_colours] >>= shift
        values[..., n_colours:] >>= shift if alike else 8
        image.paste(Image.fromarray(values.astype(np.uint8)), (0, top))


def _lower_bytes(image: ImageFile.ImageFile) -> Image.Image:
    """Decode the lower 8 of 16 bits, by taking the two bytes of a value in the other order."""
    native = "L" if sys.byteorder == "little" else "B"
    tiles: list[Any] = []
    for tile in image.tile:
        given: Any = tile[3]
        first = given if isinstance(given, str) else given[0]
        kind, _, order = str(first).partition(";16")
        order = native if order == "N" else order
        if kind not in ("RGB", "RGBA", "RGBX") or order not in ("L", "B"):
            raise ImageError("16 bits a channel, of which few are used; save it with 8 bits each")
        swapped = f"{kind};16{'B' if order == 'L' else 'L'}"
        arguments = swapped if isinstance(given, str) else (swapped, *given[1:])
        named = hasattr(tile, "_replace")  # not in older versions of Pillow
        tiles.append(tile._replace(args=arguments) if named else (*tile[:3], arguments))
    image.tile = tiles
    image.load()
    return image


def _join(upper: Image.Image, lower: Image.Image) -> NDArray[np.uint16]:
    return np.asarray(upper, np.uint16) << np.uint16(8) | np.asarray(lower, np.uint16)


def _pieces(*images: Image.Image) -> Iterator[tuple[Any, ...]]:
    """Cut images of one size into the same pieces: the row each begins at, and the pieces."""
    width, height = images[0].size
    step = max(1, _PIECE // width)
    for top in range(0, height, step):
        box = (0, top, width, min(top + step, height))
        yield (top, *(image.crop(box) for image in images))


def _values(image: Image.Image, dtype: str) -> NDArray[np.int64]:
    values = np.asarray(image)
    return (values.view(dtype) if dtype else values).astype(np.int64)


def _extremes(image: Image.Image, dtype: str) -> tuple[int, int]:
    found = []
    for _, piece in _pieces(image):
        values = _values(piece, dtype)
        found += [int(values.min()), int(values.max())]
    return min(found), max(found)


def _is_signed_byte(image: Image.Image) -> bool:
    tags = getattr(image, "tag_v2", {})
    return image.mode == "L" and _first(tags, _SAMPLE_FORMAT) == _SIGNED


def _band_extremes(image: Image.Image) -> Any:
    """Return the lowest and highest value of each of several bands."""
    return image.getextrema()


def _stated_range(tags: Any, data: bytes | None, bits: int) -> tuple[int, int] | None:
    """Return the lowest and highest value that a file says it has, if it says more than 16 bits."""
    low = next((v for t in (_LOWEST, _SIGNED_LOWEST) if (v := _first(tags, t)) is not None), 0)
    high = next((v for t in (_HIGHEST, _SIGNED_HIGHEST) if (v := _first(tags, t)) is not None), 0)
    if low < high and (low, high) != (0, 2**bits - 1):
        return low, high
    significant = find_chunk(data, b"sBIT") if data else None
    if significant:
        bits = significant[0]
    return (0, 2**bits - 1) if 8 < bits < 16 else None


def _guessed_range(low: int, high: int) -> tuple[int, int]:
    if low < 0:
        return low, high
    white = 2 ** _bits_of(high) - 1
    narrow = white > 255 and low < high and high - low < white * _NARROW
    return (low, high) if narrow else (0, white)


def _bits_of(value: int) -> int:
    return next(bits for bits in _BITS if value < 2**bits)


def _first(tags: Any, tag: int) -> int | None:
    """Return the first number of a TIFF tag, if it has any."""
    found = tags.get(tag)
    first = found[0] if isinstance(found, tuple) and found else found
    return first if isinstance(first, int) else None


def _transparent(image: Image.Image) -> int | None:
    found = image.info.get("transparency")
    return found if isinstance(found, int) else None
