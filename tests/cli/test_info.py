"""What a classifier file holds, from the command line."""

import json
from pathlib import Path

import pytest

from fewshot import FewShotClassifier
from tests.conftest import Run


def test_info(fewshot: Run, models: Path) -> None:
    told = fewshot("info", "--models", models)
    assert (told.returncode, told.stderr) == (0, "")
    assert "\nclasses   3 classes: disc 4, grid 4, stripes 4\n" in told.stdout
    assert "mobilenet_v2.onnx" in told.stdout and "0 negatives" in told.stdout
    assert "\nunknown   false rejection rate about 5%\n" in told.stdout
    assert "views: 1" in told.stdout


def test_json(cli: Run, models: Path) -> None:
    summary = json.loads(cli("info", "--json", FEWSHOT_MODELS=str(models)).stdout)
    assert summary["format"] == 4 and summary["backbone"]["dim"] == 1280


def test_images(cli: Run, models: Path) -> None:
    listed = cli("info", "--images", "--models", models).stdout.splitlines()
    assert listed[0] == "disc  disc/00.png" and len(listed) == 12
    rows = json.loads(cli("info", "--images", "--models", models, "--json").stdout)["images"]
    assert [row["image"] for row in rows] == [line.split("  ")[1] for line in listed]
    assert all(len(row["sha256"]) == 64 for row in rows)


def test_an_exported_file(cli: Run, classifier: FewShotClassifier, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="exporting needs onnx")
    from fewshot.export.onnx_file import export_classifier

    file = export_classifier(classifier, tmp_path / "one.onnx")
    told = cli("info", "--models", file)
    assert told.returncode == 0 and told.stdout.startswith(f"file      {file}, ")
    refused = cli("info", "--models", file, "--images")
    assert refused.returncode == 2 and "holds no training images" in refused.stderr
