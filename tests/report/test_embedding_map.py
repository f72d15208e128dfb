"""The map of the training images: similar images lie close together, names have room."""

import dataclasses
from itertools import combinations

import numpy as np
import pytest

from fewshot.report.embedding_map import embedding_map, project
from tests.conftest import clusters, make_record

HARD_NAMES = ("W" * 80, "日本語の花の名前" * 4, "כלב", "a", "e\u0301" * 40)


@pytest.mark.parametrize("n", [2, 3, 9, 30])
def test_similar_images_lie_close_together(n: int) -> None:
    embeddings, labels = clusters(2, 15)
    rows = np.sort(np.random.default_rng(n).permutation(30)[:n])
    places = project(embeddings[rows])
    assert places.shape == (n, 2) and places.dtype == np.float32
    assert places.min() == 0 and places.max() == pytest.approx(1)
    np.testing.assert_array_equal(places, project(embeddings[rows]))
    if n == 30:
        apart = np.linalg.norm(places[:, None] - places[None], axis=2)
        same = labels[:, None] == labels[None]
        assert apart[same].mean() < apart[~same].mean() / 2


def test_copies_of_one_image_have_a_place_too() -> None:
    places = project(np.repeat(clusters(2, 1)[0][:1], 12, axis=0))
    assert np.isfinite(places).all()


def test_every_image_is_on_the_map_with_its_class() -> None:
    record = make_record(*clusters(5, 4))
    found = embedding_map(record, HARD_NAMES[:4], {"0/1.png"})  # the last label is the negatives
    assert [group.number for group in found.groups] == [0, 1, 2, 3, -1]
    assert [group.name for group in found.groups] == [*HARD_NAMES[:4], "none of the classes"]
    images = [image for group in found.groups for image in group.images]
    assert [name for _, _, name, _ in images] == list(record.names)
    assert [name for _, _, name, marked in images if marked] == ["0/1.png"]
    assert all(0 < x < found.width and 0 < y < found.height for x, y, _, _ in images)
    assert (found.method, found.shown, found.total) == ("t-SNE", 20, 20)
    assert embedding_map(make_record(*clusters(2, 2)), "ab", ()).method == "PCA"


def test_names_overlap_no_other_name_and_stay_on_the_map() -> None:
    names = [HARD_NAMES[i % 5] for i in range(75)]
    found = embedding_map(make_record(*clusters(75, 3)), names, ())
    boxes = [group.label for group in found.groups if group.label]
    assert len(boxes) > 60
    for left, top, width in boxes:
        assert left >= 0 and top >= 0
        assert left + width <= found.width and top + 17 <= found.height
    for (left, top, width), (left2, top2, width2) in combinations(boxes, 2):
        beside = left + width <= left2 + 1e-6 or left2 + width2 <= left + 1e-6
        assert beside or abs(top - top2) > 17 - 1e-6


def test_names_lie_near_their_class_and_avoid_points() -> None:
    found = embedding_map(make_record(*clusters(3, 10)), "abc", ())
    points = np.array([image[:2] for group in found.groups for image in group.images])
    for group in found.groups:
        assert group.label
        left, top, width = group.label
        inside = (points > (left, top)) & (points < (left + width, top + 17))
        assert not inside.all(axis=1).any()
        middle = np.median([image[:2] for image in group.images], axis=0)
        assert np.hypot(left + width / 2 - middle[0], top + 8.5 - middle[1]) < 120


def test_of_many_images_the_mistakes_are_kept() -> None:
    embeddings, labels = clusters(2, 1100, dim=2)
    record = make_record(embeddings, labels)
    record = dataclasses.replace(record, names=tuple(map(str, range(2200))))
    mistakes = {str(i) for i in range(0, 2200, 40)}
    found = embedding_map(record, "ab", mistakes)
    shown = [image for group in found.groups for image in group.images]
    assert len(shown) == found.shown == 2000 and found.total == 2200
    assert {name for _, _, name, marked in shown if marked} == mistakes
