"""Folds keep an image of every class, and copies together."""

import numpy as np

from fewshot.heads.folds import assign_folds, make_folds


def test_folds_keep_an_image_of_every_class_and_hold_out_each_other() -> None:
    labels = np.repeat([0, 1, 2, 3], [1, 2, 3, 23])
    folds = make_folds(labels)
    np.testing.assert_array_equal(folds == -1, labels == 0)
    for fold in range(folds.max() + 1):
        assert set(labels[folds != fold]) == {0, 1, 2, 3}
    assert np.bincount(folds[labels == 3]).tolist() == [5, 5, 5, 4, 4]
    assert make_folds(labels, 10).max() == 9


def test_copies_of_an_image_are_held_out_together() -> None:
    embeddings = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    labels = np.repeat([0, 1, 2], [5, 5, 2])
    embeddings[[3, 7, 11]] = embeddings[[0, 8, 10]]  # all of the last class
    for most in (2, 5, None):
        folds = assign_folds(embeddings, labels, most)
        assert folds[3] == folds[0] and folds[7] == folds[8]
        np.testing.assert_array_equal(folds == -1, labels == 2)
        for fold in np.unique(folds):
            assert set(labels[folds != fold]) >= {0, 1}
    alone = np.bincount(folds[:10])
    assert sorted(alone[alone > 0]) == [1] * 6 + [2] * 2


def test_the_same_image_in_two_classes_is_no_copy() -> None:
    embeddings, labels = np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1])
    embeddings[2] = embeddings[0]
    assert (assign_folds(embeddings, labels) >= 0).all()
