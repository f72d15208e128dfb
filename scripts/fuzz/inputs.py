"""The files that are mutated: images of every format, and the fixtures of the tests."""

import io
from functools import cache
from pathlib import Path

import onnx
from PIL import Image, ImageDraw

FIXTURES = Path(__file__).parents[2] / "tests" / "fixtures"
# Format, modes, options.
_IMAGES = (
    ("PNG", "1 L LA P RGB RGBA I;16", {}),
    ("TIFF", "1 L RGB RGBA CMYK I I;16 F", {}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("TIFF", "L RGBA", {"compression": "tiff_lzw"}),
    ("TIFF", "1", {"compression": "group4"}),
    ("JPEG", "L RGB CMYK", {}),
    ("JPEG", "RGB", {"progressive": True}),
    ("WEBP", "RGBA", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    *((name, "P RGB", {}) for name in ("GIF", "BMP", "TGA", "PCX", "AVIF", "HEIF")),
    ("JPEG2000", "L RGB", {}),
    ("TGA", "RGBA", {"compression": "tga_rle"}),
    ("ICO", "RGBA", {"bitmap_format": "bmp"}),
    ("ICO", "RGBA", {"bitmap_format": "png"}),
    ("PPM", "1 L RGB I;16", {}),
    *((name, "RGB", {"save_all": True}) for name in ("GIF", "WEBP", "TIFF", "PNG", "MPO")),
)


def make_inputs() -> dict[str, list[bytes]]:
    """Return files by kind: "image", and the names of `cases.RUNS`."""
    made = [_encode(name, mode, opts) for name, modes, opts in _IMAGES for mode in modes.split()]

    def read(name: str) -> list[bytes]:
        return [path.read_bytes() for path in sorted(FIXTURES.glob(f"*/{name}"))]

    return {
        "image": [data for data in made if data],
        "classifier": read("classifier.pkl"),
        "exported": read("classifier.onnx"),
        "backbone": read("tiny.onnx"),
        "sidecar": [b'{"channel_order": "BGR", "scale": 1, "mean": [104, 117, 124], "std": 1}'],
    }


@cache
def third_party_network() -> bytes:
    """Return a network that says nothing of itself."""
    model = onnx.load(FIXTURES / "format3_third_party" / "other.onnx")
    del model.metadata_props[:]
    return model.SerializeToString()


def _encode(name: str, mode: str, options: dict[str, object]) -> bytes | None:
    """Write an image; None in a format that is not installed."""
    image = Image.linear_gradient("L").resize((48, 40)).convert("RGBA")
    ImageDraw.Draw(image).ellipse((8, 5, 35, 30), fill=(200, 40, 60, 128))
    image = (image.convert("I") if mode == "I;16" else image).convert(mode)
    if "save_all" in options:
        options = {**options, "append_images": [image.rotate(90), image.rotate(180)]}
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    try:
        image.save(stream, name, exif=exif, **options)
    except (KeyError, OSError):
        return None
    return stream.getvalue()
