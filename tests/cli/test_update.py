"""Teaching from the command line, as a user does: real processes, files, exit codes, streams."""

import json
import shutil
from pathlib import Path

import pytest

from fewshot import FewShotClassifier
from fewshot.artifact import read_artifact
from tests.conftest import Run, draw, draw_face, draw_noise, write_set


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    """A copy of the classifier, where the commands look for it."""
    return Path(shutil.copytree(models, tmp_path / "models"))


def shots(folder: Path) -> dict[str, int]:
    found: dict[str, int] = read_artifact(folder).summary()["classes"]
    return found


def test_add_a_folder_of_new_and_known_classes(fewshot: Run, folder: Path, tmp_path: Path) -> None:
    more = write_set(tmp_path / "more", 2, first=50)
    shutil.move(more / "grid", more / "net")
    told = fewshot("add", "more")
    assert (told.returncode, told.stderr) == (0, "")
    first, before, now, last = told.stdout.splitlines()
    assert first == "disc 4 -> 6, net 0 -> 2 (new), stripes 4 -> 6"
    assert before.startswith("held-out accuracy before: 1.00 (95 % interval 0.76 to 1.00; 12 of 12")
    assert now.startswith("held-out accuracy now:    ") and "of 18 images" in now
    assert last == f"wrote {Path('models/classifier.pkl')}; to go back: fewshot undo"
    assert shots(folder) == {"disc": 6, "grid": 4, "net": 2, "stripes": 6}
    again = fewshot("add", "more")
    assert again.stdout == "nothing changed\n"


def test_add_images_of_one_class_and_negatives(fewshot: Run, folder: Path, tmp_path: Path) -> None:
    for i in range(3):
        draw_noise(i).save(tmp_path / f"noise{i}.png")
    draw_face().save(tmp_path / "face.png")
    told = json.loads(fewshot("add", "--label", "猫", "noise*.png", "--json").stdout)
    assert told["classes"] == {"猫": [0, 3]} and told["changed"]
    assert told["measured_before"]["held_out_images"] == 12
    assert told["measured"]["held_out_images"] == 15
    told = json.loads(fewshot("add", "--negatives", "face.png", "--json").stdout)
    assert told["classes"] == {"(negatives)": [0, 1]}
    assert fewshot("classify", "face.png").stdout.startswith("face.png  unknown")
    listed = fewshot("info", "--images").stdout.splitlines()
    assert listed[0] == "disc  disc/00.png" and listed[-1] == "(negative)  face.png"
    rows = json.loads(fewshot("info", "--images", "--json").stdout)["images"]
    assert rows[-1]["label"] is None and len(rows[-1]["sha256"]) == 64 and len(rows) == 16


def test_remove_relabel_rename_undo(fewshot: Run, folder: Path, support_folder: Path) -> None:
    told = fewshot("relabel", support_folder / "disc" / "01.png", "disc/02.png", "grid")
    assert told.stdout.startswith("disc 4 -> 2, grid 4 -> 6\n")
    assert fewshot("remove", "--image", "grid/00.png").stdout.startswith("grid 6 -> 5\n")
    assert fewshot("rename", "grid", "net").stdout.startswith(
        "grid 5 -> 0 (gone), net 0 -> 5 (new)"
    )
    assert fewshot("undo").stdout.startswith("grid 0 -> 5 (new), net 5 -> 0 (gone)\n")
    assert shots(folder) == {"disc": 2, "grid": 5, "stripes": 4}
    assert fewshot("undo").stdout.startswith("grid 5 -> 0 (gone)")
    assert fewshot("remove", "--label", "net").stdout.startswith("net 5 -> 0 (gone)\n")
    assert shots(folder) == {"disc": 2, "stripes": 4}


def test_a_fit_can_be_undone_too(fewshot: Run, folder: Path, tmp_path: Path) -> None:
    before = (folder / "classifier.pkl").read_bytes()
    assert fewshot("fit", write_set(tmp_path / "data", 1)).returncode == 0
    assert shots(folder) == {"disc": 1, "grid": 1, "stripes": 1}
    assert fewshot("undo").returncode == 0
    assert (folder / "classifier.pkl").read_bytes() == before


def test_classify_correct_learns_from_a_mistake(fewshot: Run, folder: Path, tmp_path: Path) -> None:
    draw_face().save(tmp_path / "face.png")
    told = fewshot("classify", "face.png", "--correct", "face")
    assert told.returncode == 0
    answer, change, *_ = told.stdout.splitlines()
    assert answer.startswith("face.png  unknown (closest: ") and change == "face 0 -> 1 (new)"
    again = fewshot("classify", "face.png", "missing.png", "--correct", "disc", "--json")
    first, failed, last = (json.loads(line) for line in again.stdout.splitlines())
    assert again.returncode == 1 and "no such file" in failed["error"]
    assert first["label"] == "face" and last["classes"] == {"disc": [4, 5], "face": [1, 0]}
    assert FewShotClassifier.load(folder).classify(tmp_path / "face.png").label == "disc"
    nothing = fewshot("classify", "missing.png", "--correct", "disc")
    assert nothing.returncode == 1 and nothing.stdout == ""


def test_classify_why(fewshot: Run, folder: Path, support_folder: Path, tmp_path: Path) -> None:
    image = support_folder / "grid" / "03.png"
    told = fewshot("classify", image, "--why").stdout.splitlines()
    assert told[1] == "  1.000  grid  grid/03.png" and len(told) == 5
    assert told[4].startswith("  nearest other class: ")
    draw_noise(0).save(tmp_path / "noise.png")
    told = fewshot("classify", "noise.png", "--why").stdout.splitlines()
    assert told[1] == "  too little speaks for its being of any class; nearest are"
    answer = json.loads(fewshot("classify", image, "--why", "--json").stdout)
    assert answer["evidence"]["nearest"][0]["image"] == "grid/03.png"
    assert answer["evidence"]["other"]["label"] in ("disc", "stripes")
    assert "evidence" not in json.loads(fewshot("classify", image, "--json").stdout)


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
    arguments: list[str], message: str, fewshot: Run, folder: Path
) -> None:
    before = (folder / "classifier.pkl").read_bytes()
    told = fewshot(*arguments)
    assert told.returncode == 2 and message in told.stderr and "Traceback" not in told.stderr
    assert (folder / "classifier.pkl").read_bytes() == before
    assert len(list(folder.iterdir())) == 2


def test_what_cannot_be_read_is_named_and_the_rest_learned(
    fewshot: Run, folder: Path, support_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no")
    alone = fewshot("add", "bad.png")
    assert alone.returncode == 2 and "bad.png: no --label; expected one folder" in alone.stderr
    draw("grid", 90).save(tmp_path / "good.png")
    known = support_folder / "disc" / "00.png"
    told = fewshot("add", "--label", "grid", "bad.png", "good.png", known)
    assert told.returncode == 1 and told.stdout.startswith("grid 4 -> 5\n")
    assert "skipped bad.png: not an image" in told.stderr
    assert f"skipped {known}: known as disc/00.png, under another label" in told.stderr


def test_a_single_file_cannot_be_taught_or_asked_why(fewshot: Run, tmp_path: Path) -> None:
    draw("disc", 0).save(tmp_path / "a.png")
    for arguments in (
        ["add", "a.png", "--label", "disc"],
        ["classify", "a.png", "--why"],
        ["classify", "a.png", "--correct", "disc"],
        ["undo"],
    ):
        told = fewshot(*arguments, "--models", "classifier.onnx")
        assert told.returncode == 2 and "give the folder it was exported from" in told.stderr
