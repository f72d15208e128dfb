"""The learning curve, and the splits it is measured on."""

import numpy as np
import pytest

from fewshot.errors import SupportError
from fewshot.evaluation.learning_curve import draw_splits, learning_curve
from tests.conftest import clusters, make_artifact


def test_the_learning_curve_rises_with_the_number_of_images() -> None:
    embeddings, labels = clusters(4, 20)
    artifact = make_artifact(embeddings, np.minimum(labels, 2))  # "c" is of two kinds
    found = learning_curve(artifact, [8, 1, 1, 500])
    assert [point["shots"] for point in found["curve"]] == [1, 8]
    first, last = (point["accuracy"] for point in found["curve"])
    assert 0.5 < first < last - 0.05 and last > 0.95
    with pytest.raises(SupportError, match="smallest class has 20 images; expected more than"):
        learning_curve(artifact, [20])


def test_splits_are_disjoint_and_complete() -> None:
    labels = np.repeat([0, 1, 2], [4, 9, 5])
    splits = list(draw_splits(labels, 3, 6))
    for support, query in splits:
        assert sorted([*support, *query]) == list(range(18))
        assert np.bincount(labels[support]).tolist() == [3, 3, 3]
    assert len({tuple(sorted(support)) for support, _ in splits}) == 6
    for again, split in zip(draw_splits(labels, 3, 6), splits, strict=True):
        np.testing.assert_array_equal(again[0], split[0])
