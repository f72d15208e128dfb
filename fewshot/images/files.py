"""The files of a folder that are images, by extension."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

IMAGE_EXTENSIONS = tuple(
    (
        ".jpg .jpeg .png .webp .bmp .gif .tif .tiff .jfif .jpe .mpo .apng .avif .avifs .heic .heif "
        ".hif .ppm .pgm .pbm .pnm .jp2 .j2k .jpf .jpx .jpc .j2c .ico .tga .icb .vda .vst .pcx .dib"
    ).split()
)


def image_files(folder: Path) -> list[Path]:
    """List the image files below a folder, by extension, sorted, without hidden ones."""
    return sorted(_walk(folder))


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
