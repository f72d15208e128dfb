"""Writes the parts of a file as dlib serialises them, for tests without dlib."""

import numpy as np
from numpy.typing import NDArray


def integer(value: int) -> bytes:
    """Write an integer: a byte with sign and length, then the bytes of its size."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (128 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def tensor(values: NDArray[np.float32], *shape: int) -> bytes:
    """Write a tensor of four dimensions, the last of them 1 where they are not given."""
    sizes = [*shape, 1, 1, 1, 1][:4]
    head = b"".join(integer(size) for size in (2, *sizes))
    return head + values.astype("<f4").tobytes()


def layer(name: str, values: NDArray[np.float32], before: bytes = b"") -> bytes:
    """Write a layer: some of its own numbers, its name, its parameters."""
    named = integer(len(name)) + name.encode()
    shape = values.shape if name == "fc_2" else (values.size,)
    return integer(-3) + integer(70000) + named + before + tensor(values, *shape)


def network(filters: list[NDArray[np.float32]], matrix: NDArray[np.float32]) -> bytes:
    """Write a network: filters (n, channels, rows, columns), each with numbers drawn beside it."""
    chance = np.random.default_rng(7)
    parts = []
    for values in filters:
        biases, factors, shifts = chance.normal(size=(3, len(values))).astype(np.float32)
        parts.append(layer("con_4", np.concatenate([values.ravel(), biases])))
        parts.append(layer("affine_", np.concatenate([factors, shifts])))
    sizes = integer(matrix.shape[1]) + integer(matrix.shape[0])
    return b"".join([*parts, layer("fc_2", matrix, sizes)])
