"""Bound the memory that decoding takes, whatever a file says of its size."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from PIL import Image

from fewshot.errors import ImageError, UsageError
from fewshot.images.deep import is_deep_colour
from fewshot.images.png import MAGIC

MAX_PIXELS = "FEWSHOT_MAX_PIXELS"
_MEGA = 1_000_000
# What all images that are being decoded may take together, in bytes.
_MEMORY, _LARGE = 400 * 2**20, 100 * 2**20
# Bytes a pixel at the peak of decoding, as measured with Pillow 13. Usually there are two copies of
# 4 bytes, one in the mode that is stored; deep colours are decoded twice; and a JPEG file that is
# not decoded row by row has buffers of the size as stored.
_BYTES = {"JPEG": 4.3, "MPO": 4.3, "WEBP": 16.4, "JPEG2000": 20.0, "AVIF": 12.4}
_USUAL_BYTES, _DEEP_BYTES, _ICON_BYTES, _BUFFER_BYTES = 8.3, 16.0, 16.0, 2.1
_DEFAULT = 50 * _MEGA
# A JPEG file that is decoded row by row, at reduced scale, may be this much larger.
_REDUCED = 4


def require_decodable(image: Image.Image, data: bytes, stored: tuple[int, int]) -> float:
    """Refuse an image that would take too much memory to decode.

    Bytes that decoding takes at most, for `reserve`. ImageError: it names the bound and how to
    raise it.
    """
    pixels = image.width * image.height
    needed = pixels * _bytes_of(image)
    whole = stored[0] * stored[1]
    if image.format in ("JPEG", "MPO") and _is_buffered(data):
        needed += whole * _BUFFER_BYTES * len(image.getbands())
        pixels = max(pixels, whole)
    most = _most(needed / max(pixels, 1))
    if pixels > most or whole > _REDUCED * most:
        raise ImageError(_too_large(f"{stored[0]} x {stored[1]}", most))
    return needed


def require_small_icon(data: bytes) -> None:
    """Refuse an ICO file as `require_decodable` does; Pillow decodes it when it is opened."""
    pixels, most = _pixels_of_icon(data), _most(_ICON_BYTES)
    if pixels > most:
        raise ImageError(_too_large(f"an icon of {pixels:,}", most))


def _most(bytes_of_pixel: float) -> int:
    """Return how many pixels may be decoded."""
    if given := os.environ.get(MAX_PIXELS):
        return _parse(given)
    fits = int(_MEMORY / max(bytes_of_pixel, 1)) // _MEGA * _MEGA
    return min(_DEFAULT, fits)


def _too_large(size: str, most: int) -> str:
    return (
        f"{size} pixels; of this kind at most {most:,} are decoded (a decompression bomb?): "
        f"make the image smaller, or set {MAX_PIXELS} to allow more"
    )


def _bytes_of(image: Image.Image) -> float:
    """Return how many bytes a pixel takes while it is decoded and becomes RGB."""
    if is_deep_colour(image):
        return _DEEP_BYTES
    return _USUAL_BYTES if image.mode == "CMYK" else _BYTES.get(str(image.format), _USUAL_BYTES)


class _Memory:
    """What decoding takes at a time, in all threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._used = 0.0

    @contextmanager
    def reserve(self, amount: float) -> Iterator[None]:
        """Wait until there is room; what is larger than all of it goes alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + amount <= _MEMORY)
            self._used += amount
        try:
            yield
        finally:
            with self._changed:
                self._used -= amount
                self._changed.notify_all()


_memory = _Memory()


@contextmanager
def reserve(amount: float) -> Iterator[None]:
    """Hold this many bytes of the memory that decoding may take, once they are free."""
    with _memory.reserve(amount):
        if amount > _LARGE:
            _give_back()
        yield


def _give_back() -> None:
    """Return free memory to the system, which glibc keeps for the thread that had it."""
    from ctypes import CDLL

    with suppress(OSError, AttributeError, TypeError):  # another library, or another system
        CDLL(None).malloc_trim(0)


def _forget() -> None:
    """Begin anew in a forked process, where the threads that decode are not."""
    global _memory
    _memory = _Memory()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget)


def _parse(given: str) -> int:
    try:
        most = int(given.replace("_", ""))
    except ValueError:
        most = 0
    if most < 1:
        raise UsageError(
            f"{MAX_PIXELS} is {given!r}; expected a number of pixels, such as 80000000"
        )
    return most


def _is_buffered(data: bytes) -> bool:
    """Tell a JPEG file whose first scan has not all of its bands, or not all of their bits."""
    at, bands = 2, 0
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (0xC2, 0xC6, 0xCA, 0xCE):  # progressive
            return True
        if marker in (0xC0, 0xC1, 0xC3, 0xC9):
            bands = data[at + 9]
        if marker == 0xDA:  # start of scan
            return data[at + 4] < bands
        at += 1 if marker == 0xFF else 2 + length
    return True  # no order that is known


def _pixels_of_icon(data: bytes) -> int:
    """Count the pixels of the largest image in an icon, of which its own header says nothing."""
    found = 0
    for number in range(int.from_bytes(data[4:6], "little")):
        entry = 18 + 16 * number
        at = int.from_bytes(data[entry : entry + 4], "little")
        part = data[at : at + 24].ljust(24, b"\0")
        png = part.startswith(MAGIC)
        width, height = struct.unpack(">II", part[16:]) if png else struct.unpack("<ii", part[4:12])
        found = max(found, abs(width * height))
    return found
