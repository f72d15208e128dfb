"""Episodes and learning curves, and errors where there are too few images for them."""

import numpy as np
import pytest

from fewshot.errors import SupportError
from fewshot.evaluation.episodes import draw_splits, learning_curve, run_episodes
from tests.conftest import clusters, make_artifact


def test_episodes() -> None:
    artifact = make_artifact(*clusters(5, 20))
    one, five = (run_episodes(artifact, 20, 5, shot) for shot in (1, 5))
    assert five["protocol"] == "20 episodes, 5-way 5-shot"
    assert one["accuracy"] < five["accuracy"] > 0.97
    assert one["accuracy_low"] < one["accuracy"] < one["accuracy_high"]
    assert run_episodes(artifact, 20, 5, 1) == one
    assert run_episodes(artifact, 20, 2, 1)["accuracy"] > one["accuracy"]


def test_episodes_that_cannot_be_drawn() -> None:
    artifact = make_artifact(*clusters(3, 5))
    for way, shot, n_large in ((4, 2, 3), (2, 5, 0)):
        with pytest.raises(
            SupportError, match=f"{n_large} classes have more than {shot} .* at least {way}: ask"
        ):
            run_episodes(artifact, 3, way, shot)


def test_the_learning_curve_rises_and_names_the_class_that_gains() -> None:
    embeddings, labels = clusters(4, 20)
    artifact = make_artifact(embeddings, np.minimum(labels, 2))  # "c" is of two kinds
    found = learning_curve(artifact, [8, 1, 1, 500])
    assert [point["shots"] for point in found["curve"]] == [1, 8]
    first, last = (point["accuracy"] for point in found["curve"])
    assert 0.5 < first < last - 0.05 and last > 0.95
    assert found["wanted"] == "c"
    assert learning_curve(artifact, [8])["wanted"] is None
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
