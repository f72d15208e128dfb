"""Read and write as much protobuf as ONNX files take, without the package onnx."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

# A message that has more fields than this is made to keep its reader busy.
_MOST_FIELDS = 1_000_000


def read_fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of each field of a message.

    Raises
    ------
    ValueError, IndexError
        If it is damaged.
    """
    place = count = 0
    while place < len(data):
        key, place = _read_varint(data, place)
        count += 1
        # onnxruntime would cut longer keys to this length.
        if key >> 32 or count > _MOST_FIELDS:
            raise ValueError("not as ONNX files are")
        wire = key & 7
        value: int | memoryview = 0
        if wire == 0:
            value, place = _read_varint(data, place)
        elif wire in (1, 5):
            place += 8 if wire == 1 else 4
        elif wire == 2:
            length, place = _read_varint(data, place)
            value, place = data[place : place + length], place + length
        else:
            raise ValueError(f"wire type {wire}")
        if place > len(data):
            raise ValueError("cut short")
        yield key >> 3, value


def encode_properties(properties: Mapping[str, str]) -> bytes:
    """Encode ``metadata_props`` so that at the end of an ONNX file they become part of it.

    Protobuf messages that follow one another are read as one, so this is a ModelProto of nothing
    but field 14, whose entries have a key as field 1 and a value as field 2.
    """
    entries = [_field(1, k.encode()) + _field(2, v.encode()) for k, v in properties.items()]
    return b"".join(_field(14, entry) for entry in entries)


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    """Read a number of variable length; return it and where it ends."""
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
        shift += 7
        if shift > 63:
            raise ValueError("number too long")


def _field(number: int, data: bytes) -> bytes:
    length, encoded = len(data), bytes([number << 3 | 2])
    while length > 127:
        encoded += bytes([length & 127 | 128])
        length >>= 7
    return encoded + bytes([length]) + data
