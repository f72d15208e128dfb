"""Reports from the command line: of the classifier at hand, and of an evaluation."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import Run, draw

pytest.importorskip("jinja2", reason="a report needs jinja2: pip install jinja2")


def thumbnails(page: Path) -> int:
    """Count the thumbnails in a report."""
    return page.read_text(encoding="utf-8").count("data:image/jpeg;base64,")


def test_report_on_the_classifier(
    fewshot: Run, cli: Run, models: Path, support_folder: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(support_folder, tmp_path / "data"))
    draw("disc", 50).save(data / "grid" / "wrong.png")
    assert cli("fit", "data").returncode == 0
    told = fewshot("report")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == "wrote report.html; open it in a browser\n"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "grid/wrong.png" in page and thumbnails(tmp_path / "report.html") == 0
    record = json.loads(cli("report", "--data", "data", "-o", "out/r.html", "--json").stdout)
    assert record["file"] == "out/r.html" and record["protocol"].endswith(
        "x 4-fold cross-validation"
    )
    assert record["mistakes"][0]["image"] == "grid/wrong.png"
    assert thumbnails(tmp_path / "out" / "r.html") > 3


def test_report_on_an_evaluation(
    cli: Run, support_folder: Path, query_folder: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(query_folder, tmp_path / "other"))
    shutil.copy(support_folder / "disc" / "00.png", other / "grid" / "seen.png")
    command = ("evaluate", support_folder, "--test", "other", "--report", "report.html")
    told = cli(*command)
    assert told.returncode == 0 and "\nother, 9 images\n" in told.stdout
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "grid/seen.png" in page and "in both training and test data" in page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "report.html"]


def test_what_is_there_already_is_not_replaced(
    cli: Run, support_folder: Path, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.html").write_text("<p>mine")
    for command in (
        ("evaluate", support_folder, "--report", "mine.html"),
        ("report", "--models", models, "-o", "mine.html"),
    ):
        told = cli(*command)
        assert told.returncode == 2 and "was not written by fewshot" in told.stderr
    assert (tmp_path / "mine.html").read_text() == "<p>mine"
