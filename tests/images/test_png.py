"""PNG files are read whatever text and profiles they carry."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from fewshot.errors import ImageError
from fewshot.images.decode import open_rgb
from fewshot.images.png import MAGIC, find_chunk, without_metadata
from tests.conftest import draw
from tests.images.test_decode import RED, WHITE, encode

PNG = encode(draw("grid", 0), "PNG")
SPACES = b" " * (100 << 20)


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    found = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", found)


def insert(extra: bytes, before: bytes, data: bytes = PNG) -> bytes:
    at = data.index(before) - 4
    return data[:at] + extra + data[at:]


MEGABYTE = zlib.compress(SPACES[: 3 << 19])
EXTRAS = {
    "compressed text": chunk(b"zTXt", b"prompt\0\0" + MEGABYTE),
    "compressed international text": chunk(b"iTXt", b"prompt\0\1\0\0\0" + MEGABYTE),
    "large profile": chunk(b"iCCP", b"profile\0\0" + MEGABYTE),
    "broken profile": chunk(b"iCCP", b"profile\0\0nonsense"),
    "a bomb of text": chunk(b"zTXt", b"bomb\0\0" + zlib.compress(SPACES)),
    "much text": 70 * chunk(b"zTXt", b"k\0\0" + zlib.compress(SPACES[: 1 << 20])),
    "many texts": 20_000 * chunk(b"tEXt", b"k\0v"),
    "plain text": chunk(b"tEXt", b"k\0" + SPACES[: 2 << 20]),
    "a wrong checksum": chunk(b"tEXt", b"k\0v", crc=1),
    "no keyword": chunk(b"zTXt", b""),
    "large EXIF": chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0" + bytes(100_000)),
}


@pytest.mark.parametrize("place", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("kind", EXTRAS)
def test_metadata_does_not_keep_pixels_from_being_read(kind: str, place: bytes) -> None:
    image = open_rgb(insert(EXTRAS[kind], place))
    np.testing.assert_array_equal(np.asarray(image), np.asarray(draw("grid", 0)))


def test_what_pixels_depend_on_stays_when_metadata_is_left_out() -> None:
    image = Image.new("RGB", (32, 16), WHITE)
    image.paste(RED, (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(image, "PNG", exif=exif, transparency=WHITE)
    expected = np.asarray(open_rgb(turned))
    assert expected.shape == (32, 16, 3)
    heavy = insert(EXTRAS["compressed text"], b"IDAT", turned)
    np.testing.assert_array_equal(np.asarray(open_rgb(heavy)), expected)
    assert without_metadata(heavy) == turned


def test_damaged_pixels_are_still_refused() -> None:
    heavy = insert(EXTRAS["compressed text"], b"IDAT")
    with pytest.raises(ImageError, match="truncated"):
        open_rgb(heavy[: heavy.index(b"IDAT") + 40])


def test_chunks_are_found_as_far_as_a_file_goes() -> None:
    assert find_chunk(PNG, b"IHDR") == PNG[16:29]
    assert find_chunk(PNG, b"sBIT") is None
    assert find_chunk(b"", b"IHDR") is find_chunk(b"GIF89a", b"IHDR") is None
    assert find_chunk(MAGIC + b"\xff\xff\xff\xffIHDRxxxxx", b"IHDR") is not None
    assert without_metadata(b"no PNG") == b"no PNG"
