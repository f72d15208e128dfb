"""The classifier file: reading and writing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from fewshot._files import locked, replacing
from fewshot.artifact.record import FORMAT, Artifact
from fewshot.artifact.safe_pickle import decode, encode, pickle_sealed, resembles, unpickle_sealed
from fewshot.errors import (
    ArtifactError,
    DamagedArtifactError,
    MissingFileError,
    UsageError,
)

_READABLE = (2, 3, FORMAT)
FILE_NAME = "classifier.pkl"
# Some of those in a file.
_KEYS = ("classes", "decision", "rejection", "prototypes", "preprocessing", "references")


def artifact_path(path: str | os.PathLike[str]) -> Path:
    """Return the classifier file that a path means: itself if it ends in .pkl, else inside it."""
    return Path(path) if Path(path).suffix == ".pkl" else Path(path) / FILE_NAME


def read_artifact(path: str | os.PathLike[str]) -> Artifact:
    """Read a classifier file without running anything in it.

    Parameters
    ----------
    path : path
        A ``.pkl`` file, or the folder that holds ``classifier.pkl``.

    Returns
    -------
    Artifact

    Raises
    ------
    MissingFileError
        If there is no such file.
    UsageError
        If it is a single file that was exported, or no folder.
    ArtifactError
        If it names a global, is damaged, or is of another format.
    """
    return read_with_sha256(path)[0]


def read_with_sha256(path: str | os.PathLike[str]) -> tuple[Artifact, str]:
    """Read a classifier file as `read_artifact` does, with the SHA-256 of its bytes."""
    file = artifact_path(path)
    if file.parent.suffix == ".onnx":
        raise UsageError(f"{file.parent}: a single file; give the folder it was exported from")
    if file.parent.is_file():
        raise UsageError(f"{file.parent}: is a file; expected a folder, or an .onnx or .pkl file")
    data = _content(file)
    if data is None:
        raise MissingFileError(
            f"{file}: no classifier there; make one with 'fewshot fit DATA', "
            "or say where one is with --models"
        )
    return _parse(data, file), _sha256(data)


def sha256_there(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a classifier file, or "" if there is none."""
    data = _content(artifact_path(path))
    return "" if data is None else _sha256(data)


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ArtifactError(f"{file}: cannot be read ({error.strerror})") from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write_artifact(artifact: Artifact, path: str | os.PathLike[str]) -> Path:
    """Write a classifier file: whole or not at all, keeping the one it replaces.

    One that differs by its date alone is not worth keeping.
    """
    file = artifact_path(path)
    with changing(file) as write:
        write(artifact)
    return file


@contextmanager
def changing(
    path: str | os.PathLike[str], expected: str | None = None
) -> Iterator[Callable[[Artifact], str]]:
    """Hold the lock of a classifier file from looking at it to replacing it.

    Writes an artifact as `write_artifact` does, and returns the SHA-256 of the file. ArtifactError:
    if the file was changed meanwhile, or is not a classifier. A damaged one is replaced.
    """
    file = artifact_path(path)
    with locked(file):
        there = _content(file)
        if there is not None and expected not in (None, _sha256(there)):
            raise ArtifactError(
                f"{file}: changed by another process meanwhile; load it again, or run the command "
                "again"
            )
        earlier = None
        with suppress(DamagedArtifactError):
            earlier = None if there is None else _parse(there, file)
        yield lambda artifact: _replace(file, earlier, artifact)


def _replace(file: Path, earlier: Artifact | None, artifact: Artifact) -> str:
    """Write a classifier file, keep the earlier one if it is another, and return the SHA-256."""
    data = _pickled(artifact)
    with replacing(file) as stream:
        stream.write(data)
        if earlier and data != _pickled(replace(earlier, created=artifact.created)):
            _write(previous_path(file), file.read_bytes())
    return _sha256(data)


def previous_path(path: str | os.PathLike[str]) -> Path:
    """Return where the classifier is kept that was there before the present one."""
    return artifact_path(path).with_suffix(".previous.pkl")


def restore_previous(path: str | os.PathLike[str]) -> tuple[Artifact, Artifact]:
    """Put the previous classifier file back, and keep the present one as the previous.

    What was there, and what is there now. MissingFileError: if there is no classifier, or nothing
    to go back to. ArtifactError: if the previous one is damaged.
    """
    file, previous = artifact_path(path), previous_path(path)
    with locked(file):
        before = read_artifact(file)
        if not previous.is_file():
            raise MissingFileError(f"{previous}: no previous classifier there, so nothing to undo")
        after = read_artifact(previous)
        data, earlier = file.read_bytes(), previous.read_bytes()
        # In this order: if only the first is done, no classifier is lost but one that was undone.
        _write(file, earlier)
        _write(previous, data)
    return before, after


def _pickled(artifact: Artifact) -> bytes:
    """Return the content of the file of an artifact."""
    return pickle_sealed({**encode(artifact), "format": FORMAT})


def _write(file: Path, data: bytes) -> None:
    """Write bytes, whole or not at all."""
    with replacing(file) as stream:
        stream.write(data)


def _parse(data: bytes, file: Path) -> Artifact:
    """Read the content of a classifier file."""
    try:
        record = unpickle_sealed(data)
    except ArtifactError as error:
        raise ArtifactError(f"{file}: {error}") from error
    except Exception as error:  # damaged pickles raise nearly anything
        if resembles(data, _KEYS):
            raise _damaged(file, error) from error
        raise ArtifactError(
            f"{file}: not a classifier file ({error}); move it away and fit again"
        ) from error
    found = record.get("format") if isinstance(record, dict) else None
    if type(found) is not int or not 0 < found < 1000:
        raise ArtifactError(f"{file}: not a fewshot classifier file; fit one with 'fewshot fit'")
    if found not in _READABLE:
        raise ArtifactError(
            f"{file}: classifier format {found}; this fewshot reads format {FORMAT}: "
            "move it away and fit again, or install the fewshot that wrote it"
        )
    try:
        return decode(record, Artifact, "record")  # type: ignore[no-any-return]
    except (ValueError, OverflowError) as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> DamagedArtifactError:
    return DamagedArtifactError(f"{file}: damaged classifier file ({error}); fit again")
