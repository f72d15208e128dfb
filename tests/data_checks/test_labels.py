"""Suspects: wrong labels and strangers are named, and what is right is left in peace."""

import numpy as np
import pytest

from fewshot.data_checks.labels import Suspect, find_outliers, suspected_labels
from fewshot.heads.decision import fit_decision
from tests.conftest import Floats, Labels, clusters


def suspects(embeddings: Floats, labels: Labels, n_classes: int) -> list[Suspect]:
    _, held_out = fit_decision("auto", embeddings, labels, n_classes, 0.05)
    return suspected_labels(held_out, labels, embeddings, n_classes)


def with_wrong(labels: Labels, n_classes: int, rows: list[int]) -> Labels:
    labels = labels.copy()
    labels[rows] = (labels[rows] + 1) % n_classes
    return labels


def strangers(n: int, dim: int = 64) -> Floats:
    """Embeddings far from any cluster, and from each other."""
    return np.eye(dim, dtype=np.float32)[:n]


@pytest.mark.parametrize(("n_classes", "shots"), [(2, 20), (3, 10), (5, 40)])
def test_wrong_labels_are_named_with_what_they_look_like(n_classes: int, shots: int) -> None:
    embeddings, labels = clusters(n_classes, shots)
    wrong = [1, 2 * shots - 1]
    found = suspects(embeddings, with_wrong(labels, n_classes, wrong), n_classes)
    assert sorted(s.row for s in found) == wrong
    assert {s.row: s.label for s in found} == {row: labels[row] for row in wrong}
    assert all(0.5 < s.probability <= 1 for s in found)


@pytest.mark.parametrize(("n_classes", "shots"), [(2, 2), (3, 4), (5, 10), (5, 40)])
def test_right_labels_are_left_in_peace(n_classes: int, shots: int) -> None:
    assert suspects(*clusters(n_classes, shots), n_classes) == []


@pytest.mark.parametrize(("shots", "found"), [(2, []), (3, []), (30, [0])])
def test_the_same_scores_say_less_of_a_class_of_few_images(shots: int, found: list[int]) -> None:
    embeddings, labels = clusters(3, shots)
    held_out = 4 * np.eye(3, dtype=np.float32)[labels]
    given = with_wrong(labels, 3, [0])
    assert [s.row for s in suspected_labels(held_out, given, embeddings, 3)] == found


def test_the_furthest_ahead_comes_first() -> None:
    embeddings, labels = clusters(4, 20)
    labels = with_wrong(labels, 4, [3, 30, 50])
    _, held_out = fit_decision("auto", embeddings, labels, 4, 0.05)
    rows = [s.row for s in suspected_labels(held_out, labels, embeddings, 4)]
    ahead = held_out[rows].max(axis=1) - held_out[rows, labels[rows]]
    assert sorted(rows) == [3, 30, 50] and (np.diff(ahead) <= 0).all()


def test_neighbours_of_the_own_class_acquit() -> None:
    embeddings, labels = clusters(3, 20)
    labels = with_wrong(labels, 3, [5])
    _, held_out = fit_decision("auto", embeddings, labels, 3, 0.05)
    assert [s.row for s in suspected_labels(held_out, labels, embeddings, 3)] == [5]
    embeddings[5] = embeddings[labels == labels[5]][-1]
    assert suspected_labels(held_out, labels, embeddings, 3) == []


def test_negatives_and_images_never_held_out_are_not_suspected() -> None:
    embeddings, labels = clusters(4, 20)
    negatives = np.where(labels == 3, 3, labels)
    negatives[[0, 1]] = 3  # of class 0, and said to be of none
    negatives[2] = 1
    assert [s.row for s in suspects(embeddings, negatives, 3)] == [2]
    _, held_out = fit_decision("auto", embeddings, negatives, 3, 0.05)
    held_out[2] = np.nan
    assert suspected_labels(held_out, negatives, embeddings, 3) == []
    assert suspected_labels(np.full_like(held_out, np.nan), negatives, embeddings, 3) == []


def test_a_single_class_has_no_other() -> None:
    embeddings, labels = clusters(2, 10)
    assert suspects(embeddings, labels, 1) == []


def test_strangers_are_outliers_and_others_not() -> None:
    embeddings, labels = clusters(4, 20)
    assert find_outliers(embeddings, labels, 4).tolist() == []
    every = np.concatenate([embeddings, strangers(2)])
    found = find_outliers(every, np.append(labels, [0, 3]), 4)
    assert sorted(found.tolist()) == [80, 81] and found.dtype == np.int64


def test_a_stranger_does_not_vouch_for_itself() -> None:
    embeddings, labels = clusters(4, 20)
    every = np.concatenate([embeddings, embeddings[:1], strangers(1)])
    assert find_outliers(every, np.append(labels, [4, 4]), 5).tolist() == [81]


def test_where_no_image_is_like_another_none_is_an_outlier() -> None:
    points = np.random.default_rng(0).normal(size=(40, 64))
    embeddings = np.float32(points / np.linalg.norm(points, axis=1, keepdims=True))
    assert find_outliers(embeddings, np.arange(40) % 2, 2).tolist() == []


def test_an_image_of_another_class_is_no_outlier() -> None:
    embeddings, labels = clusters(4, 20)
    assert find_outliers(embeddings, with_wrong(labels, 4, [0, 25]), 4).tolist() == []


def test_negatives_and_only_images_are_no_outliers() -> None:
    embeddings, labels = clusters(4, 20)
    every = np.concatenate([embeddings, strangers(2)])
    assert find_outliers(every, np.append(labels, [4, 5]), 5).tolist() == []
    assert find_outliers(embeddings[:1], labels[:1], 1).tolist() == []


def test_where_all_are_alike_a_little_less_so_is_no_outlier() -> None:
    chance = np.random.default_rng(0)
    points = 1 + 0.01 * chance.normal(size=(40, 64))
    points[7] += 0.3 * chance.normal(size=64)
    embeddings = np.float32(points / np.linalg.norm(points, axis=1, keepdims=True))
    similarity = embeddings @ embeddings.mean(axis=0)
    assert similarity[7] < similarity.mean() - 5 * similarity.std() and similarity[7] > 0.9
    assert find_outliers(embeddings, np.arange(40) % 2, 2).tolist() == []
