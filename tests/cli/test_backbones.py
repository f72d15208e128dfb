"""Which backbones there are, and images of other sizes: what a user types and reads."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fewshot import Embedder, FewShotClassifier
from fewshot.backbones.find import find_backbone
from fewshot.backbones.listing import list_backbones
from fewshot.errors import BackboneError, UsageError
from fewshot.images.views import load_views
from tests.conftest import CLASSES, Run, draw

PICTURES = [draw(label, seed) for seed in range(3) for label in CLASSES]


def test_every_name_is_listed_once_and_the_first_file_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEWSHOT_MODELS", str(tmp_path / "environment"))
    shipped = find_backbone()
    for folder in ("given", "environment", "models"):
        (tmp_path / folder).mkdir()
    shutil.copy(shipped, tmp_path / "given" / "mine.onnx")
    shutil.copy(shipped, tmp_path / "environment" / "other.onnx")
    (tmp_path / "models" / "mine.onnx").write_bytes(b"")
    (tmp_path / "models" / "folder.onnx").mkdir()
    found = {backbone.name: backbone for backbone in list_backbones(tmp_path / "given")}
    assert list(found) == ["mine", "other", "face_resnet", "mobilenet_v2"]
    assert found.pop("face_resnet").dim == 128
    for name, backbone in found.items():
        assert Path(backbone.file).absolute() == find_backbone(name, tmp_path / "given")
        assert (backbone.error, backbone.dim, backbone.image_size) == (None, 1280, 224)
        assert backbone.any_size and backbone.feature_map and backbone.licence == "MIT"
        assert backbone.bytes == shipped.stat().st_size


def test_what_cannot_be_used_does_not_stop_the_rest(fewshot: Run, tmp_path: Path) -> None:
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
    summary = json.loads(fewshot("backbones", "--json").stdout)
    assert summary["folders"][0] == "models"
    broken, _, usable = summary["backbones"]
    assert broken["name"] == "broken" and broken["dim"] is None and broken["error"]
    assert usable["name"] == "mobilenet_v2" and usable["error"] is None


def test_an_exported_classifier_is_no_backbone(
    classifier: FewShotClassifier, tmp_path: Path
) -> None:
    pytest.importorskip("onnx", reason="exporting needs onnx")
    from fewshot.export.onnx_file import export_classifier

    file = export_classifier(classifier, tmp_path / "garden.onnx")
    with pytest.raises(BackboneError, match=r"garden\.onnx: a classifier that 'fewshot export'"):
        Embedder(file).embed(PICTURES)
    assert "a classifier" in str(list_backbones(tmp_path)[0].error)


def test_the_face_detector_is_no_backbone() -> None:
    file = find_backbone().with_name("face_detector.onnx")
    with pytest.raises(BackboneError, match=r"face_detector\.onnx: a face detector; expected a b"):
        Embedder(file).embed(PICTURES)
    assert "face_detector" not in [backbone.name for backbone in list_backbones(file.parent)]


@pytest.mark.parametrize("size", [64, 160, 320])
def test_another_image_size_is_kept_in_the_classifier(
    size: int, support_folder: Path, tmp_path: Path
) -> None:
    fitted = FewShotClassifier(image_size=size).fit(support_folder)
    assert fitted.artifact_.preprocessing.image_size == size
    pixels = load_views(PICTURES[0], fitted.embedder_.preprocessing_).pixels
    assert pixels.shape == (1, size, size, 3)
    expected = fitted.predict_proba(PICTURES)
    loaded = FewShotClassifier.load(fitted.save(tmp_path).parent)
    assert loaded.image_size == size
    np.testing.assert_array_equal(loaded.predict_proba(PICTURES), expected)
    again = loaded.fit(support_folder)
    np.testing.assert_array_equal(again.predict_proba(PICTURES), expected)
    embedder = Embedder(image_size=size)
    np.testing.assert_array_equal(
        embedder.embed_one(PICTURES[0]), fitted.embedder_.embed_one(PICTURES[0])
    )


@pytest.mark.parametrize("size", [0, -1, 16, 31, 5000])
def test_image_sizes_out_of_bounds(size: int) -> None:
    with pytest.raises(UsageError, match=f"image size is {size}; expected 32 to 4096 pixels"):
        Embedder(image_size=size).embed(PICTURES)


def test_image_size_on_the_command_line(fewshot: Run, support_folder: Path, tmp_path: Path) -> None:
    fitted = fewshot("fit", support_folder, "--image-size", 64)
    assert (fitted.returncode, fitted.stderr) == (0, "")
    assert "64 x 64" in fewshot("info").stdout
    assert fewshot("classify", support_folder).returncode == 0
    measured = fewshot("evaluate", support_folder, "--image-size", 64, "--json")
    assert measured.returncode == 0 and json.loads(measured.stdout)["images"] == 12
    refused = fewshot("fit", support_folder, "--image-size", 8)
    assert refused.returncode == 2 and "expected 32 to 4096" in refused.stderr


def test_an_exported_file_is_of_the_size_it_was_fitted_at(
    support_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnx", reason="exporting needs onnx")
    from fewshot.classifier.exported import ExportedClassifier
    from fewshot.export.onnx_file import export_classifier

    fitted = FewShotClassifier(image_size=96).fit(support_folder)
    for precision in ("fp32", "int8"):
        data = support_folder if precision == "int8" else None
        file = export_classifier(
            fitted, tmp_path / f"{precision}.onnx", precision=precision, data=data
        )
        exported = ExportedClassifier(file)
        assert exported.preprocessing_.image_size == 96
        assert exported.predict(PICTURES) == fitted.predict(PICTURES)
