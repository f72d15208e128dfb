"""Bring an image of any mode to RGB, in little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from fewshot.errors import ImageError
from fewshot.images.deep import Scale

_IS_VISIBLE = [0] + [255] * 255  # of each alpha
# A transparent image is lost on white if less than this part of what is visible is darker than
# this there. Thin outlines are more.
_LOST, _FAINT = 0.01, 240
# Images are converted in strips of about so many pixels, so that there is one copy at a time.
_STRIP = 2**21


def to_rgb(image: Image.Image, factor: int = 1, scale: Scale | None = None) -> Image.Image:
    """Bring an image to RGB, and reduce it.

    Transparency is laid on white; or on black, where what is visible is bright, and would be lost
    on white.

    ImageError: if every pixel is transparent, or the mode is not known.
    """
    if image.mode == "RGB" and not image.has_transparency_data and factor == 1:
        return image
    if not image.has_transparency_data:
        return _in_strips(image, factor, lambda strip: _eight_bits(strip, scale).convert("RGB"))
    visible = clear = 0

    def on_white(strip: Image.Image) -> Image.Image:
        nonlocal visible, clear
        rgba = _rgba(strip, scale)
        rgb = _lay(rgba, "white")
        shown = rgb.convert("L").histogram(rgba.getchannel("A").point(_IS_VISIBLE))
        visible, clear = visible + sum(shown), clear + sum(shown[:_FAINT])
        return rgb

    rgb = _in_strips(image, factor, on_white)
    if not visible:
        raise ImageError("every pixel is transparent; save it without transparency")
    if clear >= _LOST * visible or not _is_bright(image, scale):
        return rgb
    return _in_strips(image, factor, lambda strip: _lay(_rgba(strip, scale), "black"))


def _lay(rgba: Image.Image, ground: str) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", rgba.size, ground), rgba).convert("RGB")


def _is_bright(image: Image.Image, scale: Scale | None) -> bool:
    """Tell whether what is not transparent is brighter than grey, on average."""
    opaque = light = 0.0
    for _, strip in _strips(image):
        pixels = _rgba(strip, scale)
        weights = np.asarray(pixels.getchannel("A"), np.float32)
        opaque += float(weights.sum())
        light += float((weights * np.asarray(pixels.convert("RGB").convert("L"))).sum())
    return light > 127.5 * opaque


def _in_strips(
    image: Image.Image, factor: int, convert: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """Convert an image strip by strip, and reduce each."""
    if factor == 1 and image.width * image.height <= _STRIP:
        return convert(image)
    whole = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for top, strip in _strips(image, factor):
        rgb = convert(strip)
        whole.paste(rgb.reduce(factor) if factor > 1 else rgb, (0, top // factor))
    return whole


def _strips(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Cut an image; yield the row that each strip begins at, a multiple of a number."""
    width, height = image.size
    rows = max(1, _STRIP // (width * factor)) * factor
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def _eight_bits(image: Image.Image, scale: Scale | None) -> Image.Image:
    return scale.apply(image) if scale else image


def _rgba(image: Image.Image, scale: Scale | None) -> Image.Image:
    image = _eight_bits(image, scale)
    if image.mode == "La":  # which Pillow converts to nothing else
        image = image.convert("LA")
    return image.convert("RGBA")
