"""The command line with faces: fit, evaluate, classify and classify --all-faces."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Run, draw
from tests.helpers.drawn_faces import PEOPLE, draw_group, draw_person, write_people


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_people(tmp_path_factory.mktemp("people") / "data", 4)
    draw("disc", 1).save(folder / "ben" / "none.png")
    return folder


def test_fit_says_how_many_have_no_face_and_classify_needs_no_flag(
    cli: Run, data: Path, tmp_path: Path
) -> None:
    fitted = cli("fit", data, "--crop", "face")
    assert fitted.returncode == 1
    assert fitted.stderr == f"fewshot: skipped {data / 'ben' / 'none.png'}: no face found\n"
    none = data / "ben" / "none.png"
    assert f"\nno face found in 1 of 13 images, skipped: {none}\n" in fitted.stdout
    again = json.loads(cli("fit", data, "--crop", "face", "--json").stdout)
    counted = {"images": 13, "without": 1, "fraction": pytest.approx(1 / 13), "other": 0}
    assert again["faces"] == {**counted, "names": [str(none)]}
    assert again["preprocessing"]["crop"] == "face"
    for person in PEOPLE:
        draw_person(person, 30).save(tmp_path / f"{person}.png")
        assert cli("classify", f"{person}.png").stdout.startswith(f"{person}.png  {person} ")
    told = cli("info").stdout
    assert "\npixels    face aligned to 150 x 150\n" in told
    assert "\nfaces     the largest is used, found by face_detector.onnx; an image without" in told
    assert cli("verify", "models").returncode == 0
    assert cli("export").returncode == 0 and cli("verify", "classifier.onnx").returncode == 0
    for person in PEOPLE:
        told = cli("classify", f"{person}.png", "--models", "classifier.onnx").stdout
        assert told.startswith(f"{person}.png  {person} ")
    refused = cli("benchmark", "--seconds", 1)
    assert refused.returncode == 2 and "--crop face" in refused.stderr
    explained = cli("explain", "ben.png")
    assert explained.returncode == 0 and (tmp_path / "heat.png").is_file()


def test_an_image_without_a_face(cli: Run, data: Path, tmp_path: Path) -> None:
    assert cli("fit", data, "--crop", "face").returncode == 1
    none = data / "ben" / "none.png"
    assert cli("classify", none).stdout == f"{none}  unknown (no face found)\n"
    record = json.loads(cli("classify", none, "--json").stdout)
    assert (record["label"], record["known"], record["face_found"]) == (None, False, False)
    asked = cli("classify", none, "--is", "ben")
    assert (asked.returncode, asked.stdout) == (3, f"{none}  no (no face found)\n")
    whole = cli("fit", data, "--crop", "face", "--no-face", "whole")
    assert whole.returncode == 0
    assert "no face found in 1 of 13 images, used whole: ben/none.png\n" in whole.stdout
    assert "(no face found, whole image used)" in cli("classify", none).stdout
    assert cli("classify", none, "--is", "ben").returncode == 3
    refused = cli("fit", data, "--crop", "face", "--no-face", "error", "-o", "other")
    assert refused.returncode == 2 and "none.png; take them away" in refused.stderr
    assert not (tmp_path / "other" / "classifier.pkl").exists()
    assert "add --crop face" in cli("fit", data, "--no-face", "whole").stderr


def test_evaluate_measures_with_faces(cli: Run, data: Path, tmp_path: Path) -> None:
    test = write_people(tmp_path / "test", 2, first=60)
    measured = cli("evaluate", data, "--crop", "face", "--test", test, "--json")
    assert measured.returncode == 1 and json.loads(measured.stdout)["correct"] == 6


def test_classify_every_face_and_draw_them(cli: Run, data: Path, tmp_path: Path) -> None:
    assert cli("fit", data, "--crop", "face").returncode == 1
    people = ["cleo", "ben", "anna"]
    draw_group(people).save(tmp_path / "group.png")
    told = cli("classify", "group.png", "--all-faces", "--annotate", "named.png")
    assert (told.returncode, told.stderr) == (0, "")
    *faces, wrote = told.stdout.splitlines()
    assert [line.split("  ")[2].split()[0].strip("()") for line in faces] == people
    assert wrote == "wrote named.png"
    with Image.open(tmp_path / "named.png") as drawn, Image.open(tmp_path / "group.png") as plain:
        assert drawn.size == plain.size and (np.asarray(drawn) != np.asarray(plain)).any()
    assert cli("classify", "group.png", "--faces", "all").stdout.splitlines() == faces  # as it was
    record = json.loads(cli("classify", "group.png", "--all-faces", "--json").stdout)
    assert list(record) == ["image", "faces"]
    for face, person in zip(record["faces"], people, strict=True):
        assert list(face) == ["box", "landmarks", "label", "probability", "known", "scores"]
        assert face["label"] == person and len(face["box"]) == 4


def test_classify_every_face_goes_on_after_what_cannot_be_read(
    cli: Run, data: Path, tmp_path: Path
) -> None:
    assert cli("fit", data, "--crop", "face").returncode == 1
    (tmp_path / "bad.png").write_bytes(b"no")
    draw("disc", 1).save(tmp_path / "disc.png")
    told = cli("classify", "bad.png", "disc.png", "--all-faces")
    assert told.returncode == 1 and "bad.png: not an image" in told.stderr
    assert told.stdout == "disc.png  no face found\n"
    draw("disc", 1).save(tmp_path / "mine.png")
    for options, message in (
        (["--all-faces", "--annotate", "mine.png"], "not written by fewshot"),
        (["--all-faces", "--annotate", "named.jpg"], "ends in .png"),
        (["bad.png", "--all-faces", "--annotate", "named.png"], "--annotate draws one"),
        (["--annotate", "named.png"], "add that"),
        (["--all-faces", "--is", "ben"], "cannot be combined"),
    ):
        refused = cli("classify", "disc.png", *options)
        assert refused.returncode == 2 and message in refused.stderr


def test_a_classifier_of_whole_pictures_is_refused(cli: Run, models: Path, tmp_path: Path) -> None:
    draw("disc", 1).save(tmp_path / "disc.png")
    refused = cli("classify", "disc.png", "--all-faces", "--models", models)
    assert refused.returncode == 2 and "fewshot fit DATA --crop face" in refused.stderr
