"""Benchmarking from the command line; what is measured is tested with the library."""

import json
import shlex
from pathlib import Path

import pytest

from fewshot import FewShotClassifier
from fewshot.cli.app import parse
from tests.conftest import Run

pytest.importorskip("onnx", reason="exporting needs onnx")


def test_an_exported_file(
    fewshot: Run, cli: Run, classifier: FewShotClassifier, tmp_path: Path
) -> None:
    from fewshot.export.onnx_file import export_classifier

    export_classifier(classifier, tmp_path / "one.onnx", precision="fp16")
    told = fewshot("benchmark", "--models", "one.onnx", "--seconds", 1)
    assert (told.returncode, told.stderr) == (0, "")
    first, memory, _, heads, row, *_, last = told.stdout.splitlines()
    assert first.startswith("one.onnx on ") and memory.startswith("peak memory ")
    assert heads.startswith("precision ") and row.startswith("fp16 ")
    assert last.startswith("recommended: fewshot classify ")
    told = cli("benchmark", "--models", "one.onnx", "--seconds", 1, "--json")
    words = shlex.split(json.loads(told.stdout)["recommendation"])
    _, arguments = parse(words[1:])
    assert arguments.models == "one.onnx"


def test_a_folder_is_one_table_and_a_command(cli: Run, folder: Path, tmp_path: Path) -> None:
    told = cli("benchmark", "--seconds", 1)
    assert (told.returncode, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    assert lines[0].startswith("models on ") and lines[1].startswith("peak memory ")
    assert lines[3].split()[:4] == ["precision", "image", "size", "MB"]
    assert lines[4].startswith("fp32 ") and lines[4].endswith(" 1.000")
    assert any(" 320 " in line and line.endswith(" not known") for line in lines)
    assert "accuracy that is not known: measure it with --data" in lines
    assert lines[-1].startswith("recommended: fewshot ")
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_missing_classifier_is_one_line_and_exit_2(cli: Run) -> None:
    told = cli("benchmark", "--json")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.count("\n") == 1 and "no classifier there" in told.stderr
