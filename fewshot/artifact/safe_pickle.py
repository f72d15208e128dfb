"""Reduce records and arrays to built-in types and back, and unpickle nothing but those."""

from __future__ import annotations

import hashlib
import io
import math
import pickle
import pickletools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from fewshot.errors import ArtifactError

_SEAL = hashlib.sha256().digest_size


def pickle_sealed(record: object) -> bytes:
    """Pickle, and append the SHA-256 of that, which `pickle.load` itself does not read."""
    data = pickle.dumps(record, protocol=4)
    return data + hashlib.sha256(data).digest()


def unpickle_sealed(data: bytes) -> object:
    """Load what `pickle_sealed` made; refuse any change, and whatever is not a literal."""
    pickled, seal = data[:-_SEAL], data[-_SEAL:]
    for operation, argument, _ in pickletools.genops(pickled):
        # A place in the memo far beyond the file's length would be filled up to with nothing.
        if "PUT" in operation.name and int(argument or 0) > len(pickled):
            raise ValueError(f"memo place {argument}")
    loaded = _BuiltinsOnly(io.BytesIO(pickled)).load()
    if hashlib.sha256(pickled).digest() != seal:
        raise ValueError("its check sum does not match")
    return loaded


def resembles(data: bytes, keys: Sequence[str]) -> bool:
    """Tell whether bytes that cannot be loaded are left of what `pickle_sealed` made of a dict.

    Parameters
    ----------
    data : bytes
    keys : sequence of str
        Some of the keys of the dict, and of dicts in it; its own first one comes first.
    """
    start = b"\x80\x04\x95}\x94(\x8c" + bytes([len(keys[0])]) + keys[0].encode() + b"\x94]\x94"
    found = data[:3] + data[11:]  # without a length of 8 bytes
    if not data.strip(b"\0") or sum(key.encode() in data for key in keys) > 2:
        return True
    with suppress(Exception):
        for operation, _, place in pickletools.genops(data):
            if operation.name == "STOP" and place == len(data) - 1:
                return False  # whole, and without a seal
    return start.startswith(found) or found.startswith(start)


def encode(value: Any) -> Any:
    """Reduce records and arrays to built-in types."""
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        little = value.astype(value.dtype.newbyteorder("<"))
        return {"dtype": little.dtype.str, "shape": list(value.shape), "data": little.tobytes()}
    return list(value) if isinstance(value, tuple) else value


def decode(value: Any, kind: Any, where: str) -> Any:
    """Rebuild what `encode` reduced, following type hints, so that only what they say gets in."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        found = _require(value, dict, where)
        hints = get_type_hints(kind)
        # What came later is not in what an earlier fewshot wrote.
        needed = [field.name for field in fields(kind) if "since" not in field.metadata]
        if missing := [name for name in needed if name not in found]:
            raise ValueError(f"{where} lacks {', '.join(missing)}")
        given = {name: hint for name, hint in hints.items() if name in found}
        return kind(**{n: decode(found[n], hint, f"{where}.{n}") for n, hint in given.items()})  # type: ignore[operator]
    if origin in (np.ndarray, NDArray):  # up to numpy 2.4 the alias is the former
        scalar = arguments[0] if origin is NDArray else get_args(arguments[1])[0]
        return _decode_array(_require(value, dict, where), scalar, where)
    if origin is tuple:
        return tuple(decode(item, arguments[0], where) for item in _require(value, list, where))
    if origin is dict:
        return {
            decode(key, str, where): decode(item, arguments[1], where)
            for key, item in _require(value, dict, where).items()
        }
    if kind is float:
        return _finite(float(value) if type(value) is int else _require(value, float, where), where)
    return _readable(_require(value, kind, where), where)


def _finite(number: float, where: str) -> float:
    if not math.isfinite(number):
        raise ValueError(f"{where} is {number}")
    return number


def _readable(value: Any, where: str) -> Any:
    """Refuse half a character, but for those that stand for bytes in the names of files."""
    if isinstance(value, str):
        try:
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise ValueError(f"{where} is not Unicode text") from error
    return value


def _decode_array(packed: dict[str, Any], scalar: type[np.generic], where: str) -> NDArray[Any]:
    """Unpack an array, if its bytes are as many as its shape says."""
    dtype = np.dtype(scalar).newbyteorder("<")
    shape, data = packed.get("shape"), packed.get("data")
    if packed.get("dtype") != dtype.str or type(data) is not bytes or type(shape) is not list:
        raise ValueError(f"{where} is not an array of {dtype.name}")
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{where} has a shape that is none")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"{where} has {len(data)} bytes for shape {shape}")
    array = np.frombuffer(data, dtype).astype(scalar, copy=False).reshape(shape)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{where} has numbers that are not finite")
    return array


def _require(value: Any, kind: type, where: str) -> Any:
    """Return a value that is exactly of a type."""
    if type(value) is not kind:
        raise ValueError(f"{where} is {type(value).__name__}, expected {kind.__name__}")
    return value


class _BuiltinsOnly(pickle.Unpickler):
    """Load a pickle that consists of literals; refuse any that asks for more."""

    def find_class(self, module: str, name: str) -> NoReturn:
        """Refuse whatever a pickle wants to import."""
        raise ArtifactError(
            f"refused: it names {module}.{name}, and a classifier file holds built-in types only; "
            "do not open it with pickle, ask for one that fewshot wrote"
        )
