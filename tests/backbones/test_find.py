"""Backbones are found by path or name, and say all that is needed to feed them."""

from pathlib import Path

import pytest

import fewshot.backbones.find
from fewshot.backbones.backbone import Backbone, read_metadata
from fewshot.backbones.find import find_backbone
from fewshot.errors import BackboneError, MissingFileError
from fewshot.images.preprocessing import Preprocessing

METADATA = {
    "fewshot_format": "1",
    "name": "tiny",
    "source": "drawn",
    "licence": "MIT",
    "image_size": "96",
    "resize": "crop",
    "crop_fraction": "0.875",
    "interpolation": "bicubic",
    "dim": "64",
}
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"abc")
    return path


def test_metadata_say_it_all(file: Path) -> None:
    recipe = Preprocessing(96, "crop", 0.875, "bicubic")
    assert read_metadata(file, ABC, METADATA) == Backbone(
        file, ABC, "tiny", "drawn", "MIT", 64, recipe
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fewshot_format": "2"}, "backbone format 2; this fewshot reads format 1"),
        ({"image_size": "big"}, "unusable metadata: .*'big'"),
        ({"resize": "pad"}, "unusable metadata: resize is 'pad'"),
    ],
)
def test_metadata_that_cannot_be_followed(change: dict[str, str], message: str, file: Path) -> None:
    with pytest.raises(BackboneError, match=f"tiny.onnx: {message}"):
        read_metadata(file, ABC, METADATA | change)


def test_missing_metadata_are_named(file: Path) -> None:
    partial = {key: METADATA[key] for key in METADATA if key not in ("dim", "licence")}
    with pytest.raises(BackboneError, match=r"tiny.onnx: .* lacks licence, dim; expected"):
        read_metadata(file, ABC, partial)


def test_names_are_looked_up_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEWSHOT_MODELS", raising=False)
    shipped = find_backbone("mobilenet_v2")
    assert shipped.is_file() and shipped.parent in fewshot.backbones.find._SHIPPED
    places = [tmp_path / name for name in ("models", "environment", "given")]
    for place in places:
        place.mkdir()
        (place / "mobilenet_v2.onnx").write_bytes(b"")
        if place.name == "environment":
            monkeypatch.setenv("FEWSHOT_MODELS", str(place))
        models = place if place.name == "given" else None
        assert find_backbone("mobilenet_v2", models).resolve().parent == place


def test_paths_are_taken_as_they_are(file: Path) -> None:
    assert find_backbone(file) == find_backbone(str(file)) == file


@pytest.mark.parametrize("wanted", ["resnet", "some/where.onnx"])
def test_a_backbone_that_is_not_there(wanted: str, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no such backbone \(looked in .*export/backbone"):
        find_backbone(wanted, tmp_path)
