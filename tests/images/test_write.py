"""PNG files are written whole, and never over other files; thumbnails carry pixels alone."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot.errors import ImageError, UsageError
from fewshot.images.write import save_png, thumbnail, write_png
from tests.conftest import draw

GREY = Image.new("RGB", (320, 320), (128, 128, 128))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def test_only_what_it_wrote_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "heat.PNG"
    write_png(GREY, path)
    write_png(draw("disc", 1), path)
    with Image.open(path) as image:
        assert image.size == (96, 96) and image.info["Software"] == "fewshot"
    assert [p.name for p in path.parent.iterdir()] == ["heat.PNG"]


@pytest.mark.parametrize("content", ["png", "jpeg", "text", "empty", "damaged", "folder"])
def test_other_files_stay(content: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    if content in ("png", "jpeg"):
        GREY.save(path, content)
    elif content == "folder":
        path.mkdir()
    else:
        whole = io.BytesIO()
        GREY.save(whole, "PNG")
        path.write_bytes({"text": b"hi", "empty": b""}.get(content, whole.getvalue()[:20]))
    before = None if content == "folder" else path.read_bytes()
    reason = "is a folder" if before is None else "exists and was not written by fewshot"
    with pytest.raises(UsageError, match=rf"photo\.png: {reason}; give"):
        write_png(GREY, path)
    assert path.is_dir() if before is None else path.read_bytes() == before


@pytest.mark.parametrize("name", ["heat.jpg", "heat", "heat.png.txt"])
def test_only_png_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.png"):
        write_png(GREY, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hi")
    with pytest.raises(UsageError, match="not a folder"):
        write_png(GREY, tmp_path / "file" / "heat.png")


def test_a_thumbnail_is_small_upright_and_bare(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "secret words"
    Image.new("RGB", (2000, 1000), (200, 30, 30)).save(path, exif=exif, comment=b"secret words")
    data = thumbnail(path, 160)
    with Image.open(io.BytesIO(data)) as small:
        assert (small.format, small.mode, small.size) == ("JPEG", "RGB", (80, 160))
        np.testing.assert_allclose(pixels(small)[80, 40], (200, 30, 30), atol=8)
    assert b"secret" not in data and b"Exif" not in data and len(data) < 3000


def test_a_thumbnail_does_not_change_its_source() -> None:
    original = Image.new("RGBA", (50, 300), (0, 0, 0, 2))
    with Image.open(io.BytesIO(thumbnail(original, 100))) as small:
        assert small.size == (17, 100) and (pixels(small) > 250).all()
    rgb = original.convert("RGB")
    thumbnail(rgb, 100)
    assert original.size == rgb.size == (50, 300)
    with Image.open(io.BytesIO(thumbnail(rgb, 500))) as same:
        assert same.size == (50, 300)
    with pytest.raises(ImageError):
        thumbnail(b"no image", 100)


def test_pixels_are_saved_enlarged(tmp_path: Path) -> None:
    save_png(np.zeros((8, 8), np.uint8), tmp_path / "a.png", 64)
    with Image.open(tmp_path / "a.png") as image:
        assert (image.mode, image.size) == ("L", (64, 64))
