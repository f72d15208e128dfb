"""Checking from the command line; what is found is tested with the library."""

import json
import shutil
from pathlib import Path

from tests.conftest import Run


def test_findings_are_listed_and_exit_1(
    fewshot: Run, cli: Run, support_folder: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(support_folder, tmp_path / "data")
    shutil.copy(data / "disc" / "00.png", data / "grid" / "copy.png")
    told = fewshot("check", "data")
    assert (told.returncode, told.stderr) == (1, "")
    first, *_, last = told.stdout.splitlines()
    assert first.endswith("the same file has different labels; keep the one that is right")
    assert last.startswith("13 images of 3 classes: 1 image has two labels")
    record = json.loads(cli("check", "data", "--json").stdout)
    assert list(record) == ["images", "classes", "counts", "findings"]
    assert record["counts"]["conflict"] == 1


def test_a_classifier_that_is_named_must_be_there(cli: Run, support_folder: Path) -> None:
    refused = cli("check", support_folder, "--models", "nowhere")
    assert refused.returncode == 2 and "no classifier there" in refused.stderr
