"""Explaining from the command line: predictions on stdout, one image in a file."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from fewshot import FewShotClassifier
from tests.conftest import Run, draw_face


@pytest.fixture
def place(folder: Path, query_folder: Path, tmp_path: Path) -> Path:
    """A classifier and some images, where the commands look for them."""
    shutil.copy(query_folder / "grid" / "100.png", tmp_path / "grid.png")
    draw_face().save(tmp_path / "face.png")
    return tmp_path


def test_one_image(fewshot: Run, cli: Run, place: Path) -> None:
    told = fewshot("explain", "grid.png")
    assert (told.returncode, told.stderr) == (0, "")
    first, last = told.stdout.splitlines()
    assert first.startswith("grid.png  grid ") and last == "wrote heat.png"
    image = Image.open(place / "heat.png")
    assert image.format == "PNG" and image.width == 640 < image.height
    again = cli("explain", "grid.png", "--label", "disc", "-o", "heat.png")
    assert again.stdout.splitlines()[0].split("  ")[2].startswith("map of disc 0.")


def test_a_contact_sheet_and_what_cannot_be_read(cli: Run, place: Path) -> None:
    told = cli("explain", "grid.png", "gone.png", "face.png", "-o", "out/sheet.png")
    assert told.returncode == 1 and "fewshot: gone.png: no such file" in told.stderr
    _, unknown, last = told.stdout.splitlines()
    assert unknown.startswith("face.png  unknown (closest: ")
    assert last == f"wrote {Path('out/sheet.png')}"
    assert Image.open(place / "out" / "sheet.png").width > 2 * 640
    nothing = cli("explain", "gone.png", "-o", "nothing.png")
    assert nothing.returncode == 1 and not (place / "nothing.png").exists()


def test_json_has_the_numbers(cli: Run, place: Path) -> None:
    told = json.loads(cli("explain", "grid.png", "--label", "disc", "--json").stdout)
    assert (told["label"], told["explained"], told["file"]) == ("grid", "disc", "heat.png")
    assert told["explained_probability"] == told["scores"]["disc"]
    explanation = FewShotClassifier.load(place / "models").explain(place / "grid.png", "disc")
    assert told["maps"] == explanation.maps.tolist() and told["boxes"] == [[0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["grid.png", "--label", "dics"], "no class 'dics'; expected one of disc, grid, stripes"),
        (["grid.png", "-o", "heat.jpg"], "heat.jpg: a PNG image is written"),
        (["grid.png", "-o", "face.png"], "face.png: exists and was not written by fewshot"),
        (["grid.png"] * 101, "101 images; expected at most 100 on one sheet"),
    ],
)
def test_what_is_refused(arguments: list[str], message: str, cli: Run, place: Path) -> None:
    before = (place / "face.png").read_bytes()
    told = cli("explain", *arguments)
    assert told.returncode == 2 and message in told.stderr
    assert (place / "face.png").read_bytes() == before and not (place / "heat.png").exists()
