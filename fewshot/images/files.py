"""The files of a folder that are images, by extension, and what else is in it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

IMAGE_EXTENSIONS = tuple(
    (
        ".jpg .jpeg .png .webp .bmp .gif .tif .tiff .jfif .jpe .mpo .apng .avif .avifs .heic .heif "
        ".hif .ppm .pgm .pbm .pnm .jp2 .j2k .jpf .jpx .jpc .j2c .ico .tga .icb .vda .vst .pcx .dib"
    ).split()
)
EXTENSIONS_TEXT = " ".join((*IMAGE_EXTENSIONS[:8], "..."))
# Folders that systems and programs make: copies of images, or images thrown away.
_OF_SYSTEMS = ("@eadir", "__macosx", "@__thumb", "#recycle", "@recycle", "$recycle.bin")
_OF_COPIES = ("thumbs", "thumbnails")
_MOST_NAMED = 8
_FILES_OF_SYSTEMS = ("thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class PassedOver:
    """Something in a folder that is not used.

    Attributes
    ----------
    path : Path
    reason : str
    unreadable : bool
        Whether it could not be looked at, so that there may be images in it.
    """

    path: Path
    reason: str
    unreadable: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass
class Listing:
    """What is below a folder.

    Attributes
    ----------
    images : list of Path
        By extension, sorted, without hidden ones.
    passed_over : list of PassedOver
        Folders that are not looked at, or cannot be.
    others : Counter of str
        How many files there are of each other extension.
    """

    images: list[Path] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    @property
    def others_text(self) -> str:
        """The other extensions, the most frequent first, as in ".psd 5, .txt 1"."""
        ordered = sorted(self.others.items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{suffix} {n}" for suffix, n in ordered[:_MOST_NAMED])


def image_files(folder: Path) -> list[Path]:
    """List the image files below a folder, by extension, sorted, without hidden ones."""
    return list_images(folder).images


def list_images(folder: Path) -> Listing:
    """List what is below a folder; each real folder is entered once, so that a loop ends."""
    found, seen = Listing(), set()

    def note(error: OSError) -> None:
        path = Path(os.fsdecode(error.filename or folder))
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            reason = "permission denied" if isinstance(error, PermissionError) else str(error)
            found.passed_over.append(PassedOver(path, reason, unreadable=True))

    for root, folders, files in os.walk(folder, followlinks=True, onerror=note):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        _leave_out(Path(root), folders, found)
        for name in files:
            _sort_in(Path(root, name), found)
    found.images.sort()
    return found


def is_of_system(name: str) -> bool:
    """Tell a folder that a system made for itself, from its name."""
    return name.startswith(".") or name.casefold() in _OF_SYSTEMS


def _leave_out(root: Path, folders: list[str], found: Listing) -> None:
    """Take the folders that are not to be entered out of a list."""
    for name in sorted(folders):
        if is_of_system(name) or name.casefold() in _OF_COPIES:
            folders.remove(name)
            if not name.startswith("."):
                reason = "a folder of copies or of deleted files, by its name"
                found.passed_over.append(PassedOver(root / name, reason))
    folders.sort()


def _sort_in(path: Path, found: Listing) -> None:
    name = path.name.lower()
    if name.startswith(".") or name in _FILES_OF_SYSTEMS:
        return
    if name.endswith(IMAGE_EXTENSIONS):
        found.images.append(path)
    else:
        found.others[path.suffix.lower() or "no extension"] += 1
