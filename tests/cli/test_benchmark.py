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
