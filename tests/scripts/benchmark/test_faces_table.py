"""The benchmark of recognising people, on drawn ones, and the arithmetic of its figures."""

from argparse import Namespace
from pathlib import Path

import faces_table
import numpy as np
import pytest
from faces_table import Answer, Embedded, Method

from fewshot.errors import FewShotError
from tests.helpers.drawn_faces import write_people
from tests.scripts.benchmark.test_main import run

Floats = np.ndarray


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("people")
    return write_people(folder / "train", 3), write_people(folder / "test", 1, first=50)


def test_every_method_is_measured_or_says_what_is_missing(folders: tuple[Path, Path]) -> None:
    train, test = folders
    options = ["--shots", "1,2,9", "--draws", "2", "--repeat", "1"]
    result = run("faces", train, "--test", test, *options)
    assert (result["train"], result["test"], result["draws"]) == (9, 3, 2)
    assert list(result["methods"]) == list(faces_table.METHODS)
    own = result["methods"]["fewshot"]
    assert [point["shots"] for point in own["accuracy"]] == [1, 2, None]
    assert [point["rate"] for point in own["accuracy"]] == [1, 1, 1]
    assert own["found"] == 1 and own["milliseconds"] > 0
    (others,) = own["others"]
    assert others["auroc"] == 1 and others["shots"] is None
    theirs = result["methods"]["face_recognition"]
    assert "not installed: pip install" in theirs.get("missing", "") or theirs["milliseconds"] > 0
    table = list(faces_table._table(result, Namespace(shots=[1, 2, 9])))
    for name in faces_table.METHODS:
        assert any(line.startswith(f"{name} ") for line in table)
    assert max(map(len, table)) <= 101


def test_other_people_to_measure_on_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    other = write_people(tmp_path / "other", 1)
    (other / "cleo").rename(other / "dora")
    with pytest.raises(FewShotError, match="dora not in"):
        faces_table.run(Namespace(data=folders[0], test=other))


def nearest(embeddings: Floats, labels: Floats, n_classes: int) -> Answer:
    """Take the nearest, and know what is nearer than 1."""

    def answer(of: Floats) -> tuple[Floats, Floats, Floats]:
        distances = np.abs(of - embeddings.T)
        return labels[distances.argmin(axis=1)], -distances.min(axis=1), distances.min(axis=1) < 1

    return answer


METHOD = Method("nearest", lambda image: None, nearest)
NOBODY = np.zeros(0, np.int64)


def people(values: list[float], labels: list[int], faceless: list[int]) -> Embedded:
    return Embedded(
        np.array(values, np.float32)[:, np.newaxis], np.array(labels), np.array(faceless, np.int64)
    )


def test_an_image_without_a_face_is_wrong() -> None:
    own, asked = people([0, 10, 20], [0, 1, 2], []), people([0.5, 9.5, 1, 20], [0, 1, 2, 2], [0])
    found = faces_table._accuracy(METHOD, own, asked, None, 5)
    assert found["rate"] == 3 / 5 and found["low"] < 3 / 5 < found["high"]
    assert asked.found == 4 / 5
    drawn = faces_table._accuracy(METHOD, own, asked, 1, 5)  # there is only one draw of one
    assert (drawn["low"], drawn["rate"], drawn["high"]) == (3 / 5, 3 / 5, 3 / 5)


def test_others_are_all_but_two_and_nobody_is_known_without_a_face() -> None:
    own = people([0, 10, 20], [0, 1, 2], [])
    asked = people([0.5, 10.5, 20.5, 9.8], [0, 1, 2, 2], [0])
    found = faces_table._others(METHOD, own, asked, None, 1)
    # Of the pairs 01, 02 and 12: the face of 0 that was not found is rejected in two of three; 9.8
    # is taken for 1 in one of two pairs, and is a genuine image of 2 that is rejected in 02 alone.
    assert found["false_rejection"] == pytest.approx(np.mean([1 / 3, 2 / 4, 0]))
    assert found["false_acceptance"] == pytest.approx(np.mean([1 / 2, 0, 0]))
    assert 0.5 < found["auroc"] < 1


def test_faces_further_than_the_tolerance_are_unknown_to_the_package() -> None:
    answer = faces_table._nearest_face(np.array([[0.0], [2.0]]), np.array([4, 7]), 8)
    labels, confidence, known = answer(np.array([[0.5], [1.2], [2.7]]))
    assert labels.tolist() == [4, 7, 7] and known.tolist() == [True, False, False]
    np.testing.assert_allclose(confidence, [-0.5, -0.8, -0.7])
