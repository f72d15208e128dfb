"""Adding images from the command line."""

import json
import shutil
from pathlib import Path

from fewshot.artifact import read_artifact
from tests.conftest import Run, draw, draw_face, draw_noise, write_set


def test_add_a_folder_of_new_and_known_classes(cli: Run, folder: Path, tmp_path: Path) -> None:
    more = write_set(tmp_path / "more", 2, first=50)
    shutil.move(more / "grid", more / "net")
    told = cli("add", "more")
    assert (told.returncode, told.stderr) == (0, "")
    first, before, same, now, last = told.stdout.splitlines()
    assert first == "disc 4 -> 6, net 0 -> 2 (new), stripes 4 -> 6"
    assert before.startswith("held-out accuracy before: 1.00 (95 % interval 0.57 to 1.00; 12 of 12")
    assert same.startswith("on the same images now:   ") and "of 12 held-out images" in same
    assert now.startswith("held-out accuracy now:    ") and "of 18 held-out images" in now
    assert last == f"wrote {Path('models/classifier.pkl')}; to go back: fewshot undo"
    assert read_artifact(folder).summary()["classes"] == {
        "disc": 6,
        "grid": 4,
        "net": 2,
        "stripes": 6,
    }
    again = cli("add", "more")
    assert again.stdout == "nothing changed\n"


def test_add_images_of_one_class_and_negatives(cli: Run, folder: Path, tmp_path: Path) -> None:
    for i in range(3):
        draw_noise(i).save(tmp_path / f"noise{i}.png")
    draw_face().save(tmp_path / "face.png")
    told = json.loads(cli("add", "--label", "猫", "noise*.png", "--json").stdout)
    assert told["classes"] == {"猫": [0, 3]} and told["changed"]
    assert told["measured_before"]["held_out_images"] == 12
    assert told["measured_same"]["held_out_images"] == 12
    assert told["measured"]["held_out_images"] == 15
    told = json.loads(cli("add", "--negatives", "face.png", "--json").stdout)
    assert told["classes"] == {"(negatives)": [0, 1]}
    assert cli("classify", "face.png").stdout.startswith("face.png  unknown")
    listed = cli("info", "--images").stdout.splitlines()
    assert listed[0] == "disc  disc/00.png" and listed[-1] == "(negative)  face.png"
    rows = json.loads(cli("info", "--images", "--json").stdout)["images"]
    assert rows[-1]["label"] is None and len(rows[-1]["sha256"]) == 64 and len(rows) == 16


def test_what_cannot_be_read_is_named_and_the_rest_learned(
    cli: Run, folder: Path, support_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no")
    alone = cli("add", "bad.png")
    assert alone.returncode == 2 and "bad.png: no --label; expected one folder" in alone.stderr
    draw("grid", 90).save(tmp_path / "good.png")
    known = support_folder / "disc" / "00.png"
    told = cli("add", "--label", "grid", "bad.png", "good.png", known)
    assert told.returncode == 1 and told.stdout.startswith("grid 4 -> 5\n")
    assert "skipped bad.png: not an image" in told.stderr
    assert f"skipped {known}: known as disc/00.png, under another label" in told.stderr
