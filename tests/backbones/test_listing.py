"""The backbones that are found by name."""

import shutil
from pathlib import Path

import pytest

from fewshot import Embedder, FewShotClassifier
from fewshot.backbones.find import find_backbone
from fewshot.backbones.listing import list_backbones
from fewshot.errors import BackboneError
from tests.conftest import draw


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


def test_an_exported_classifier_is_no_backbone(
    classifier: FewShotClassifier, tmp_path: Path
) -> None:
    pytest.importorskip("onnx", reason="exporting needs onnx")
    from fewshot.export.onnx_file import export_classifier

    file = export_classifier(classifier, tmp_path / "garden.onnx")
    with pytest.raises(BackboneError, match=r"garden\.onnx: a classifier that 'fewshot export'"):
        Embedder(file).embed([draw("disc", 0)])
    assert "a classifier" in str(list_backbones(tmp_path)[0].error)


def test_the_face_detector_is_no_backbone() -> None:
    file = find_backbone().with_name("face_detector.onnx")
    with pytest.raises(BackboneError, match=r"face_detector\.onnx: a face detector; expected a b"):
        Embedder(file).embed([draw("disc", 0)])
    assert "face_detector" not in [backbone.name for backbone in list_backbones(file.parent)]
