"""Folders are listed whatever is in them, and what is not used is named."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fewshot.images.files import image_files, list_images


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


@contextlib.contextmanager
def as_somebody_else() -> Iterator[Path]:
    """Make a folder, and go on as a user that permissions hold for."""
    if sys.platform == "win32":
        pytest.skip("permissions are others there")
    with tempfile.TemporaryDirectory() as name:
        user = os.geteuid()
        os.chmod(name, 0o777)
        os.seteuid(user or 65534)
        try:
            yield Path(name)
        finally:
            os.seteuid(user)


def test_images_are_known_by_their_extensions_in_any_case(tmp_path: Path) -> None:
    names = ["a.JPG", "b.jpe", "c.ppm", "d.pgm", "e.jp2", "f.tga", "g.ico", "h.HEIC", "deep/i.png"]
    touch(*(tmp_path / name for name in [*names, ".hidden.png", ".git/x.png", "desktop.ini"]))
    listing = list_images(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in listing.images] == sorted(names)
    assert not listing.others and not listing.passed_over


def test_other_files_are_counted_by_their_extensions(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a.psd", "sub/b.PSD", "c.mov", "README", "d.png")))
    assert list_images(tmp_path).others_text == ".psd 2, .mov 1, no extension 1"


@pytest.mark.parametrize("name", ["@eaDir", "__MACOSX", "thumbs", "Thumbnails", "#recycle"])
def test_folders_of_copies_are_not_entered(name: str, tmp_path: Path) -> None:
    touch(tmp_path / "1.png", tmp_path / name / "1.png", tmp_path / "sub" / name / "2.png")
    listing = list_images(tmp_path)
    assert listing.images == [tmp_path / "1.png"]
    assert [each.path for each in listing.passed_over] == [
        tmp_path / name,
        tmp_path / "sub" / name,
    ]
    assert image_files(tmp_path / name) == [tmp_path / name / "1.png"]  # if it is asked for


def test_a_folder_that_may_not_be_read_is_named() -> None:
    with as_somebody_else() as folder:
        touch(folder / "1.png", folder / "secret" / "2.png")
        os.chmod(folder / "secret", 0)
        listing = list_images(folder)
        os.chmod(folder / "secret", 0o700)
    assert [path.name for path in listing.images] == ["1.png"]
    (denied,) = listing.passed_over
    assert str(denied) == f"{folder / 'secret'}: permission denied" and denied.unreadable


def test_what_is_not_there_has_nothing_in_it(tmp_path: Path) -> None:
    touch(tmp_path / "file.png")
    for path in (tmp_path / "nowhere", tmp_path / "file.png"):
        listing = list_images(path)
        assert not listing.images and not listing.passed_over


def test_names_of_any_kind(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("names are restricted there")
    names = ["new\nline.png", "\x1b[2J.png", "Cafe\u0301.png", "a b.png", "-rf.png"]
    touch(*(tmp_path / name for name in names))
    with open(os.fsencode(tmp_path) + b"/bytes\xff.png", "wb"):
        pass
    assert len(image_files(tmp_path)) == len(names) + 1
