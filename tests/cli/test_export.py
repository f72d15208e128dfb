"""Exporting from the command line; what is in the file is tested with the library."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import Run

pytest.importorskip("onnx", reason="exporting needs onnx")


def test_one_file(fewshot: Run, folder: Path, tmp_path: Path) -> None:
    told = fewshot("export")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("wrote classifier.onnx, ")
    assert told.stdout.endswith(" MB, and classifier.json\n")
    assert (tmp_path / "classifier.onnx").is_file() and (tmp_path / "classifier.json").is_file()


@pytest.mark.parametrize("option", ["--resize-in-graph", "--top-level-resize"])
def test_resizing_in_the_file(cli: Run, folder: Path, tmp_path: Path, option: str) -> None:
    record = json.loads(cli("export", option, "--precision", "fp16", "--json").stdout)
    assert list(record) == ["file", "bytes", "precision"] and record["precision"] == "fp16"
    assert json.loads((tmp_path / "classifier.json").read_text())["resize_in_graph"] is True


def test_images_that_are_skipped_exit_1(
    cli: Run, folder: Path, support_folder: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(support_folder, tmp_path / "data")
    (data / "disc" / "bad.png").write_bytes(b"no")
    told = cli("export", "--precision", "int8", "--data", "data")
    assert told.returncode == 1 and "bad.png: not an image" in told.stderr
    assert told.stdout.startswith("wrote classifier.onnx, ")
    alone = cli("export", "--precision", "int8")
    assert alone.returncode == 0 and alone.stderr.startswith("fewshot: ")


def test_int16_names_fp16(cli: Run, folder: Path) -> None:
    told = cli("export", "--precision", "int16")
    assert (told.returncode, told.stdout) == (2, "")
    assert "precision 'int16' is not written any more; use fp16" in told.stderr
