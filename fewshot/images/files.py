"""List image files: folders, globs, extensions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fewshot.errors import SupportError

IMAGE_EXTENSIONS = tuple(
    ".jpg .jpeg .png .webp .bmp .gif .tif .tiff .jfif .avif .heic .heif".split()
)


def image_files(folder: Path) -> list[Path]:
    """List the image files below a folder, by extension, sorted, without hidden ones."""
    return sorted(_walk(folder))


def expand(patterns: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """List the files that a command line means: files, folders of images, and globs.

    A name that does not exist is kept, so that opening it reports it among the others.
    """
    import glob

    found: list[Path] = []
    for pattern in patterns:
        if not os.fspath(pattern):
            raise SupportError("an empty name was given for an image; expected a file or folder")
        matches = [Path(pattern)]
        if not os.path.exists(pattern):
            matches = [Path(m) for m in sorted(glob.glob(str(pattern), recursive=True))] or matches
        for path in matches:
            found += (image_files(path) or [path]) if os.path.isdir(path) else [path]
    return found


def _walk(folder: Path) -> Iterator[Path]:
    """Yield image files, entering each real folder once, so that a symlink loop ends."""
    seen = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if name.lower().endswith(IMAGE_EXTENSIONS) and not name.startswith("."):
                yield Path(root, name)
