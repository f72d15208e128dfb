"""Look into an ONNX file, before it is opened, for what could do harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fewshot.errors import BackboneError

# Numbers of fields, from onnx.proto: where messages lie in messages, down to tensors.
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _SPARSE, _FUNCTION, _TRAINING = range(8)
_INSIDE = {
    _MODEL: {7: _GRAPH, 20: _TRAINING, 25: _FUNCTION},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {},
}
# All but weights is small enough to be searched.
_SMALL = (_NODE, _FUNCTION)
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
# A message that has more fields than this is made to keep its reader busy.
_DEEPEST, _MOST_FIELDS = 50, 1_000_000


def require_self_contained(path: Path) -> None:
    """Refuse an ONNX file that reads other files.

    Raises
    ------
    BackboneError
        If it cannot be read, is no protobuf, or keeps weights outside of itself.
    """
    try:
        outside = _refers_outside(memoryview(path.read_bytes()), _MODEL, 0)
    except OSError as error:
        raise BackboneError(f"{path}: cannot be read ({error.strerror})") from error
    except (IndexError, ValueError) as error:
        raise BackboneError(
            f"{path}: not an ONNX file, or a damaged one; expected one that fewshot or "
            "scripts/export/backbone.py wrote"
        ) from error
    if outside:
        raise BackboneError(
            f"{path}: keeps weights in another file, which is not opened for safety; "
            "save it again as one file (onnx.save with save_as_external_data=False)"
        )


def _refers_outside(data: memoryview, kind: int, depth: int) -> bool:
    """Tell whether any tensor in a message is stored elsewhere."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if kind in _SMALL and b"location" not in data.tobytes():
        return False  # the key that says where the other file is; nothing faster finds it
    for field, value in _fields(data):
        if kind == _TENSOR:
            if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0):
                return True
        elif (
            field in _INSIDE[kind]
            and isinstance(value, memoryview)
            and _refers_outside(value, _INSIDE[kind][field], depth + 1)
        ):
            return True
    return False


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of each field of a protobuf message."""
    place = count = 0
    while place < len(data):
        key, place = _varint(data, place)
        count += 1
        # Longer keys would be cut to this length by who reads the file in earnest.
        if key >> 32 or count > _MOST_FIELDS:
            raise ValueError("not as ONNX files are")
        wire = key & 7
        value: int | memoryview = 0
        if wire == 0:
            value, place = _varint(data, place)
        elif wire in (1, 5):
            place += 8 if wire == 1 else 4
        elif wire == 2:
            length, place = _varint(data, place)
            value, place = data[place : place + length], place + length
        else:
            raise ValueError(f"wire type {wire}")
        if place > len(data):
            raise ValueError("cut short")
        yield key >> 3, value


def _varint(data: memoryview, place: int) -> tuple[int, int]:
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
