"""The reader of legacy PyTorch files, on files put together here by hand."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from torch_legacy import MAGIC_NUMBER, PROTOCOL_VERSION, CheckpointError, read_legacy_checkpoint

HEADER = b"".join(
    pickle.dumps(part, 2) for part in (MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True})
)


def code(value: object) -> bytes:
    """Give the opcodes that push a value."""
    return pickle.dumps(value, 2)[2:-1]


def tensor(key: str, kind: str, size: int, offset: int, *layout: tuple[int, ...]) -> bytes:
    """Give the opcodes that PyTorch writes for a tensor with a shape and strides."""
    location = code("storage") + f"ctorch\n{kind}\n".encode() + code(key) + code("cpu")
    storage = b"(" + location + code(size) + code(None) + b"tQ"
    window = code(offset) + code(layout[0]) + code(layout[1]) + code(False)
    hooks = b"ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + window + hooks + b"tR"


def state_dict(**tensors: bytes) -> bytes:
    """Pickle an ordered dict of tensors."""
    items = b"".join(code(name) + opcodes for name, opcodes in tensors.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u."


def storage(values: np.ndarray) -> bytes:
    """Write a storage: its length, then its numbers."""
    return len(values).to_bytes(8, "little") + values.tobytes()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A file of three tensors in two storages."""
    path = tmp_path / "weights.pt"
    tensors = state_dict(
        whole=tensor("a", "FloatStorage", 12, 0, (3, 4), (4, 1)),
        corner=tensor("a", "FloatStorage", 12, 5, (2, 2), (1, 4)),
        count=tensor("b", "LongStorage", 1, 0, (), ()),
    )
    numbers = storage(np.arange(12, dtype="<f4")) + storage(np.array([7], "<i8"))
    path.write_bytes(HEADER + tensors + pickle.dumps(["a", "b"], 2) + numbers)
    return path


def test_offset_stride_and_shape_are_honoured(checkpoint: Path) -> None:
    tensors = read_legacy_checkpoint(checkpoint)
    assert list(tensors) == ["whole", "corner", "count"]
    assert [str(values.dtype) for values in tensors.values()] == ["float32", "float32", "int64"]
    np.testing.assert_array_equal(tensors["whole"], np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(tensors["corner"], [[5, 9], [6, 10]])
    assert tensors["count"].shape == () and tensors["count"] == 7


def test_every_other_global_is_refused_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    witness = tmp_path / "witness"
    call = f"c{os.system.__module__}\nsystem\n(".encode() + code(f"echo > {witness}") + b"tR."
    for evil in (b"\x80\x02" + call, HEADER + b"\x80\x02" + call):
        path.write_bytes(evil)
        with pytest.raises(CheckpointError, match=rf"evil\.pt: it names {os.system.__module__}.sy"):
            read_legacy_checkpoint(path)
    assert not witness.exists()


def test_a_file_cut_anywhere_is_refused(checkpoint: Path) -> None:
    data = checkpoint.read_bytes()
    for length in range(len(data)):
        checkpoint.write_bytes(data[:length])
        with pytest.raises(CheckpointError, match=r"weights\.pt: "):
            read_legacy_checkpoint(checkpoint)


@pytest.mark.parametrize(
    "layout",
    [(0, (13,), (1,)), (8, (5,), (1,)), (0, (2,), (12,)), (-1, (2,), (1,)), (0, (2,), (-1,))],
)
def test_a_tensor_outside_its_storage_is_refused(
    tmp_path: Path, layout: tuple[int, tuple[int, ...], tuple[int, ...]]
) -> None:
    path = tmp_path / "weights.pt"
    tensors = state_dict(wild=tensor("a", "FloatStorage", 12, *layout))
    numbers = storage(np.arange(12, dtype="<f4"))
    path.write_bytes(HEADER + tensors + pickle.dumps(["a"], 2) + numbers)
    with pytest.raises(CheckpointError, match="outside its storage"):
        read_legacy_checkpoint(path)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x89HDF", pickle.dumps({"a": 1}), HEADER])
def test_another_kind_of_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"legacy PyTorch file|cut short"):
        read_legacy_checkpoint(path)
