"""Fitting from the command line."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import CLASSES, Run, draw, draw_noise, write_set


def test_fit_says_what_it_did_and_what_to_type_next(
    fewshot: Run, support_folder: Path, tmp_path: Path
) -> None:
    fitted = fewshot("fit", support_folder)
    assert (fitted.returncode, fitted.stderr) == (0, "")
    assert "3 classes: disc 4, grid 4, stripes 4" in fitted.stdout
    assert "12 images used, 0 skipped" in fitted.stdout
    assert (
        "held-out accuracy: 1.00 (95 % interval 0.57 to 1.00; 12 of 12 held-out images"
        in fitted.stdout
    )
    assert sorted(os.listdir(tmp_path / "models")) == ["classifier.pkl", "mobilenet_v2.onnx"]
    assert fitted.stdout.splitlines()[-1] == "next: fewshot classify IMAGE"


def test_json_and_output_folder(cli: Run, support_folder: Path, tmp_path: Path) -> None:
    fitted = cli("fit", support_folder, "-o", "some where", "--head", "centroid", "--json")
    summary = json.loads(fitted.stdout)
    assert summary["classes"] == dict.fromkeys(CLASSES, 4)
    assert summary["head"] == "centroid" and summary["skipped"] == []
    assert Path(summary["file"]) == Path("some where", "classifier.pkl")
    assert (tmp_path / "some where" / "classifier.pkl").is_file()
    told = cli("fit", support_folder, "-o", "some where").stdout.splitlines()[-1]
    assert told == "next: fewshot classify --models 'some where' IMAGE"


def test_what_is_skipped_is_named_and_exits_1(cli: Run, tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", 2)
    (data / "disc" / "bad.jpg").write_bytes(b"")
    fitted = cli("fit", "data")
    assert fitted.returncode == 1
    assert fitted.stderr == (
        f"fewshot: skipped {Path('data/disc/bad.jpg')}: empty file (0 bytes)\n"
    )
    assert "6 images used, 1 skipped" in fitted.stdout
    assert "; see: fewshot check data\n" in fitted.stdout
    assert (tmp_path / "models" / "classifier.pkl").is_file()


def test_negatives_views_and_a_reject_rate(cli: Run, support_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "no").mkdir()
    for seed in range(4):
        draw_noise(seed).save(tmp_path / "no" / f"{seed}.png")
    fitted = cli(
        *("fit", support_folder, "--negatives", "no", "--views", 2, "--reject-rate", 0.1, "--json")
    )
    summary = json.loads(fitted.stdout)
    assert fitted.returncode == 0 and summary["negatives"] == 4
    assert summary["preprocessing"]["views"] == 2 and summary["reject_rate"] == 0.1
    assert summary["classes"] == dict.fromkeys(CLASSES, 4)
    told = cli("info").stdout
    assert "12 and 4 negatives" in told and "views: 2" in told
    assert "\nunknown   false rejection rate about 10%\n" in told
    draw_noise(9).save(tmp_path / "noise.png")
    assert cli("classify", "noise.png").stdout.startswith("noise.png  unknown (closest: ")


def test_one_class_and_negatives(cli: Run, support_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(support_folder / "disc", tmp_path / "data" / "disc")
    fitted = cli("fit", "data", "--negatives", support_folder / "grid")
    assert fitted.returncode == 0 and "1 class: disc 4" in fitted.stdout
    told = cli("classify", support_folder / "disc", support_folder / "grid").stdout
    verdicts = [line.split("  ")[1].split()[0] for line in told.splitlines()]
    assert verdicts[4:] == ["unknown"] * 4 and verdicts[:4].count("disc") >= 3


def test_an_image_size(cli: Run, support_folder: Path) -> None:
    fitted = cli("fit", support_folder, "--image-size", 64)
    assert (fitted.returncode, fitted.stderr) == (0, "")
    assert "64 x 64" in cli("info").stdout
    assert cli("classify", support_folder).returncode == 0
    refused = cli("fit", support_folder, "--image-size", 8)
    assert refused.returncode == 2 and "expected 32 to 4096" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["one"], "only one class, 'cat'; .* needs two or more"),
        (["one", "--head", "forest"], "invalid choice: 'forest'"),
        (["two", "--views", "9"], "views is 9; expected 1 to 8"),
        (["two", "--views", "0"], "'0' is not a number of 1 or more"),
        (["two", "--reject-rate", "1"], "reject rate is 1.0; expected 0 to 1"),
        (["two", "--negatives", "nowhere"], "nowhere: no images found"),
        (["bad"], "class 'cat': none of its 1 images could be read"),
        (["two", "--no-face", "whole"], "add --crop face"),
    ],
)
def test_what_is_refused(cli: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    for folder in ("one/cat", "two/cat", "two/dog", "bad/cat", "bad/dog"):
        (tmp_path / folder).mkdir(parents=True)
        if folder.startswith("bad"):
            (tmp_path / folder / "1.png").write_bytes(b"no")
        else:
            draw("disc" if folder.endswith("cat") else "grid", 0).save(tmp_path / folder / "1.png")
    failed = cli("fit", *arguments)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert re.search(message, failed.stderr), failed.stderr
    assert not (tmp_path / "models").exists()


def test_a_damaged_classifier_is_replaced_and_another_file_is_not(
    cli: Run, folder: Path, support_folder: Path
) -> None:
    file = folder / "classifier.pkl"
    file.write_bytes(file.read_bytes()[:-100])
    told = cli("info", "--json")
    assert told.returncode == 2 and "damaged classifier file" in told.stderr
    assert cli("fit", support_folder).returncode == 0
    assert cli("info", "--json").returncode == 0
    file.write_bytes(b"somebody's own work")
    told = cli("fit", support_folder, "--json")
    assert (told.returncode, told.stdout) == (2, "") and "not a classifier file" in told.stderr
    assert file.read_bytes() == b"somebody's own work"


def test_what_a_new_fit_loses_is_said_and_can_be_kept(
    cli: Run, support_folder: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(support_folder, tmp_path / "data")
    assert json.loads(cli("fit", "data", "--json").stdout)["replaces"] is None
    assert "replaced" not in cli("fit", "data").stdout  # nothing is lost
    for seed in range(3):
        draw("grid", 60 + seed).save(tmp_path / f"{seed}.png")
    cli("add", "--label", "grid", "0.png", "1.png", "2.png")
    cli("relabel", data / "disc" / "00.png", "grid")
    cli("remove", "--image", data / "stripes" / "03.png")
    draw("disc", 70).save(data / "disc" / "new.png")
    (data / "stripes" / "02.png").unlink()

    kept = cli("fit", "data", "--keep-taught", "--json")
    record = json.loads(kept.stdout)
    assert record["classes"] == {"disc": 4, "grid": 8, "stripes": 2}
    lost = {"images": 14, "missing": 1, "relabelled": 0, "removed": 0}
    assert kept.returncode == 0 and record["replaces"] == lost
    again = json.loads(cli("fit", "data", "--keep-taught", "--json").stdout)
    assert again["classes"] == record["classes"] and not again["replaces"]["missing"]

    told = cli("fit", "data").stdout.splitlines()
    assert told[0] == "3 classes: disc 5, grid 4, stripes 3"
    assert told[-2] == (
        "replaced a classifier with 14 images, 3 of them not in data, 1 with another label there, "
        "1 that had been removed are back; to go back: fewshot undo; to keep what it was taught: "
        "--keep-taught"
    )
    cli("undo")
    assert json.loads(cli("info", "--json").stdout)["classes"] == record["classes"]


def test_a_fit_on_another_folder_says_what_it_replaces(
    cli: Run, folder: Path, tmp_path: Path
) -> None:
    told = cli("fit", write_set(tmp_path / "other", 2, first=50))
    assert "replaced a classifier with 12 images, 12 of them not in " in told.stdout
    assert "to go back: fewshot undo" in told.stdout


def test_what_was_taught_cannot_be_kept_with_another_backbone(
    cli: Run, folder: Path, support_folder: Path
) -> None:
    before = (folder / "classifier.pkl").read_bytes()
    refused = cli("fit", support_folder, "--image-size", 64, "--keep-taught")
    assert refused.returncode == 2 and "cannot be kept" in refused.stderr
    assert (folder / "classifier.pkl").read_bytes() == before
