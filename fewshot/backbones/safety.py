"""Refuse ONNX files that would read other files."""

from __future__ import annotations

from pathlib import Path

from fewshot.backbones.protobuf import read_fields
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
_DEEPEST = 50


def require_self_contained(data: bytes, path: Path) -> None:
    """Refuse an ONNX file that keeps weights in other files.

    Raises
    ------
    BackboneError
        If it does, or is no protobuf.
    """
    try:
        outside = _refers_outside(memoryview(data), _MODEL, 0)
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
        return False  # the key that names the other file; nothing faster finds it
    for field, value in read_fields(data):
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
