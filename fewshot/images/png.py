"""The chunks of a PNG file."""

from __future__ import annotations

from collections.abc import Iterator

MAGIC = b"\x89PNG\r\n\x1a\n"
# What the pixels of the first frame depend on. Text and colour profiles, which may be of any
# length once decompressed, are not among it.
_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"sBIT", b"eXIf", b"IDAT", b"IEND")
_XMP = b"XML:com.adobe.xmp\0\0"  # which may hold the orientation; not compressed


def find_chunk(data: bytes, kind: bytes) -> bytes | None:
    """Return the content of the first chunk of a kind; None if there is none."""
    for found, start, end in _chunks(data):
        if found == kind:
            return data[start + 8 : end - 4]
    return None


def without_metadata(data: bytes) -> bytes:
    """Leave out of a PNG file the chunks that its pixels do not depend on; others are as given."""
    if not data.startswith(MAGIC):
        return data
    parts = [MAGIC]
    for kind, start, end in _chunks(data):
        if kind in _NEEDED or data.startswith(_XMP, start + 8):
            parts.append(data[start:end])
    return b"".join(parts)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's kind, where it begins, and where it ends."""
    start = len(MAGIC) if data.startswith(MAGIC) else len(data)
    while start + 12 <= len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")
        yield data[start + 4 : start + 8], start, min(end, len(data))
        start = end
