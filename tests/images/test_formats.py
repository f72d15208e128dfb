"""Formats are known by content, and turned as their files say."""

import io

import numpy as np
import pytest
from PIL import Image, features

from fewshot.errors import ImageError
from fewshot.images.decode import open_rgb, read_header
from fewshot.images.files import IMAGE_EXTENSIONS
from fewshot.images.formats import format_of, open_image
from fewshot.images.source import LoadedImage
from tests.images.test_decode import RED, WHITE, encode

UNDO = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # as Image.Transpose numbers them


@pytest.mark.parametrize("kind", ["PPM", "JPEG2000", "ICO", "TGA", "PCX", "BMP"])
def test_less_usual_formats_are_read(kind: str) -> None:
    if kind == "JPEG2000" and not features.check("jpg_2000"):
        pytest.skip("this Pillow has no JPEG 2000")
    image = open_rgb(encode(Image.new("RGB", (32, 32), RED), kind))
    assert image.size == (32, 32)
    np.testing.assert_allclose(np.asarray(image)[3, 3], RED, atol=6)


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
@pytest.mark.parametrize("plain", [False, True])
def test_every_kind_of_portable_map(mode: str, plain: bool) -> None:
    if plain:
        kind = {"1": "P1", "L": "P2", "RGB": "P3"}[mode]
        numbers = {"1": "0 " * 16, "L": "255\n" + "255 " * 16, "RGB": "255\n" + "255 255 255 " * 16}
        data = f"{kind} 4 4 {numbers[mode]}".encode()
    else:
        data = encode(Image.new(mode, (4, 4), WHITE if mode == "RGB" else 255), "PPM")
    assert open_rgb(data).getpixel((0, 0)) == WHITE


def test_old_tga_files_are_known_by_their_names() -> None:
    data = encode(Image.new("RGB", (4, 4), RED), "TGA")
    old = data[: data.index(b"\0\0\0\0\0\0\0\0TRUEVISION")]
    assert open_rgb(LoadedImage("a.TGA", old)).getpixel((0, 0)) == RED
    with pytest.raises(ImageError, match="not an image"):
        open_rgb(old)


def test_formats_that_start_programs_or_hold_pages_are_not_opened() -> None:
    for data in (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"%PDF-1.4\n", b"<svg/>"):
        with pytest.raises(ImageError, match="not an image; expected one of JPEG"):
            open_image(data)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("alone", [False, True])
def test_orientation_in_exif_alone_is_honoured_as_in_the_container(
    kind: str, orientation: int, alone: bool
) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    upright = Image.new("RGB", (64, 32), WHITE)
    upright.paste(RED, (0, 0, 32, 16))  # the upper left quarter
    turn = UNDO.get(orientation)
    stored = upright if turn is None else upright.transpose(Image.Transpose(turn))
    exif = Image.Exif()
    exif[0x0113 if alone else 0x0112] = orientation  # the first means nothing to the encoder
    data = encode(stored, kind, exif=exif.tobytes(), quality=95)
    assert not alone or data.count(b"\x01\x13\0\x03") == 1
    data = data.replace(b"\x01\x13\0\x03", b"\x01\x12\0\x03")
    image = open_rgb(data)
    assert image.size == (64, 32)
    np.testing.assert_allclose(np.asarray(image)[6, 12], RED, atol=40)
    np.testing.assert_allclose(np.asarray(image)[26, 52], WHITE, atol=40)
    if alone:
        assert read_header(data).orientation == orientation


def test_every_extension_that_is_listed_is_of_a_format_that_is_read() -> None:
    assert format_of(".mpo") == format_of(".JPE") == format_of(".jfif") == "JPEG"
    others = (".heic", ".heif", ".hif", ".avif", ".avifs")  # not in every installation
    unknown = [e for e in IMAGE_EXTENSIONS if format_of(e) is None and e not in others]
    assert not unknown


def test_a_file_object_keeps_its_name_for_messages() -> None:
    stream = io.BytesIO(b"GIF89a")
    stream.name = "broken.gif"
    with pytest.raises(ImageError, match=r"broken\.gif: damaged or truncated"):
        open_rgb(stream)
