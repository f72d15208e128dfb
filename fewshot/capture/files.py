"""Write images into the folder of a class, each under a new name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from fewshot._files import replacing
from fewshot.errors import UsageError

# Longer numbers are not counted on from: they are dates and the like.
_DIGITS = 6


def require_folder_name(label: str) -> None:
    """Raise UsageError if a label is not the name of a folder on any system, or a hidden one."""
    odd = [c for c in label if c in '/\\:*?"<>|' or not c.isprintable()]
    if odd or label.startswith(".") or not label.strip():
        found = f"has {odd[0]!r} in it" if odd else "begins with a dot" if label[:1] == "." else ""
        raise UsageError(
            f"label {label!r} {found or 'is empty'}; expected a name that a folder can have"
        )


def write_next(folder: Path, content: bytes) -> Path:
    """Write a JPEG file under the next number of a folder, and return its path."""
    path = _reserve(folder)
    try:
        with replacing(path) as stream:
            stream.write(content)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _reserve(folder: Path) -> Path:
    """Make an empty file, so that no other command takes the name."""
    folder.mkdir(parents=True, exist_ok=True)
    places = _free_places(folder)
    while True:  # until nobody else makes it first
        path = next(places)
        with suppress(FileExistsError), open(path, "xb"):
            return path


def _free_places(folder: Path) -> Iterator[Path]:
    """Yield names after the highest number in a folder, whatever kind of file has it."""
    stems = {path.stem for path in folder.iterdir()}
    numbers = [int(stem) for stem in stems if stem.isdecimal() and len(stem) <= _DIGITS]
    for number in count(max(numbers, default=0) + 1):
        if f"{number:04}" not in stems:
            yield folder / f"{number:04}.jpg"
