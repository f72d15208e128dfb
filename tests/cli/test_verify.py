"""Verifying from the command line."""

import json
import shutil
from pathlib import Path

import pytest

from fewshot import FewShotClassifier
from tests.conftest import Run


def test_the_same_predictions_exit_0(fewshot: Run, cli: Run, models: Path) -> None:
    told = fewshot("verify", models)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("all the same: ") and " images get the same pred" in told.stdout
    record = json.loads(cli("verify", models, "--json").stdout)
    assert record["holds"] and record["same"] == record["images"] and record["skipped"] == []


def test_other_predictions_exit_1(
    cli: Run, folder: Path, support_folder: Path, query_folder: Path, tmp_path: Path
) -> None:
    other = FewShotClassifier().fit(
        {
            "disc": support_folder / "grid",
            "grid": support_folder / "disc",
            "stripes": support_folder / "stripes",
        }
    )
    other.save(tmp_path / "other")
    (tmp_path / "bad.png").write_bytes(b"no")
    told = cli("verify", "other", query_folder / "grid")
    assert told.returncode == 1 and told.stdout.startswith("NOT the same: 0 of 3 images")
    shutil.copytree(folder, tmp_path / "same")
    told = cli("verify", "same", query_folder / "grid", "bad.png")
    assert told.returncode == 1 and told.stdout.startswith("all the same: 3 of 3 images")
    assert told.stderr.startswith("fewshot: skipped bad.png: ")


def test_a_description_of_another_file_exits_2(
    cli: Run, classifier: FewShotClassifier, tmp_path: Path
) -> None:
    pytest.importorskip("onnx", reason="exporting needs onnx")
    from fewshot.export.onnx_file import export_classifier

    path = export_classifier(classifier, tmp_path / "one.onnx")
    assert cli("verify", path).returncode == 0
    path.with_suffix(".json").write_text('{"sha256": "0"}')
    told = cli("verify", path)
    assert told.returncode == 2 and "describes another file than one.onnx" in told.stderr
    path.with_suffix(".json").unlink()
    assert cli("verify", path).returncode == 0
