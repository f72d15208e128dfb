"""Files as a whole: written completely or not at all, and known by their hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO

from fewshot.errors import UsageError

# Seconds after which nobody can still be writing a file of this size.
_ABANDONED = 3600


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside its final place, and move it there only once it is safely on disk."""
    path = Path(os.path.realpath(path))  # a link stays a link
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.partial")
    try:
        with open(partial, "xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    _remove_leftovers(path)


def _remove_leftovers(path: Path) -> None:
    """Remove what processes left behind that were killed while they wrote a file."""
    for partial in path.parent.glob(f".{escape(path.name)}.*.partial"):
        with suppress(OSError):
            if time.time() - partial.stat().st_mtime > _ABANDONED:
                partial.unlink()


def require_writable(folder: Path) -> None:
    """Refuse a folder in which no file can be written, before work is done for it.

    Raises
    ------
    UsageError
        If it, or the nearest folder above it that exists, is no folder or may not be written to.
    """
    existing = folder.absolute()
    while not os.path.lexists(existing):
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        state = "may not be written to" if existing.is_dir() else "is not a folder"
        raise UsageError(f"{folder}: {existing} {state}; give another folder to write to")


def require_replaceable(path: Path, mark: bytes) -> None:
    """Refuse to write over a folder or a file that fewshot did not write, before work is done.

    Parameters
    ----------
    path : Path
    mark : bytes
        What every file of that kind by fewshot holds, and no other.

    Raises
    ------
    UsageError
        Also if no file can be written there.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; give the name of a file")
    if path.exists() and mark not in path.read_bytes():
        raise UsageError(f"{path}: exists and was not written by fewshot; give another name")
    require_writable(path.parent)


def require_utf8(path: Path) -> str:
    """Return a path as text, or refuse one that a C++ library would crash at.

    Raises
    ------
    UsageError
        If it is not valid UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{path}: not valid UTF-8, which OpenCV needs; rename it") from error
    return str(path)


def copy_file(source: Path, place: Path, appendix: bytes = b"") -> None:
    """Copy a file, whole or not at all, with bytes at its end."""
    with replacing(place) as stream, open(source, "rb") as original:
        shutil.copyfileobj(original, stream, 1 << 20)
        stream.write(appendix)


def file_sha256(path: Path, appendix: bytes = b"") -> str:
    """Return the SHA-256 of a file in hexadecimal, or with bytes at its end."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    digest.update(appendix)
    return digest.hexdigest()
