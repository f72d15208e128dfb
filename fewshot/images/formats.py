"""Which image formats are read, and what a file is in."""

from __future__ import annotations

import io
import struct
from pathlib import PurePath

from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from fewshot._optional import require
from fewshot.errors import ImageError, UsageError
from fewshot.images.limits import require_small_icon
from fewshot.images.png import without_metadata

# Pillow knows more formats, but some start other programs (EPS) or are no images; these suffice.
# The first load without Pillow importing every decoder it has.
_COMMON = ("JPEG", "PNG", "GIF", "BMP", "PPM")
_FURTHER = ("WEBP", "TIFF", "AVIF", "HEIF", "MPO", "JPEG2000", "ICO", "PCX")
_NAMED = "JPEG, PNG, GIF, BMP, WEBP, TIFF, AVIF, HEIF, PPM, JPEG 2000, TGA"
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
_TGA_END = b"TRUEVISION-XFILE.\0"
_TGA_NAMES = (".tga", ".icb", ".vda", ".vst")
# Tags of TIFF.
_BITS, _COMPRESSION, _BANDS, _PLANES = 258, 259, 277, 284


def open_image(data: bytes, name: str = "") -> ImageFile.ImageFile:
    """Open an encoded image by its content, decoding its header only.

    ImageError: if it is empty, or of no format that is read.
    """
    if not data:
        raise ImageError("empty file (0 bytes)")
    try:
        return _identify(data, name)
    except Exception:
        bare = without_metadata(data)  # text that is too long, or damaged
        if bare == data:
            raise
        return _identify(bare, name)


def read_orientation(image: Image.Image, data: bytes | None = None) -> int:
    """Return the EXIF orientation that is still to be applied to an image, 1 to 8."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
        if found == 1 and data is not None and image.format in ("HEIF", "AVIF"):
            found = _lone_orientation(image, data)
    except Exception:  # damaged EXIF says nothing against the pixels
        return 1
    return int(found) if found in range(1, 9) else 1


def _lone_orientation(image: Image.Image, data: bytes) -> int:
    """Return the EXIF orientation of a file whose container does not say how to turn it.

    If the container does, its decoder has done so. In both cases the tag is gone.
    """
    if _turned_by_container(data):
        return 1
    if image.format == "HEIF":
        return int(image.info.get("original_orientation") or 1)
    exif = Image.Exif()
    exif.load(image._decoder.get_info()[4])  # type: ignore[attr-defined]
    return int(exif.get(ExifTags.Base.Orientation, 1))


def format_of(suffix: str) -> str | None:
    """Return the format that a file name's extension, with its dot, stands for."""
    Image.init()
    found = Image.registered_extensions().get(suffix.lower())
    return "JPEG" if found == "MPO" else found  # which is JPEG with more behind


def _identify(data: bytes, name: str) -> ImageFile.ImageFile:
    Image.preinit()
    reasons: list[str] = []
    image = _open(data, _COMMON, reasons)
    if image is None:
        Image.init()
        _enable_heif(data)
        tga = data.endswith(_TGA_END) or PurePath(name).suffix.lower() in _TGA_NAMES
        image = _open(data, (*_FURTHER, *(["TGA"] if tga else [])), reasons)
    if image is None:
        found = "; ".join(reasons) if reasons else f"not an image; expected one of {_NAMED}"
        raise ImageError(found)
    return image


def _open(data: bytes, formats: tuple[str, ...], reasons: list[str]) -> ImageFile.ImageFile | None:
    """Open by the first format that fits, as `Image.open` does, and note why others do not.

    Not by `Image.open`, whose bound of pixels is for all formats alike, and which keeps the
    reasons to itself.
    """
    for name in formats:
        factory, accept = Image.OPEN.get(name, (None, None))
        accepted = accept(data[:16]) if accept else True
        if factory is None or not accepted:
            continue
        if isinstance(accepted, str):  # this Pillow was built without the decoder
            reasons.append(accepted)
            continue
        if name == "TIFF" and (unread := _unread_tiff(data)):
            reasons.append(unread)
            continue
        if name == "ICO":
            require_small_icon(data)
        try:
            return factory(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error) as error:
            reasons.append(
                f"damaged or truncated {name} image, or of a kind that is not read ({error})"
            )
    return None


def _unread_tiff(data: bytes) -> str | None:
    """Say what in a TIFF file is more than Pillow decodes, or what it decodes wrongly."""
    try:
        stream = io.BytesIO(data)
        tags = TiffImagePlugin.ImageFileDirectory_v2(stream.read(8))
        stream.seek(tags.next)
        tags.load(stream)
        bands, bits = int(tags.get(_BANDS, 1)), int(tags.get(_BITS, (1,))[0])
        apart = tags.get(_PLANES, 1) == 2 and tags.get(_COMPRESSION, 1) == 1
    except Exception:
        return None
    if not 1 <= bands <= 4:
        return f"TIFF of {bands} bands; expected 1 to 4: save three of them as RGB"
    if bands > 1 and bits > 8 and apart:
        return f"TIFF of {bits} bits a band, one band after another; save it with 8 bits each"
    return None


def _enable_heif(data: bytes) -> None:
    """Let Pillow read HEIC, the format of many phones, through pillow-heif if it is there."""
    if data[4:8] != b"ftyp" or data[8:12] not in _HEIF_BRANDS:
        return
    try:
        require("pillow_heif", "heic", "a HEIC photograph").register_heif_opener()
    except UsageError as error:
        raise ImageError(str(error)) from error


def _turned_by_container(data: bytes) -> bool:
    """Tell whether the boxes of a HEIF file turn or mirror, which its decoder has done."""
    start = 0
    while start + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        if kind == b"meta":
            box = data[start : start + size]
            return b"irot" in box or b"imir" in box
        if size < 8:
            break
        start += size
    return False
