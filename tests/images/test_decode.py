"""Anything that holds a picture becomes upright RGB of the right size, or a clear error."""

import io
import os
import struct
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from fewshot.errors import ImageError
from fewshot.images.decode import open_rgb
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.views import load_views
from tests.conftest import draw

RED, WHITE = (255, 0, 0), (255, 255, 255)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def colour(source: object) -> tuple[int, int, int]:
    return open_rgb(source).getpixel((0, 0))  # type: ignore[arg-type, return-value]


def test_every_kind_of_source_gives_the_same_pixels(tmp_path: Path) -> None:
    picture = draw("disc", 1)
    path = tmp_path / "disc.png"
    picture.save(path)
    sources = [path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), picture]
    sources.append(np.asarray(picture))
    with open(path, "rb") as file:
        file.read(10)
        results = [load_views(source, Preprocessing(64)).pixels for source in [*sources, file]]
    assert results[0].shape == (1, 64, 64, 3) and results[0].dtype == np.uint8
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_formats_are_known_by_content_not_by_extension(kind: str, tmp_path: Path) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    path = tmp_path / "wrong.txt"
    path.write_bytes(encode(Image.new("RGB", (32, 20), RED), kind))
    image = open_rgb(path)
    assert (image.mode, image.size) == ("RGB", (32, 20))
    np.testing.assert_allclose(np.asarray(image)[10, 10], RED, atol=6)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_honoured(orientation: int, kind: str) -> None:
    upright = Image.new("RGB", (32, 16), WHITE)
    upright.paste(RED, (0, 0, 16, 8))  # the upper left quarter
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # as Image.Transpose numbers them
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = open_rgb(encode(stored, kind, exif=exif))
    assert image.size == (32, 16)
    np.testing.assert_allclose(np.asarray(image)[4, 6], RED, atol=40)
    np.testing.assert_allclose(np.asarray(image)[12, 26], WHITE, atol=40)


def test_modes_become_rgb() -> None:
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, *RED])
    assert colour(encode(palette, "PNG")) == RED
    palette.putpixel((3, 3), 0)
    assert colour(encode(palette, "PNG", transparency=1)) == WHITE
    assert colour(encode(Image.new("RGBA", (4, 4), (*RED, 128)), "PNG")) == (255, 127, 127)
    assert colour(encode(Image.new("LA", (4, 4), (0, 128)), "PNG")) == (127, 127, 127)
    assert colour(encode(Image.new("L", (4, 4), 77), "PNG")) == (77, 77, 77)
    assert colour(encode(Image.new("1", (4, 4), 1), "PNG")) == WHITE
    rgb = Image.new("RGB", (4, 4), RED)
    rgb.putpixel((3, 3), (0, 0, 0))
    assert colour(encode(rgb, "PNG", transparency=RED)) == WHITE
    np.testing.assert_allclose(
        colour(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")), RED, atol=6
    )


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_upper_eight(kind: str) -> None:
    grey = np.full((4, 4), 0x80FF, np.uint16)
    assert colour(encode(Image.fromarray(grey), kind)) == (128, 128, 128)


def test_first_frame_of_animations_and_multi_picture_files() -> None:
    for kind in ("GIF", "MPO", "TIFF", "WEBP"):
        first, second = (Image.new("RGB", (16, 16), c) for c in (RED, WHITE))
        data = encode(first, kind, save_all=True, append_images=[second])
        np.testing.assert_allclose(colour(data), RED, atol=6)


def test_arrays(tmp_path: Path) -> None:
    assert colour(np.full((4, 4), 9, np.uint8)) == (9, 9, 9)
    assert colour(np.full((4, 4, 1), 9, np.uint8)) == (9, 9, 9)
    assert colour(np.full((4, 4, 4), 127, np.uint8)) == (191, 191, 191)
    for array in (np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8)):
        with pytest.raises(ImageError, match=r"array of shape .* expected uint8, \(H, W\) grey"):
            open_rgb(array)
    with pytest.raises(ImageError, match="zero size"):
        open_rgb(np.zeros((0, 4, 3), np.uint8))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size, with next to nothing in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" * 100)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


JPEG = encode(draw("grid", 0), "JPEG")
PNG = encode(draw("grid", 0), "PNG")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"just some text", "not an image; expected one of JPEG, PNG"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (PNG[: len(PNG) // 2], "truncated"),
        (JPEG[:30], "damaged or truncated"),
        (png_header(20_000, 20_000), "decompression bomb"),
        (png_header(10_000, 10_000), "decompression bomb"),
        (png_header(8_000, 8_000), "at most 50,000,000 are decoded"),
        (png_header(0, 10), "not an image|damaged|zero size"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_reason(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"photo\.jpg: .*({reason})"):
        open_rgb(path)


def test_missing_files_folders_and_odd_objects(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nowhere\.jpg: no such file"):
        open_rgb(tmp_path / "nowhere.jpg")
    with pytest.raises(ImageError, match=r"is a folder|permission denied"):  # as Windows has it
        open_rgb(tmp_path)
    with pytest.raises(ImageError, match="given as int: expected a path, bytes"):
        open_rgb(3)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="zero size"):
        open_rgb(Image.new("RGB", (0, 3)))
    with pytest.raises(ImageError, match="32-bit float"):
        open_rgb(Image.new("F", (3, 3)))


@pytest.mark.skipif(find_spec("pillow_heif") is not None, reason="pillow-heif is installed")
def test_heic_without_its_reader_says_what_to_install() -> None:
    with pytest.raises(ImageError, match=r"HEIC.*: pip install pillow-heif$"):
        open_rgb(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100)


@pytest.mark.skipif(find_spec("pillow_heif") is None, reason="needs pillow-heif")
def test_heic_with_its_reader() -> None:
    import pillow_heif

    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 64), RED)).save(stream)
    np.testing.assert_allclose(colour(stream.getvalue()), RED, atol=6)


def test_damaged_exif_does_not_stop_a_picture() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + os.urandom(8)
    assert open_rgb(encode(draw("disc", 0), "JPEG", exif=exif)).size == (96, 96)
