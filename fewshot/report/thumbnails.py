"""Thumbnails of images, each in the page once, as the background of a CSS class."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from fewshot.artifact import SupportRecord
from fewshot.errors import ImageError
from fewshot.images.source import ImageSource, content_hash
from fewshot.images.write import thumbnail

Images = Mapping[str, ImageSource]
LARGE, SMALL = 160, 96  # longer sides, in pixels


def find_images(support: SupportRecord, images: Iterable[ImageSource]) -> dict[str, ImageSource]:
    """Find the training images among others by their content; returned by their names."""
    found = {}
    for image in images:
        with suppress(ImageError):
            found[content_hash(image)] = image
    named = zip(support.names, support.hashes, strict=True)
    return {name: found[key] for name, key in named if key in found}


@dataclass
class Thumbnail:
    """The CSS class that shows an image and its JPEG as base64, or why there is none."""

    css: str
    data: str = ""
    missing: str = "not found"


class Album:
    """The thumbnails of a page."""

    def __init__(self) -> None:
        self._thumbnails: dict[tuple[object, int], tuple[ImageSource, Thumbnail]] = {}

    def add(self, source: ImageSource | None, side: int) -> Thumbnail:
        """Ask for the thumbnail of an image; it is empty until `load` has read the image."""
        if source is None:
            return Thumbnail("")
        path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
        key = path or id(source), side
        new = source, Thumbnail(f"t{len(self._thumbnails)}")
        return self._thumbnails.setdefault(key, new)[1]

    def __iter__(self) -> Iterator[Thumbnail]:
        return (copy for _, copy in self._thumbnails.values() if copy.data)

    def __len__(self) -> int:
        return len(self._thumbnails)

    def load(self, progress: Callable[[int], object]) -> None:
        """Read all images that were asked for; `progress` is called with how many are done."""
        for done, ((_, side), (source, copy)) in enumerate(self._thumbnails.items(), 1):
            try:
                copy.data = base64.b64encode(thumbnail(source, side)).decode("ascii")
            except ImageError:
                copy.missing = "cannot be read"
            progress(done)
