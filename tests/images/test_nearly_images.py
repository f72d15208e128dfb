"""Files that are hardly images are read or refused, and never keep others from being used."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot import FewShotClassifier
from fewshot.cli import main
from fewshot.errors import ImageError, SkippedWarning
from fewshot.images.decode import open_rgb, read_header
from fewshot.images.files import image_files
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.views import load_views
from tests.conftest import draw, write_set
from tests.images.test_decode import RED, encode


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "TGA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
def test_images_of_one_pixel_on_a_side(kind: str, size: tuple[int, int]) -> None:
    data = encode(Image.new("RGB", size, RED), kind)
    pixels = load_views(data, Preprocessing(8, views=8)).pixels
    assert pixels.shape == (8, 8, 8, 3)
    np.testing.assert_allclose(pixels, np.broadcast_to(RED, pixels.shape), atol=6)


def test_a_progressive_jpeg_is_read_and_a_truncated_one_is_not() -> None:
    image = draw("grid", 1)
    plain = np.asarray(open_rgb(encode(image, "JPEG", quality=95)))
    progressive = encode(image, "JPEG", quality=95, progressive=True)
    np.testing.assert_array_equal(np.asarray(open_rgb(progressive)), plain)
    for part in (0.3, 0.6, 0.9):
        with pytest.raises(ImageError, match="truncated"):
            open_rgb(progressive[: int(part * len(progressive))])


def test_inks_of_a_jpeg_are_inverted_as_adobe_writes_them() -> None:
    data = encode(Image.new("RGB", (16, 16), RED).convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    np.testing.assert_allclose(np.asarray(open_rgb(data))[0, 0], RED, atol=8)


def test_a_jpeg_with_much_exif() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x927C] = b"x" * 60_000
    segment = b"\xff\xe1\xff\xff" + b"other\0" + b"y" * (0xFFFF - 8)
    data = encode(Image.new("RGB", (32, 16), RED), "JPEG", exif=exif)
    data = data[:2] + 10 * segment + data[2:]
    assert open_rgb(data).size == (16, 32)
    assert read_header(data).orientation == 6


def test_a_file_that_is_gone_when_it_is_read_is_left_out(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "data", 3)
    data = {place.name: image_files(place) for place in folder.iterdir()}
    data["disc"][1].unlink()
    with pytest.warns(SkippedWarning, match=r"01\.png: no such file; left out"):
        fitted = FewShotClassifier().fit(data)
    assert len(fitted.skipped_) == 1 and fitted.artifact_.summary()["classes"]["disc"] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="names and files are restricted there")
def test_odd_files_in_a_class_are_named_on_one_line_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_set(tmp_path / "data", 3)
    os.mkfifo(folder / "disc" / "pipe.png")
    (folder / "disc" / "endless.png").symlink_to("/dev/zero")
    (folder / "disc" / "lost.png").symlink_to("nowhere")
    (folder / "disc" / "self.png").symlink_to("self.png")
    (folder / "disc" / "new\nline.png").write_bytes(b"")
    (folder / "disc" / "loop").symlink_to(folder / "disc", target_is_directory=True)
    assert main(["fit", str(folder), "-o", str(tmp_path / "models")]) == 1
    told = capsys.readouterr().err.splitlines()
    skipped = [line.rpartition("/")[2] for line in told if "skipped" in line]
    assert sorted(skipped)[:4] == [
        "endless.png: not a regular file",
        "lost.png: no such file",
        "new line.png: empty file (0 bytes)",
        "pipe.png: not a regular file",
    ]
    assert len(skipped) == 5 and skipped[-1].startswith("self.png: ")
