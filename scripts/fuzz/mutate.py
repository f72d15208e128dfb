"""Change bytes, and values in nested records, by chance."""

import random
from contextlib import suppress
from typing import Any

import onnx
from google.protobuf.json_format import MessageToDict, ParseDict

_NUMBERS = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_VALUES = (
    *(None, True, -1, 0, 2**31, 2**63, 10**400, 0.5, -1e308, float("nan"), float("inf")),
    *("", "x" * 10_000, "\ud800", "\0", "../../x", "\x1b[2J", b"", b"\xff" * 64, [], {}, [[]]),
    [0] * 5000,
)


def mutate_bytes(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """Flip, overwrite, cut out, repeat, insert and splice, a few times."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8, 32))):
        at = chance.randrange(len(changed) + 1)
        if chance.random() < 0.5:  # headers are more interesting than pixels
            at = min(at, chance.randrange(200))
        end, other = at + chance.choice((1, 2, 4, 8, 64, 500)), chance.choice(others)
        number = chance.choice(_NUMBERS).to_bytes(4, chance.choice(("big", "little")))
        start, stop, new = chance.choice(
            (
                (at, at + 1, bytes(b ^ 1 << chance.randrange(8) for b in changed[at : at + 1])),
                (at, at + 4, number),
                (at, end, chance.randbytes(end - at)),
                (at, end, b""),
                (at, at, changed[at:end] * chance.choice((1, 2, 50))),
                (at, len(changed), chance.choice((b"", other[at:]))),
            )
        )
        changed[start:stop] = new
    return bytes(changed)


def mutate_network(data: bytes, chance: random.Random) -> bytes:
    """Change a field of an ONNX file, so that it is one still."""
    record = MessageToDict(onnx.ModelProto.FromString(data))
    for _ in range(100):
        with suppress(Exception):  # most values are not of the field's type
            return ParseDict(mutate_value(record, chance), onnx.ModelProto()).SerializeToString()
    return data


def mutate_value(value: Any, chance: random.Random) -> Any:
    """Replace or remove something somewhere in nested dicts and lists."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        if chance.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: mutate_value(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        new = [] if chance.random() < 0.1 else [mutate_value(value[at], chance)]
        return [*value[:at], *new, *value[at + 1 :]]
    if isinstance(value, str) and value.isdecimal():  # as int64 is written
        return str(chance.choice((*_NUMBERS, -1, int(value) + 1, 2**62)))
    if isinstance(value, bytes) and value and chance.random() < 0.8:
        return mutate_bytes(value, chance, [value])
    if isinstance(value, (int, float)) and chance.random() < 0.4:
        return chance.choice((value + 1, -value, value * 10**30))
    return chance.choice(_VALUES)
