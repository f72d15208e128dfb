"""Grey values and colours of more than 8 bits keep what they show."""

import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fewshot.errors import ImageError
from fewshot.images.decode import open_rgb
from fewshot.images.png import MAGIC
from tests.conftest import draw
from tests.images.test_decode import encode

Values = NDArray[np.int64]


def grey(label: str = "disc", seed: int = 1) -> Values:
    """Draw a grey image that reaches from 0 to 255, as nearly all photographs do."""
    values = np.asarray(draw(label, seed, 48).convert("L"), np.int64)
    values = (values - values.min()) * 255 // (values.max() - values.min())
    return values


def png(values: Values, significant: int = 0) -> bytes:
    """Write 16 bits a channel: grey (H, W), colours (H, W, 3), with transparency (H, W, 4)."""
    kind = {2: 0, 3: 2, 4: 6}[2 if values.ndim == 2 else values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    if significant:
        chunks.insert(1, (b"sBIT", bytes([significant] * (1 if kind == 0 else values.shape[2]))))
    return MAGIC + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def tiff(values: Values, dtype: str, **tags: int) -> bytes:
    """Write a TIFF file of one strip, of any type of number and any number of bands."""
    array = values.astype(f"<{dtype}")
    height, width, bands = (*array.shape, 1)[:3]
    plain = {
        256: width,
        257: height,
        258: array.itemsize * 8,
        259: 1,
        262: 2 if bands == 3 else 1,
        277: bands,
        278: height,
        279: array.nbytes,
        339: {"u": 1, "i": 2, "f": 3, "c": 6}[array.dtype.kind],
    }
    entries = {**plain, **{int(name[1:]): value for name, value in tags.items()}}
    entries[273] = 8 + 2 + 12 * (len(entries) + 1) + 4  # the pixels follow the tags
    body = b"".join(struct.pack("<HHIi", tag, 4, 1, entries[tag]) for tag in sorted(entries))
    start = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    return start + body + b"\0" * 4 + array.tobytes()


def read(source: object) -> Values:
    rgb = np.asarray(open_rgb(source), np.int64)  # type: ignore[arg-type]
    assert (rgb == rgb[..., :1]).all()
    return rgb[..., 0]


V = grey()
FILES = {
    "10 bits": png(V * 4),
    "12 bits": png(V * 16),
    "14 bits": png(V * 64),
    "16 bits": png(V * 257),
    "int32 of 8 bits": tiff(V, "i4"),
    "int32": tiff(V * 0x808080, "i4"),
    "uint32": tiff(V * 0x1010101, "u4"),
    "int16": tiff(V * 64, "i2"),
    "int16 below 0": tiff((V - 128) * 256, "i2"),
    "int8": tiff(V - 128, "i1"),
    "thermal camera": png(7400 + 2 * V),
    "thermal camera in Kelvin": tiff(29315 + 3 * V, "u2"),
    "lowest is white": tiff((255 - V) * 257, "u2", t262=0),
    "bits of a value": png(V * 4, significant=10),
    "highest value": tiff(V * 20, "u2", t281=20 * 256 - 1),
    "lowest and highest value": tiff(3000 + V, "u2", t280=3000, t281=3255),
    "colours of 12 bits": png(np.stack([V * 16] * 3, axis=-1)),
    "colours of 10 bits": tiff(np.stack([V * 4] * 3, axis=-1), "u2"),
    "colours of 16 bits": png(np.stack([V * 257] * 3, axis=-1)),
    "opaque colours of 12 bits": png(np.stack([V * 16] * 3 + [0 * V + 4095], axis=-1)),
    "opaque colours of 12 in 16 bits": png(np.stack([V * 16] * 3 + [0 * V + 65535], axis=-1)),
    "PGM of 12 bits": b"P5 48 48 4095\n" + (V * 4095 // 255).astype(">u2").tobytes(),
}


@pytest.mark.parametrize("kind", FILES)
def test_an_image_is_the_same_in_however_many_bits_it_is_stored(kind: str) -> None:
    np.testing.assert_allclose(read(FILES[kind]), V, atol=1)


def test_what_pillow_makes_of_grey_images_is_read() -> None:
    image = Image.fromarray(V.astype(np.uint8))
    np.testing.assert_array_equal(read(image.convert("I")), V)
    for mode, dtype in (("I;16", "<u2"), ("I;16B", ">u2"), ("I;16L", "<u2")):
        raw = (V * 16).astype(dtype).tobytes()
        np.testing.assert_array_equal(read(Image.frombytes(mode, (48, 48), raw)), V)


def test_what_the_file_says_comes_before_what_it_holds() -> None:
    dark = V // 8
    np.testing.assert_array_equal(read(png(dark * 16, significant=12)), dark)
    assert read(png(dark * 16)).max() > 100  # which nothing says
    np.testing.assert_array_equal(read(png(V * 257, significant=12)), V)  # nor is that true


def test_values_that_do_not_differ_are_not_stretched() -> None:
    for value, expected in ((0x80FF, 128), (0, 0), (65535, 255), (200, 200)):
        assert (read(png(np.full((4, 4), value))) == expected).all()
    assert (read(tiff(np.full((4, 4), -7), "i2")) == 0).all()
    assert (np.asarray(open_rgb(png(np.zeros((4, 4, 3), np.int64)))) == 0).all()


def test_the_transparent_value_of_deep_grey_is_seen() -> None:
    dark = V // 2
    data = png(dark * 257)
    kind = b"tRNS\0\0"
    chunk = struct.pack(">I", 2) + kind + struct.pack(">I", zlib.crc32(kind))
    data = data.replace(data[33:], chunk + data[33:])  # after the header
    np.testing.assert_array_equal(read(data), np.where(dark == 0, 255, dark))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (tiff(np.stack([V] * 8, axis=-1), "u1"), "TIFF of 8 bands; expected 1 to 4"),
        (tiff(np.stack([V] * 3, axis=-1), "u2", t284=2), "TIFF of 16 bits a band, one band after"),
        (tiff(V, "f4"), "32-bit float pixels; expected 8 or 16 bits a channel"),
        (tiff(V, "f8"), "TIFF image, or of a kind that is not read"),
        (tiff(V, "c8"), "TIFF image, or of a kind that is not read"),
    ],
)
def test_what_is_not_read_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        open_rgb(data)


def test_compressed_deep_files_are_read_as_plain_ones() -> None:
    image = Image.fromarray((V * 16).astype(np.uint16))
    np.testing.assert_array_equal(read(encode(image, "TIFF", compression="tiff_lzw")), V)
    if "JPEG2000" in Image.SAVE:
        np.testing.assert_array_equal(read(encode(image, "JPEG2000")), V)
