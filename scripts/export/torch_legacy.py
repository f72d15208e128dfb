"""Read the tensors of a PyTorch checkpoint of the format before version 1.6, without PyTorch."""

import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}
# What unpickling or reading raises, depending on where a file is cut or what replaced a number.
_DAMAGE = (
    pickle.UnpicklingError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
)


class CheckpointError(ValueError):
    """A file is not what `read_legacy_checkpoint` reads; the message says which and why."""


@dataclass(frozen=True)
class _Storage:
    """A block of numbers that stands further on in the file."""

    key: str
    dtype: str
    size: int


@dataclass(frozen=True)
class _Tensor:
    """A window on a storage, in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, storages: dict[str, NDArray[Any]]) -> NDArray[Any]:
        """Copy the window out of its storage."""
        values = storages[self.storage.key]
        reach = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        numbers = (self.offset, *self.shape, *self.strides)
        # as_strided would read whatever memory a wrong number points at.
        inside = min(numbers) >= 0 and (0 in self.shape or self.offset + reach < len(values))
        if not inside:
            raise ValueError(f"a tensor of shape {self.shape} reaches outside its storage")
        strides = [step * values.itemsize for step in self.strides]
        return as_strided(values[self.offset :], self.shape, strides).copy()


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    """Stand in for `torch._utils._rebuild_tensor_v2`."""
    return _Tensor(storage, int(offset), tuple(shape), tuple(strides))


_ALLOWED: dict[str, Callable[..., Any] | str] = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    **{f"torch.{name}": dtype for name, dtype in _DTYPES.items()},
}


class _Unpickler(pickle.Unpickler):
    """Builds tensor descriptions; refuses every other global."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for an allowed global."""
        wanted = f"{module}.{name}"
        if wanted not in _ALLOWED:
            raise ValueError(f"it names {wanted}, which a file of tensors has no need of; refused")
        return _ALLOWED[wanted]

    def persistent_load(self, pid: Any) -> _Storage:
        """Describe the storage that a tensor refers to."""
        kind, dtype, key, _location, size, view = pid
        if kind != "storage" or view is not None:
            raise ValueError(f"a reference of the kind {kind!r} is not supported")
        return _Storage(str(key), str(dtype), int(size))


def read_legacy_checkpoint(path: Path) -> dict[str, NDArray[Any]]:
    """Read every tensor of a flat, legacy PyTorch state dict.

    Parameters
    ----------
    path : Path
        A file written by ``torch.save(model.state_dict(), ...)`` before PyTorch 1.6, or later
        with ``_use_new_zipfile_serialization=False``.

    Returns
    -------
    dict of str to ndarray
        Tensor name to array in the tensor's own shape, float32 or int64, in the order of the
        file.

    Raises
    ------
    CheckpointError
        When the file is not of that format, is cut short, or names anything but tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except _DAMAGE as error:
        raise CheckpointError(
            f"{path}: cut short or not a legacy PyTorch file ({error})"
        ) from error


def _read(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Read header, description and storages in the order they are written."""
    header = [_Unpickler(file).load() for _ in ("magic number", "protocol version", "system")]
    if header[:2] != [MAGIC_NUMBER, PROTOCOL_VERSION]:
        raise ValueError("not a legacy PyTorch file (wrong magic number or protocol version)")
    unpickler = _Unpickler(file)
    tensors = unpickler.load()
    if not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise ValueError("expected a flat state dict, found other objects than tensors")
    described = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    keys = _Unpickler(file).load()
    storages = {key: _read_storage(file, described[key]) for key in keys}
    return {name: tensor.read(storages) for name, tensor in tensors.items()}


def _read_storage(file: IO[bytes], storage: _Storage) -> NDArray[Any]:
    """Read one storage: its element count as int64, then the elements."""
    dtype = np.dtype(storage.dtype)
    if int.from_bytes(file.read(8), "little") != storage.size:
        raise ValueError(f"cut short or damaged before storage {storage.key}")
    data = file.read(storage.size * dtype.itemsize)
    if len(data) != storage.size * dtype.itemsize:
        raise ValueError(f"cut short in storage {storage.key}")
    return np.frombuffer(data, dtype)
