"""Which backbones there are, as a user reads it."""

import json
from pathlib import Path

from tests.conftest import Run


def test_what_cannot_be_used_does_not_stop_the_rest(fewshot: Run, cli: Run, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "broken.onnx").write_text("no network", "utf-8")
    told = fewshot("backbones")
    assert (told.returncode, told.stderr) == (0, "")
    heads, face_row, row, *rest = told.stdout.splitlines()
    assert heads.split() == ["name", "MB", "dim", "image", "size", "licence", "file"]
    assert face_row.split()[:6] == ["face_resnet", "22.4", "128", "150", "only", "CC0-1.0"]
    assert row.split()[:5] == ["mobilenet_v2", "8.8", "1280", "224", "MIT"]
    assert any(line.startswith("mobilenet_v2: MobileNetV2 1.0") for line in rest)
    assert "broken.onnx: not an ONNX file" in rest[-1]
    summary = json.loads(cli("backbones", "--json").stdout)
    assert summary["folders"][0] == "models"
    broken, _, usable = summary["backbones"]
    assert broken["name"] == "broken" and broken["dim"] is None and broken["error"]
    assert usable["name"] == "mobilenet_v2" and usable["error"] is None
