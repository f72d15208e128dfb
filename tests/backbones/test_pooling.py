"""Pooling: each window of a feature map counts the same, and embeddings have unit length."""

import numpy as np
import pytest

from fewshot.backbones.pooling import place_shares, pool
from tests.conftest import Floats


def feature_maps(height: int, width: int, n_views: int = 2) -> Floats:
    return np.random.default_rng(0).gamma(1.0, size=(n_views, 16, height, width)).astype(np.float32)


def test_of_a_uniform_map_it_is_the_direction() -> None:
    vector = np.array([4, 1, 0, -9], np.float32)
    uniform = np.broadcast_to(vector[:, None, None], (1, 4, 7, 7))
    np.testing.assert_allclose(pool(uniform), vector / np.linalg.norm(vector), rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 2), (3, 2), (7, 7), (10, 13)])
def test_any_size_gives_unit_length_and_flips_change_nothing(height: int, width: int) -> None:
    maps = feature_maps(height, width)
    embedding = pool(maps)
    assert embedding.shape == (16,) and embedding.dtype == np.float32
    assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-6)
    for flipped in (maps[:, :, ::-1], maps[:, :, :, ::-1], maps[::-1]):
        np.testing.assert_allclose(pool(flipped), embedding, atol=1e-6)


def test_every_part_of_the_map_counts() -> None:
    for y in range(7):
        for x in range(4):
            maps = np.zeros((1, 2, 7, 4), np.float32)
            maps[0, 1, y, x] = 1
            np.testing.assert_allclose(pool(maps), [0, 1], atol=1e-6)


def test_a_strong_corner_does_not_drown_the_others() -> None:
    maps = np.zeros((1, 2, 10, 10), np.float32)
    maps[0, 0, 0, 0], maps[0, 1, 9, 9] = 1000, 1
    np.testing.assert_allclose(pool(maps), [0.5**0.5, 0.5**0.5], rtol=1e-5)


def test_views_count_the_same() -> None:
    one, other = feature_maps(7, 7)
    alone = pool(one[None])
    np.testing.assert_allclose(pool(np.stack([one, 1000 * one])), alone, atol=1e-6)
    both = pool(np.stack([one, other]))
    assert both @ alone == pytest.approx(both @ pool(other[None]), abs=0.02) and both @ alone < 1


def test_zeros_stay_zeros() -> None:
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(pool(np.zeros((1, 8, 7, 7), np.float32)), np.zeros(8))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (7, 7), (10, 13)])
@pytest.mark.parametrize("n_views", [1, 3])
def test_shares_of_places_add_up_to_the_embedding(height: int, width: int, n_views: int) -> None:
    maps = feature_maps(height, width, n_views)
    maps[0, :, 0, 0] *= 1000  # its windows are brought to the length of the others
    shares = place_shares(maps)
    assert shares.shape == (n_views, height, width) and shares.dtype == np.float32
    assert (shares > 0).all()
    summed = (maps * shares[:, np.newaxis]).sum(axis=(0, 2, 3))
    np.testing.assert_allclose(summed, pool(maps), atol=1e-5)


def test_windows_where_nothing_is_count_nothing() -> None:
    maps = np.zeros((1, 2, 10, 10), np.float32)
    maps[0, 0, 0, 0] = 1
    with np.errstate(all="raise"):
        shares = place_shares(maps)
        np.testing.assert_array_equal(place_shares(np.zeros((1, 8, 7, 7), np.float32)), 0)
    assert shares[0, 0, 0] == pytest.approx(1) and shares[0, 9, 9] == 0
