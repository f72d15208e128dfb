"""Files are moved out of the way: never over others, never the last one of a group."""

import csv
import shutil
from pathlib import Path

import pytest

from fewshot.data_checks.finding import Checkup, Finding
from fewshot.data_checks.move import LOG, move_files
from fewshot.errors import UsageError
from tests.conftest import Run


def write(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return [str(folder / name) for name in names]


def found(*groups: tuple[str, list[str]]) -> Checkup:
    findings = [Finding(kind, tuple(names), None, "found", "do") for kind, names in groups]
    return Checkup(0, 0, tuple(findings))


def test_all_but_the_first_of_a_group_and_unreadable_files_are_moved(tmp_path: Path) -> None:
    data, aside = tmp_path / "data", tmp_path / "aside"
    copies = write(data, "a/1.png", "a/2.png", "b/1.png")
    near, bad = write(data, "a/3.png", "a/4.png"), write(data, "b/bad.png")
    others = write(data, "a/5.png", "b/6.png")
    checkup = found(
        ("copy", copies), ("near_duplicate", near), ("unreadable", bad), ("conflict", others)
    )
    moved = move_files(checkup, data, aside)
    places = [
        *("copy/a/2.png", "copy/b/1.png"),
        *("near_duplicate/a/4.png", "unreadable/b/bad.png"),
    ]
    assert [to.relative_to(aside).as_posix() for _, to in moved] == places
    assert [to.read_text() for _, to in moved] == ["a/2.png", "b/1.png", "a/4.png", "b/bad.png"]
    left = sorted(path.relative_to(data).as_posix() for path in data.rglob("*.png"))
    assert left == ["a/1.png", "a/3.png", "a/5.png", "b/6.png"]
    with (aside / LOG).open(newline="", encoding="utf-8") as log:
        rows = list(csv.DictReader(log))
    assert [(row["from"], row["to"]) for row in rows] == [(str(a), str(b)) for a, b in moved]
    assert rows[-1]["kind"] == "unreadable" and rows[0]["found"] == "found"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    data, aside = tmp_path / "data", tmp_path / "aside"
    for number in range(3):
        names = write(data, "a/kept.png", "a/1.png")
        (data / "a" / "1.png").write_text(str(number))
        move_files(found(("copy", names)), data, aside)
    places = sorted((aside / "copy" / "a").iterdir())
    assert [path.name for path in places] == ["1-2.png", "1-3.png", "1.png"]
    assert [path.read_text() for path in places] == ["1", "2", "0"]
    assert len((aside / LOG).read_text().splitlines()) == 4


def test_only_files_in_the_data_are_moved(tmp_path: Path) -> None:
    inside, outside = write(tmp_path / "data", "a/1.png"), write(tmp_path / "other", "1.png")
    (tmp_path / "data" / "closed").mkdir()
    checkup = found(
        ("copy", [*inside, *outside, str(tmp_path / "data" / "gone.png")]),
        ("unreadable", [str(tmp_path / "data" / "closed")]),
    )
    assert move_files(checkup, tmp_path / "data", tmp_path / "aside") == []
    assert not (tmp_path / "aside").exists()


@pytest.mark.parametrize("place", ["data/aside", "data"])
def test_a_folder_in_the_data_is_refused(tmp_path: Path, place: str) -> None:
    names = write(tmp_path / "data", "a/1.png", "a/2.png")
    with pytest.raises(UsageError, match="inside"):
        move_files(found(("copy", names)), tmp_path / "data", tmp_path / place)
    assert all(Path(name).exists() for name in names)


def test_what_cannot_be_moved_says_how_far_it_came(tmp_path: Path) -> None:
    names = write(tmp_path / "data", "a/1.png", "a/2.png", "b/2.png")
    (tmp_path / "aside" / "copy").mkdir(parents=True)
    (tmp_path / "aside" / "copy" / "b").write_text("a file where a folder should be")
    with pytest.raises(UsageError, match="1 files were moved"):
        move_files(found(("copy", names)), tmp_path / "data", tmp_path / "aside")
    assert Path(names[2]).exists() and not Path(names[1]).exists()


def test_the_command_moves_and_then_finds_nothing(
    cli: Run, support_folder: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(support_folder, tmp_path / "data")
    shutil.copy(data / "disc" / "00.png", data / "disc" / "copy.png")
    (data / "grid" / "bad.png").write_bytes(b"no")
    refused = cli("check", data, "--move-to", data / "aside")
    assert refused.returncode == 2 and "inside" in refused.stderr
    told = cli("check", data, "--move-to", tmp_path / "aside")
    assert told.returncode == 1
    assert told.stdout.splitlines()[-1].startswith("moved 2 files to ")
    assert (tmp_path / "aside" / "copy" / "disc" / "copy.png").exists()
    assert (tmp_path / "aside" / "unreadable" / "grid" / "bad.png").exists()
    again = cli("check", data, "--move-to", tmp_path / "aside")
    assert again.stdout.splitlines()[-1] == "moved 0 files"
