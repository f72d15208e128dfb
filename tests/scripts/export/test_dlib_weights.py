"""The reader of dlib's weights, on small files put together here."""

import numpy as np
import pytest
from dlib_weights import read_dlib_weights
from face_sources import SourceError

from tests.scripts.export.dlib_file import layer, network, tensor

MATRIX = np.arange(6, dtype=np.float32).reshape(3, 2)
# Two filters of three weights, two biases; two factors, two shifts.
PARAMETERS = np.array([1, 2, 3, 4, 5, 6, 10, 20], np.float32)
AFFINE = np.array([2, -1, 0.5, 0.25], np.float32)


def small_file(parameters: np.ndarray = PARAMETERS) -> bytes:
    sizes = b"\x01\x02\x01\x03"
    layers = [layer("con_4", parameters), layer("affine_", AFFINE), layer("fc_2", MATRIX, sizes)]
    return b"".join(layers)


def test_the_affine_layer_is_folded_into_the_convolution() -> None:
    weights = read_dlib_weights(small_file())
    (convolution,) = weights.convolutions
    np.testing.assert_array_equal(convolution.filters, [[2, 4, 6], [-4, -5, -6]])
    np.testing.assert_array_equal(convolution.biases, [20.5, -19.75])
    np.testing.assert_array_equal(weights.matrix, MATRIX)
    assert convolution.filters.dtype == convolution.biases.dtype == np.float32


def test_numbers_that_look_like_a_name_are_numbers() -> None:
    looks = np.frombuffer(b"\x01\x05con_4\x01\x01\x07affine_\x01" + b"\0" * 6, "<f4")
    parameters = np.concatenate([looks, PARAMETERS[-2:]])
    (convolution,) = read_dlib_weights(small_file(parameters)).convolutions
    np.testing.assert_array_equal(convolution.filters[0], 2 * looks[:3])


def test_layers_come_in_the_order_of_the_file() -> None:
    chance = np.random.default_rng(0)
    filters = [chance.normal(size=(n, 3, 3, 3)).astype(np.float32) for n in (2, 300, 5)]
    weights = read_dlib_weights(b"header" + network(filters, MATRIX) + b"trailer")
    assert [layer.filters.shape for layer in weights.convolutions] == [(2, 27), (300, 27), (5, 27)]


def test_a_file_cut_anywhere_is_refused() -> None:
    data = small_file()
    for length in range(len(data)):
        with pytest.raises(SourceError, match="not the weights of dlib's face recognition"):
            read_dlib_weights(data[:length])


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"something else", "layers none"),
        (layer("affine_", AFFINE) + small_file(), "layers affine_, con_4, affine_, fc_2"),
        (small_file() + layer("con_4", PARAMETERS), "layers con_4, affine_, fc_2, con_4"),
        (b"\x01\x05con_4" + b"\x01\x03" + tensor(AFFINE, 4)[2:], "tensor of version 3"),
        (b"\x01\x05con_4" + tensor(AFFINE, 4, -1), "a tensor of shape"),
        (small_file(PARAMETERS[:-1]), "cannot reshape"),
    ],
)
def test_other_files_are_refused(data: bytes, found: str) -> None:
    with pytest.raises(SourceError, match=found):
        read_dlib_weights(data)
