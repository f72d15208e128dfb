"""Evaluating from the command line."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import Run, draw, draw_face

EVALUATION = (
    "protocol fitted_on images correct accuracy accuracy_low accuracy_high balanced_accuracy "
    "calibration_error log_loss reject_rate false_rejection_rate ood_images ood_rejection_rate "
    "classes weakest confusion mistakes"
).split()


def strictly(text: str) -> dict[str, object]:
    """Read JSON as other programs do, which know no NaN."""
    found: dict[str, object] = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    return found


def test_cross_validation(fewshot: Run, cli: Run, support_folder: Path, tmp_path: Path) -> None:
    told = fewshot("evaluate", support_folder)
    assert (told.returncode, told.stderr) == (0, "")
    rows = told.stdout.splitlines()
    assert rows[0] == "12 x 4-fold cross-validation"
    assert re.fullmatch(r"accuracy +1\.000 \(95 % interval 0\.572 to 1\.000; 12 of 12\)", rows[1])
    assert re.search(r"^false rejections .* \(target: 0\.05\)$", told.stdout, re.MULTILINE)
    assert re.search(r"^unknown classes +\d\.\d{3} of 12 images", told.stdout, re.MULTILINE)
    assert re.search(r"^disc +4 +1\.00 +1\.00$", told.stdout, re.MULTILINE)
    assert rows[-3:] == ["4 . .", ". 4 .", ". . 4"] and "confusion" in rows[-4]
    assert "-0.000" not in told.stdout
    assert os.listdir(tmp_path) == []


def test_the_classifier_stays_as_it_is(cli: Run, support_folder: Path, models: Path) -> None:
    before = (models / "classifier.pkl").read_bytes()
    found = strictly(cli("evaluate", support_folder, "--models", models, "--json").stdout)
    assert list(found) == EVALUATION and found["ood_images"] == 12
    assert (models / "classifier.pkl").read_bytes() == before


def test_other_images(cli: Run, support_folder: Path, query_folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(query_folder, tmp_path / "other")
    (other / "face").mkdir()
    draw_face().save(other / "face" / "1.png")
    shutil.copy(other / "disc" / "100.png", other / "grid" / "wrong.png")
    command = ("evaluate", support_folder, "--test", "other")
    told = cli(*command)
    assert told.returncode == 0 and told.stdout.startswith("other, 11 images\n")
    assert "unknown classes    1.000 of 1 images of other classes called unknown" in told.stdout
    assert told.stdout.splitlines()[-1].startswith("grid/wrong.png  grid predicted as disc ")
    (other / "disc" / "bad.png").write_bytes(b"no")
    told = cli(*command, "--json")
    found = strictly(told.stdout)
    assert told.returncode == 1 and told.stderr.startswith("fewshot: skipped ")
    assert (found["images"], found["correct"], found["ood_images"]) == (10, 9, 1)
    assert [m["image"] for m in found["mistakes"]] == ["grid/wrong.png"]  # type: ignore[attr-defined]
    assert os.listdir(tmp_path) == ["other"]


def test_the_classifier_that_is_there(
    cli: Run, folder: Path, query_folder: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(query_folder, tmp_path / "other")
    before = strictly(cli("evaluate", "--test", other, "--json").stdout)
    assert before["protocol"] == f"{other}, 9 images" and before["accuracy"] == 1
    assert cli("rename", "disc", "circle").returncode == 0
    told = cli("evaluate", "--models", "models", "--test", other)
    assert told.stdout.startswith(f"{other}, 9 images\n")
    assert "unknown classes" in told.stdout and "3 images of other classes" in told.stdout
    held_out = strictly(cli("evaluate", "--json").stdout)
    assert (held_out["protocol"], held_out["images"]) == ("12 x 4-fold cross-validation", 12)


def test_images_that_were_fitted_on_are_not_counted(
    cli: Run, folder: Path, support_folder: Path, query_folder: Path, tmp_path: Path
) -> None:
    mixed = shutil.copytree(query_folder, tmp_path / "mixed")
    for number in range(2):  # under another name, and with a label that is wrong
        shutil.copy(support_folder / "disc" / f"0{number}.png", mixed / "grid" / f"x{number}.png")
    for command in (["evaluate"], ["evaluate", support_folder]):
        told = cli(*command, "--test", "mixed").stdout.splitlines()
        assert told[0] == "2 of 11 test images were fitted on and are not counted"
        assert told[1] == "mixed, 9 images" and told[2].startswith("accuracy           1.000")
        found = strictly(cli(*command, "--test", "mixed", "--json").stdout)
        assert (found["fitted_on"], found["images"], found["correct"]) == (2, 9, 9)
    refused = cli("evaluate", "--test", support_folder)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "all 12 images were fitted on, which measures nothing" in refused.stderr


def test_shots(cli: Run, support_folder: Path, tmp_path: Path) -> None:
    told = cli("evaluate", support_folder, "--shots", "3,1,9")
    assert told.returncode == 0
    assert re.search(r"per class and accuracy\n +1  [01]\.\d{3}\n +3  [01]\.\d{3}", told.stdout)
    found = strictly(cli("evaluate", support_folder, "--shots", "3,1,9", "--json").stdout)
    assert list(found) == [*EVALUATION, "curve"]
    assert [point["shots"] for point in found["curve"]] == [1, 3]  # type: ignore[attr-defined]
    assert os.listdir(tmp_path) == []


def test_a_damaged_classifier_does_not_keep_evaluate_from_measuring(
    cli: Run, support_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "classifier.pkl").write_bytes(b"damaged")
    measured = cli("evaluate", support_folder, "--image-size", 64, "--json")
    assert measured.returncode == 0 and json.loads(measured.stdout)["images"] == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["one"], "only one class"),
        (["two"], "no class has two different images, so none can be held out .* --test"),
        (["two", "--test", "nowhere"], "nowhere: no such folder"),
        (["two", "--test", "empty"], "empty"),
        (["two", "--test", "bad"], "bad"),
        (["two", "--test", "two", "--shots", "1,x"], "'x' is not a number"),
        (["two", "--test", "other", "--shots", "1"], "the smallest class has 1 images"),
        (["two", "--test", "two"], "two: all 2 images were fitted on, .* evaluate DATA, without"),
        (["--test", "two"], "no classifier there"),
        (["--test", "two", "--views", "3"], "--views says how a classifier is fitted.* give DATA"),
        (["--negatives", "two"], "--negatives says how a classifier is fitted"),
        (["two", "--episodes", "2"], "unrecognized arguments: --episodes"),
    ],
)
def test_what_is_refused(cli: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    for folder in "one/cat two/cat two/dog other/cat other/dog bad/cat bad/dog empty".split():
        (tmp_path / folder).mkdir(parents=True)
        if folder.startswith("bad"):
            (tmp_path / folder / "1.png").write_bytes(b"no")
        elif folder != "empty":
            label, seed = "disc" if folder.endswith("cat") else "grid", len(folder)
            draw(label, seed).save(tmp_path / folder / "1.png")
    failed = cli("evaluate", *arguments)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert re.search(message, failed.stderr), failed.stderr
