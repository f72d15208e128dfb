"""Thumbnails: each in the page once, and a reason where there is none."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from fewshot import FewShotClassifier
from fewshot.report.thumbnails import LARGE, SMALL, Album, find_images
from tests.conftest import draw


def test_training_images_are_found_by_their_content(
    classifier: FewShotClassifier, support_folder: Path, tmp_path: Path
) -> None:
    support = classifier.artifact_.support
    broken = tmp_path / "broken.png"
    moved = tmp_path / "moved.png"
    moved.write_bytes((support_folder / "grid" / "00.png").read_bytes())
    found = find_images(support, [broken, moved, support_folder / "disc" / "01.png"])
    assert found == {"grid/00.png": moved, "disc/01.png": support_folder / "disc" / "01.png"}


def test_the_same_image_is_there_once_for_each_size(support_folder: Path) -> None:
    path = support_folder / "disc" / "00.png"
    album, steps = Album(), list[int]()
    small, again, large = (
        album.add(path, SMALL),
        album.add(str(path), SMALL),
        album.add(path, LARGE),
    )
    assert small is again and small.css != large.css and len(album) == 2
    assert [*album] == []
    album.load(steps.append)
    assert [*album] == [small, large] and steps == [1, 2]


def test_a_thumbnail_is_a_jpeg_of_that_size() -> None:
    album = Album()
    image = album.add(draw("disc", 0, size=400), LARGE)
    album.load(lambda done: None)
    with Image.open(io.BytesIO(base64.b64decode(image.data))) as decoded:
        assert (decoded.format, decoded.size) == ("JPEG", (LARGE, LARGE))


def test_arrays_and_bytes_are_images_too(support_folder: Path) -> None:
    album = Album()
    data = (support_folder / "disc" / "00.png").read_bytes()
    album.add(np.zeros((8, 8, 3), np.uint8), SMALL)
    album.add(data, SMALL)
    album.load(lambda done: None)
    assert len([*album]) == 2


def test_why_there_is_no_thumbnail(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    album = Album()
    missing, unreadable = album.add(None, SMALL), album.add(broken, SMALL)
    album.load(lambda done: None)
    assert [*album] == []
    assert (missing.missing, unreadable.missing) == ("not found", "cannot be read")
