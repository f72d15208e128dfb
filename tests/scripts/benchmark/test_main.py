"""Every benchmark runs and prints JSON; numbers are not compared with anything."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_set

BENCHMARK = Path(__file__).parents[3] / "scripts" / "benchmark"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set with enough images for ten shots; not to be written to."""
    return write_set(tmp_path_factory.mktemp("sets") / "drawn", 12)


def run(*arguments: object) -> Any:
    done = subprocess.run(
        [sys.executable, BENCHMARK, *map(str, arguments), "--json"],
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_accuracy(data: Path, tmp_path: Path) -> None:
    found = run("accuracy", data, "--draws", 2, "--shots", "1,10", "--cache", tmp_path)
    row = found["rows"]["fewshot auto"]
    assert list(row["shots"]) == ["1", "10"] and 0.5 < row["mean"] <= 1
    assert 0 <= row["calibration_error"] < 0.5 and 0 <= row["false_rejections"] <= 1
    assert found["rejection"]["1"]["near_auroc"] is not None


def test_precision(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="precisions are made with onnx")
    found = run("precision", data, "--draws", 1, "--repeat", 1, "--cache", tmp_path)
    assert list(found["rows"]) == ["fp32", "fp16", "int8"]
    assert found["rows"]["fp32"]["difference"] == 0
    assert found["rows"]["fp16"]["bytes"] < 0.6 * found["rows"]["fp32"]["bytes"]
    assert found["resize"]["images"] > 0


def test_episodes(data: Path, tmp_path: Path) -> None:
    found = run("episodes", data, "--episodes", 3, "--way", 2, "--shot", 1, "--cache", tmp_path)
    assert json.dumps(found).count("2-way 1-shot") == 1


def test_check(data: Path, tmp_path: Path) -> None:
    assert run("check", data, "--draws", 1, "--cache", tmp_path)


def test_speed(data: Path) -> None:
    found = run("speed", "--data", data, "--repeat", 1, "--only", "warm,decoding")
    assert list(found["figures"]) == ["warm", "decoding"]
    assert "fewshot " in found["machine"]
    for figures in found["figures"].values():
        assert all(figure["value"] is not None for figure in figures)


def test_an_unknown_group_or_folder_is_an_error(tmp_path: Path) -> None:
    for arguments in (["speed", "--only", "nothing"], ["accuracy", tmp_path / "gone"]):
        done = subprocess.run(
            [sys.executable, BENCHMARK, *map(str, arguments)], capture_output=True, timeout=120
        )
        assert done.returncode == 2 and done.stderr and b"Traceback" not in done.stderr
