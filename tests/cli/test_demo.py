"""The demonstration."""

import json
from pathlib import Path

from tests.conftest import Run


def test_demo_shows_the_whole_thing(fewshot: Run, cli: Run, tmp_path: Path) -> None:
    shown = fewshot("demo")
    assert (shown.returncode, shown.stderr) == (0, "")
    commands = [line[2:].split()[:2] for line in shown.stdout.splitlines() if line[:2] == "$ "]
    assert commands == [["fewshot", "fit"], ["fewshot", "classify"], ["fewshot", "info"]]
    again = json.loads(cli("demo", "--json").stdout)
    assert again["query"] == 200 and 0.8 < again["accuracy"] < 1
    assert f"{again['accuracy']:.2f}" in shown.stdout.splitlines()[-1]


def test_a_folder_in_use_is_refused(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "mine" / "support").mkdir(parents=True)
    refused = cli("demo", "mine")
    assert refused.returncode == 2 and "mine: holds other files" in refused.stderr
