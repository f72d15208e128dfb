"""The commands that change a classifier: remove, relabel, rename, undo; and what all refuse."""

from pathlib import Path

import pytest

from fewshot.artifact import read_artifact
from tests.conftest import Run, draw, write_set


def shots(folder: Path) -> dict[str, int]:
    found: dict[str, int] = read_artifact(folder).summary()["classes"]
    return found


def test_remove_relabel_rename_undo(cli: Run, folder: Path, support_folder: Path) -> None:
    told = cli("relabel", support_folder / "disc" / "01.png", "disc/02.png", "grid")
    assert told.stdout.startswith("disc 4 -> 2, grid 4 -> 6\n")
    assert cli("remove", "--image", "grid/00.png").stdout.startswith("grid 6 -> 5\n")
    assert cli("rename", "grid", "net").stdout.startswith("grid 5 -> 0 (gone), net 0 -> 5 (new)")
    assert cli("undo").stdout.startswith("grid 0 -> 5 (new), net 5 -> 0 (gone)\n")
    assert shots(folder) == {"disc": 2, "grid": 5, "stripes": 4}
    assert cli("undo").stdout.startswith("grid 5 -> 0 (gone)")
    assert cli("remove", "--label", "net").stdout.startswith("net 5 -> 0 (gone)\n")
    assert shots(folder) == {"disc": 2, "stripes": 4}


def test_each_command_in_a_process_of_its_own(fewshot: Run, folder: Path, tmp_path: Path) -> None:
    draw("grid", 60).save(tmp_path / "new.png")
    for command, first in (
        (["add", "--label", "grid", "new.png"], "grid 4 -> 5"),
        (["relabel", "new.png", "net"], "grid 5 -> 4, net 0 -> 1 (new)"),
        (["rename", "net", "mesh"], "mesh 0 -> 1 (new), net 1 -> 0 (gone)"),
        (["remove", "--label", "mesh"], "mesh 1 -> 0 (gone)"),
        (["undo"], "mesh 0 -> 1 (new)"),
    ):
        told = fewshot(*command)
        assert (told.returncode, told.stderr) == (0, "")
        assert told.stdout.splitlines()[0] == first


def test_a_fit_can_be_undone_too(cli: Run, folder: Path, tmp_path: Path) -> None:
    before = (folder / "classifier.pkl").read_bytes()
    assert cli("fit", write_set(tmp_path / "data", 1)).returncode == 0
    assert shots(folder) == {"disc": 1, "grid": 1, "stripes": 1}
    assert cli("undo").returncode == 0
    assert (folder / "classifier.pkl").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "nowhere"], "nowhere: no such folder"),
        (["add", "a", "b"], "a, b: no --label; expected one folder"),
        (["remove", "--label", "dics"], "no class 'dics'; expected one of disc, grid, stripes"),
        (["remove", "--image", "x.png"], "x.png: not among the 12 images fitted on"),
        (["relabel", "x.png", "disc"], "x.png: not among the 12 images fitted on"),
        (["relabel", "disc/00.png", ""], "an empty name was given for a class"),
        (["rename", "disc", "grid"], "there is a class 'grid' already"),
        (["undo"], "no previous classifier there, so nothing to undo"),
        (["remove"], "one of the arguments --label --image --negatives is required"),
        (["add", "x.png", "--label", "a", "--negatives"], "not allowed with argument"),
    ],
)
def test_what_cannot_be_done_exits_2_and_changes_nothing(
    arguments: list[str], message: str, cli: Run, folder: Path
) -> None:
    before = (folder / "classifier.pkl").read_bytes()
    told = cli(*arguments)
    assert told.returncode == 2 and message in told.stderr
    assert (folder / "classifier.pkl").read_bytes() == before
    assert len(list(folder.iterdir())) == 2


def test_an_exported_file_cannot_be_changed(cli: Run, tmp_path: Path) -> None:
    draw("disc", 0).save(tmp_path / "a.png")
    for arguments in (
        ["add", "a.png", "--label", "disc"],
        ["undo"],
    ):
        told = cli(*arguments, "--models", "classifier.onnx")
        assert told.returncode == 2 and "give the folder it was exported from" in told.stderr
