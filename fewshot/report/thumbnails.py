"""Small copies of photographs for a page, each in it once."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress

from fewshot.artifact import SupportRecord
from fewshot.errors import ImageError
from fewshot.images.source import ImageSource, content_hash
from fewshot.report.escape import clean

LARGE, SMALL = 160, 96  # longer sides, in pixels


def find_photographs(
    support: SupportRecord, images: Iterable[ImageSource]
) -> dict[str, ImageSource]:
    """Find the photographs of support images among others, by their content.

    Parameters
    ----------
    support : SupportRecord
    images : iterable of ImageSource
        Those that cannot be read are passed over.

    Returns
    -------
    dict of str to ImageSource
        By the names of the support images; those that were not found are missing.
    """
    found = {}
    for image in images:
        with suppress(ImageError):
            found[content_hash(image)] = image
    named = zip(support.names, support.hashes, strict=True)
    return {name: found[key] for name, key in named if key in found}


class Album:
    """Photographs by name, of which some are to be shown.

    Parameters
    ----------
    photographs : mapping of str to ImageSource
        One that is a file may be called by its path, too.
    letter : str
        What the CSS classes of this album begin with; another album has another letter.
    """

    def __init__(self, photographs: Mapping[str, ImageSource], letter: str) -> None:
        self._photographs, self._letter = photographs, letter
        files = {
            os.fspath(source): name
            for name, source in photographs.items()
            if isinstance(source, (str, os.PathLike))
        }
        self._names = {**files, **{name: name for name in photographs}}
        self._sides: dict[str, int] = {}
        self._style: dict[str, str | None] = {}

    def want(self, names: Iterable[str], side: int) -> None:
        """Ask for photographs at least so large; those that are not there are passed over."""
        for name in filter(None, map(self._names.get, names)):
            self._sides[name] = max(side, self._sides.get(name, 0))

    @property
    def wanted(self) -> tuple[str, ...]:
        """The names asked for, in that order."""
        return tuple(self._sides)

    def shrink(self, name: str) -> None:
        """Make the copy of one that was asked for."""
        from fewshot.images.write import thumbnail

        try:
            data = thumbnail(self._photographs[name], self._sides[name])
        except ImageError:  # a report needs no photograph
            self._style[name] = None
        else:
            letters = base64.b64encode(data).decode("ascii")
            self._style[name] = f"url(data:image/jpeg;base64,{letters})"

    def css_class(self, name: str) -> str | None:
        """Return the CSS class that shows a photograph, or None if there is none to show."""
        known = self._names.get(name, name)
        if self._style.get(known) is None:
            return None
        return f"{self._letter}{list(self._style).index(known)}"

    def css(self) -> str:
        """Return the rules that hold the copies."""
        return "\n".join(
            f".{self._letter}{i}{{background-image:{picture}}}"
            for i, picture in enumerate(self._style.values())
            if picture
        )


def picture(album: Album, name: str, size: str) -> str:
    """Show a photograph, or a tile that says it is not there."""
    css = album.css_class(name)
    if css:
        words = f'aria-label="{clean(name)}" title="{clean(name)}"'
        return f'<span class="photo {size} {css}" role="img" {words}></span>'
    file = clean(name.replace("\\", "/").rsplit("/", 1)[-1])
    return f'<span class="photo {size} none" title="{clean(name)}"><bdi>{file}</bdi></span>'
