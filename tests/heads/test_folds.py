"""Folds are balanced, keep an image of every class, and hold copies out together."""

import numpy as np
import pytest

from fewshot.heads.folds import content_order, make_folds
from tests.conftest import Labels, clusters


def of_sizes(*sizes: int) -> tuple[np.ndarray, Labels]:
    """Embeddings of classes of so many images."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    points = np.random.default_rng(0).normal(size=(len(labels), 8))
    return points.astype(np.float32), labels


@pytest.mark.parametrize(
    ("sizes", "n_folds"),
    [((2, 2), 2), ((3, 3, 3), 3), ((5, 5), 5), ((30, 10, 3), 3), ((40, 40), 5), ((1, 4, 9), 4)],
)
def test_every_fold_holds_out_the_same_part_of_every_class(
    sizes: tuple[int, ...], n_folds: int
) -> None:
    embeddings, labels = of_sizes(*sizes)
    folds = make_folds(embeddings, labels, len(sizes))
    assert folds.n_folds == n_folds
    for numbers in folds.numbers:
        for label, size in enumerate(sizes):
            held = np.bincount(numbers[(labels == label) & (numbers >= 0)], minlength=n_folds)
            assert held.sum() == (size if size > 1 else 0)
            assert size == 1 or held.max() - held.min() <= 1
            assert size - held.max() >= 1


def test_few_images_are_combined_in_other_ways_and_many_are_not() -> None:
    for shots, n_repeats in ((2, 25), (3, 16), (10, 5), (60, 1)):
        embeddings, labels = of_sizes(*[shots] * 12)
        folds = make_folds(embeddings, labels, 12)
        assert len(folds.numbers) == n_repeats
        assert len({_parts(row) for row in folds.numbers}) > 0.8 * n_repeats
        assert len(make_folds(embeddings, labels, 12, repeat=False).numbers) == 1


def _parts(numbers: Labels) -> frozenset[tuple[int, ...]]:
    """Return which images are held out together, whatever their fold is called."""
    return frozenset(tuple(np.flatnonzero(numbers == fold)) for fold in np.unique(numbers))


def test_neither_names_nor_order_of_classes_change_the_folds() -> None:
    embeddings, labels = clusters(4, 3)
    folds = make_folds(embeddings, labels, 4).numbers
    order = np.argsort(3 - labels, kind="stable")
    turned = make_folds(embeddings[order], 3 - labels[order], 4).numbers
    np.testing.assert_array_equal(turned, folds[:, order])


def test_other_classes_do_not_change_the_folds_of_a_class() -> None:
    embeddings, labels = clusters(5, 3)
    folds = make_folds(embeddings, labels, 5).numbers
    fewer = make_folds(embeddings[3:], labels[3:] - 1, 4).numbers
    np.testing.assert_array_equal(fewer, folds[:, 3:])


def test_heads_of_folds_are_fitted_on_fewer_images() -> None:
    for sizes, shots in (((2, 2), 1), ((3, 3, 3), 2), ((30, 10, 3), 6), ((10, 10), 8), ((1, 1), 0)):
        assert make_folds(*of_sizes(*sizes), len(sizes)).shots == shots


def test_copies_of_an_image_are_held_out_together() -> None:
    embeddings, labels = of_sizes(5, 5, 2)
    embeddings[[3, 7, 11]] = embeddings[[0, 8, 10]]  # all of the last class
    folds = make_folds(embeddings, labels, 3)
    assert folds.n_folds == 4
    for numbers in folds.numbers:
        assert numbers[3] == numbers[0] and numbers[7] == numbers[8]
        np.testing.assert_array_equal(numbers == -1, labels == 2)
    assert folds.count(labels < 3) == 8


def test_near_duplicates_are_held_out_together_if_they_are_told() -> None:
    embeddings, labels = of_sizes(6, 6)
    groups = np.array([0, 0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 0])
    folds = make_folds(embeddings, labels, 2, groups)
    assert folds.n_folds == 4 and folds.count(labels < 2) == 8
    for numbers in folds.numbers:
        assert len(set(numbers[:3])) == len(set(numbers[6:8])) == len(set(numbers[8:10])) == 1
    assert any(numbers[11] != numbers[0] for numbers in folds.numbers)  # another label


def test_the_same_image_in_two_classes_is_no_copy() -> None:
    embeddings, labels = np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1])
    embeddings[2] = embeddings[0]
    assert (make_folds(embeddings, labels, 2).numbers >= 0).all()


def test_few_negatives_do_not_make_folds_fewer() -> None:
    embeddings, labels = of_sizes(10, 10, 2)
    folds = make_folds(embeddings, labels, 2)
    assert folds.n_folds == 5
    for numbers in folds.numbers:
        assert len(set(numbers[labels == 2])) == 2


def test_nothing_is_held_out_of_lone_images() -> None:
    folds = make_folds(*of_sizes(1, 1, 1), 3)
    assert folds.n_folds == 0 and (folds.numbers == -1).all()


def test_contents_are_ordered_within_classes() -> None:
    assert content_order(np.array([1, 0, 1, 0]), ["a", "d", "b", "c"]).tolist() == [3, 1, 0, 2]
