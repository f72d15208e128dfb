"""Move files that a check found out of the way."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from fewshot.data_checks.finding import Checkup
from fewshot.errors import UsageError

LOG = "moved.csv"
_COLUMNS = ("from", "to", "kind", "found")
# Of these, the first file of a group stays where it is.
_GROUPS = ("copy", "near_duplicate")


def move_files(
    checkup: Checkup, data: str | os.PathLike[str], target: str | os.PathLike[str]
) -> list[tuple[Path, Path]]:
    """Move unreadable files, and all but one of each group of copies, into another folder.

    Nothing is overwritten. What is moved is added to ``moved.csv`` there, file by file.

    Parameters
    ----------
    checkup : Checkup
    data : path
        The folder that was checked; only files in it are moved.
    target : path
        Files go to ``<kind>/<class>/`` in it; it is made if need be.

    Returns
    -------
    list of (Path, Path)
        From where, and to where.

    Raises
    ------
    UsageError
        If the target is inside the data, or a file cannot be moved.
    """
    source, folder = Path(data), Path(target)
    require_outside(source, folder)
    moved: list[tuple[Path, Path]] = []
    try:
        for path, kind, found in _to_move(checkup, source):
            place = _free(folder / kind / path.relative_to(source))
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, place)
            moved.append((path, place))
            _log(folder / LOG, (str(path), str(place), kind, found))
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder}: {error.strerror}; {len(moved)} files were moved, "
            f"see {folder / LOG}"
        ) from error
    return moved


def require_outside(data: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Refuse to move files to where they would be a class."""
    if Path(target).resolve().is_relative_to(Path(data).resolve()):
        raise UsageError(f"{target}: inside {data}, where it would be a class; give another folder")


def _to_move(checkup: Checkup, source: Path) -> Iterator[tuple[Path, str, str]]:
    """List files, each with the kind of the finding, and what was found."""
    for finding in checkup.findings:
        if finding.kind in (*_GROUPS, "unreadable"):
            for name in finding.images[finding.kind in _GROUPS :]:
                path = Path(name)
                if path.is_relative_to(source) and path.is_file():
                    yield path, finding.kind, finding.found


def _free(place: Path) -> Path:
    """Return a path that nothing has: the one asked for, or with a number."""
    number, free = 1, place
    while os.path.lexists(free):
        number += 1
        free = place.with_name(f"{place.stem}-{number}{place.suffix}")
    return free


def _log(file: Path, row: tuple[str, ...]) -> None:
    new = not file.exists()
    with file.open("a", newline="", encoding="utf-8", errors="backslashreplace") as log:
        writer = csv.writer(log)
        if new:
            writer.writerow(_COLUMNS)
        writer.writerow(row)
