"""Files as a whole: written completely or not at all, and known by their hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO

from fewshot.errors import UsageError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Seconds after which nobody can still be writing a file of this size.
_ABANDONED = 3600
# Seconds to wait for another process that holds a lock, and between two looks.
_PATIENCE, _PAUSE = 30, 0.01


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


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file's name, which one thread of one process has at a time.

    The system takes it from a process that ends, however that ends.

    Raises
    ------
    UsageError
        If another process does not give it back in time.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    deadline = time.monotonic() + _PATIENCE
    while (descriptor := _open_locked(lock)) is None:
        if time.monotonic() > deadline:
            raise UsageError(f"{path}: another process is writing it; try again when that is done")
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        if sys.platform == "win32":  # a file that is open cannot be removed there
            os.close(descriptor)
        with suppress(OSError):
            lock.unlink()
        if sys.platform != "win32":
            os.close(descriptor)


def _open_locked(lock: Path) -> int | None:
    """Open and lock a file, and return its descriptor; None if somebody else has it."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # being removed, on Windows
        if sys.platform == "win32":
            return None
        raise
    with suppress(FileNotFoundError):
        # The file may have been removed, and made again, between opening and locking.
        if _try_lock(descriptor) and os.path.samestat(os.fstat(descriptor), os.stat(lock)):
            return descriptor
    os.close(descriptor)
    return None


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Some file systems have no locks; there the files are compared, and that is all.
        return not isinstance(error, (BlockingIOError, PermissionError))
    return True


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

    UsageError: also if no file can be written there.
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
