"""Comparing the faces of two images from the command line."""

import io
import json
from pathlib import Path

import pytest

from tests.conftest import Run, draw
from tests.helpers.drawn_faces import draw_person


@pytest.fixture(autouse=True)
def faces(tmp_path: Path) -> None:
    draw_person("anna", 1).save(tmp_path / "anna.png")
    draw_person("anna", 2).save(tmp_path / "again.png")
    draw_person("ben", 1).save(tmp_path / "ben.png")


def test_the_same_person_exits_0(fewshot: Run, cli: Run) -> None:
    told = fewshot("compare", "anna.png", "again.png")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("anna.png and again.png: the same person (distance 0.")
    again, ben = (
        json.loads(cli("compare", "anna.png", other, "--json").stdout)
        for other in ("again.png", "ben.png")
    )
    assert list(ben) == ["images", "distance", "threshold", "same"]
    assert ben["images"] == ["anna.png", "ben.png"] and again["distance"] < ben["distance"]


def test_one_of_them_may_come_from_standard_input(
    cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO((tmp_path / "again.png").read_bytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(content))
    told = cli("compare", "anna.png", "-")
    assert told.returncode == 0 and told.stdout.startswith("anna.png and -: the same person")


def test_what_is_refused(cli: Run, tmp_path: Path) -> None:
    draw("disc", 1).save(tmp_path / "disc.png")
    for words, message in (
        (["anna.png", "disc.png"], "disc.png: no face found"),
        (["anna.png", "gone.png"], "gone.png: no such file"),
        (["anna.png", "*n*.png"], "images were found; expected two"),
        (["anna.png"], "required: IMAGE"),
    ):
        told = cli("compare", *words)
        assert (told.returncode, told.stdout) == (2, "") and message in told.stderr
