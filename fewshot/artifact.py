"""The classifier file: reading and writing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from fewshot._artifact_record import FORMAT, Artifact, BackboneReference, Summary
from fewshot._files import replacing
from fewshot._safe_pickle import decode, encode, pickle_sealed, unpickle_sealed
from fewshot._support_record import SupportRecord
from fewshot.errors import ArtifactError, MissingFileError, UsageError

__all__ = [
    "FILE_NAME",
    "FORMAT",
    "Artifact",
    "BackboneReference",
    "Summary",
    "SupportRecord",
    "artifact_path",
    "previous_path",
    "read_artifact",
    "restore_previous",
    "write_artifact",
]

_READABLE = (2, FORMAT)
FILE_NAME = "classifier.pkl"


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
        If it is a single file that was exported.
    ArtifactError
        If it names a global, is damaged, or is of another format.
    """
    file = artifact_path(path)
    if file.parent.suffix == ".onnx":
        raise UsageError(f"{file.parent}: a single file; give the folder it was exported from")
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise MissingFileError(
            f"{file}: no classifier there; make one with 'fewshot fit DATA', "
            "or say where one is with --models"
        ) from error
    except OSError as error:
        raise ArtifactError(f"{file}: cannot be read ({error.strerror})") from error
    try:
        record = unpickle_sealed(data)
    except ArtifactError as error:
        raise ArtifactError(f"{file}: {error}") from error
    except Exception as error:  # damaged pickles raise nearly anything
        raise ArtifactError(
            f"{file}: not a classifier file, or a damaged one ({error}); move it away and fit again"
        ) from error
    return _from_record(record, file)


def write_artifact(artifact: Artifact, path: str | os.PathLike[str]) -> Path:
    """Write a classifier file: whole or not at all, keeping the one it replaces.

    One that differs by its date alone is not worth keeping.

    Parameters
    ----------
    artifact : Artifact
    path : path
        A ``.pkl`` file, or the folder to put ``classifier.pkl`` in.

    Returns
    -------
    Path
        The file written.
    """
    file = artifact_path(path)
    earlier = file.read_bytes() if file.exists() else None
    if earlier is not None and _differ_by_date(artifact, file, earlier):
        earlier = None
    with replacing(file) as stream:
        stream.write(_pickled(artifact))
        if earlier is not None:  # the new one is about to take its place
            _write(previous_path(file), earlier)
    return file


def previous_path(path: str | os.PathLike[str]) -> Path:
    """Return where the classifier is kept that was there before the present one."""
    return artifact_path(path).with_suffix(".previous.pkl")


def restore_previous(path: str | os.PathLike[str]) -> tuple[Artifact, Artifact]:
    """Put the previous classifier file back, and keep the present one as the previous.

    Parameters
    ----------
    path : path
        A ``.pkl`` file, or the folder that holds ``classifier.pkl``.

    Returns
    -------
    before, after : Artifact
        What was there, and what is there now.

    Raises
    ------
    MissingFileError
        If there is no classifier, or nothing to go back to.
    ArtifactError
        If the previous one is damaged.
    """
    file, previous = artifact_path(path), previous_path(path)
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


def _differ_by_date(artifact: Artifact, file: Path, content: bytes) -> bool:
    """Tell whether a file holds an artifact, but for when it was made."""
    try:
        created = read_artifact(file).created
    except ArtifactError:  # something else
        return False
    return _pickled(replace(artifact, created=created)) == content


def _write(file: Path, data: bytes) -> None:
    """Write bytes, whole or not at all."""
    with replacing(file) as stream:
        stream.write(data)


def _from_record(record: object, file: Path) -> Artifact:
    """Check what was unpickled and make records of it."""
    found = record.get("format") if isinstance(record, dict) else None
    if type(found) is not int:
        raise ArtifactError(f"{file}: not a fewshot classifier file; fit one with 'fewshot fit'")
    if found not in _READABLE:
        raise ArtifactError(
            f"{file}: classifier format {found}; this fewshot reads format {FORMAT}: "
            "move it away and fit again, or install the fewshot that wrote it"
        )
    try:
        return decode(record, Artifact, "record")  # type: ignore[no-any-return]
    except (ValueError, OverflowError) as error:
        raise ArtifactError(
            f"{file}: damaged classifier file ({error}); move it away and fit again"
        ) from error
