"""Reads the weights of dlib's face recognition network from the file that dlib serialised."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from face_sources import SourceError
from numpy.typing import NDArray

Floats = NDArray[np.float32]
# The names that parameters follow, each after its length: an integer of one byte.
_NAMES = re.compile(rb"\x01(?:\x05con_4|\x07affine_|\x04fc_2)")
_TENSOR_VERSION = 2


@dataclass(frozen=True)
class Convolution:
    """A convolution with the affine layer after it folded in.

    Attributes
    ----------
    filters : ndarray of float32, shape (n_filters, n_weights)
        The weights of a filter by input channel, row and column.
    biases : ndarray of float32, shape (n_filters,)
    """

    filters: Floats
    biases: Floats


@dataclass(frozen=True)
class DlibWeights:
    """The weights of a network, from its input to its output.

    Attributes
    ----------
    convolutions : tuple of Convolution
    matrix : ndarray of float32, shape (n_inputs, n_outputs)
        Of the last layer, which has no biases.
    """

    convolutions: tuple[Convolution, ...]
    matrix: Floats


def read_dlib_weights(data: bytes) -> DlibWeights:
    """Read convolutions, each followed by its affine layer, and the matrix after them.

    Raises
    ------
    SourceError
        If the contents of the file are damaged, or those of another network.
    """
    try:
        return _folded(list(_tensors(data)))
    except (ValueError, IndexError) as error:
        raise SourceError(
            f"not the weights of dlib's face recognition network: {error}; expected "
            "dlib_face_recognition_resnet_model_v1.dat"
        ) from error


def _tensors(data: bytes) -> Iterator[tuple[str, Floats]]:
    """Give the parameters of each layer that has some, with the layer's name."""
    place = 0
    # From the end of a tensor: its numbers may look like a name.
    while found := _NAMES.search(data, place):
        name, place = found[0][2:].decode(), found.end()
        if name == "fc_2":
            for _ in ("outputs", "inputs"):
                _, place = _integer(data, place)
        values, place = _tensor(data, place)
        yield name, values


def _tensor(data: bytes, place: int) -> tuple[Floats, int]:
    """Read a tensor; also give the place behind it."""
    version, place = _integer(data, place)
    if version != _TENSOR_VERSION:
        raise ValueError(f"tensor of version {version} instead of {_TENSOR_VERSION}")
    shape = []
    for _ in range(4):
        size, place = _integer(data, place)
        shape.append(size)
    end = place + 4 * int(np.prod(shape))
    if min(shape) < 1 or end > len(data):
        raise ValueError(f"{len(data)} bytes, which a tensor of shape {shape} goes beyond")
    values = np.frombuffer(data[place:end], "<f4").astype(np.float32).reshape(shape)
    return values, end


def _integer(data: bytes, place: int) -> tuple[int, int]:
    """Read an integer: a byte with sign and length, then that many bytes."""
    head, start = data[place], place + 1
    end = start + (head & 15)
    value = int.from_bytes(data[start:end], "little")
    return (-value if head & 128 else value), end


def _folded(tensors: list[tuple[str, Floats]]) -> DlibWeights:
    """Pair convolutions with their affine layers: filters then biases, factors then shifts."""
    convolutions, affines = tensors[:-1:2], tensors[1:-1:2]
    names = [name for name, _ in tensors]
    if names != [*["con_4", "affine_"] * len(affines), "fc_2"]:
        raise ValueError(f"layers {', '.join(names) or 'none'}")
    folded = tuple(
        _fold(parameters.ravel(), affine.ravel())
        for (_, parameters), (_, affine) in zip(convolutions, affines, strict=True)
    )
    return DlibWeights(folded, tensors[-1][1][:, :, 0, 0])


def _fold(parameters: Floats, affine: Floats) -> Convolution:
    """Fold one affine layer, in float64, into the convolution before it."""
    factors, shifts = affine.astype(np.float64).reshape(2, -1)
    n_filters = len(factors)
    filters = parameters[:-n_filters].reshape(n_filters, -1) * factors[:, None]
    biases = parameters[-n_filters:] * factors + shifts
    return Convolution(filters.astype(np.float32), biases.astype(np.float32))
