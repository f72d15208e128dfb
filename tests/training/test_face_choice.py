"""Choosing the face of an image that its label means."""

import numpy as np
from numpy.typing import NDArray

from fewshot.training.face_choice import choose_faces

ANNA, BEN, STRANGER = np.eye(3, dtype=np.float32)


def faces(*rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack(rows)


def test_images_of_one_person_say_who_is_meant() -> None:
    images = [faces(ANNA), faces(STRANGER, ANNA), faces(BEN), faces(ANNA, STRANGER, BEN)]
    assert choose_faces(images, np.array([0, 0, 1, 1])) == [0, 1, 0, 2]


def test_the_largest_face_is_meant_where_there_is_nothing_to_compare_with() -> None:
    assert choose_faces([faces(STRANGER, ANNA)], np.array([0])) == [0]
    assert choose_faces([faces(STRANGER, ANNA), faces(ANNA)], np.array([0, 1])) == [0, 0]
    assert choose_faces([], np.zeros(0, np.int64)) == []


def test_without_an_image_of_one_person_the_largest_faces_of_the_others_decide() -> None:
    images = [faces(ANNA, BEN), faces(ANNA, STRANGER), faces(STRANGER, ANNA)]
    assert choose_faces(images, np.array([0, 0, 0])) == [0, 0, 1]


def test_an_image_of_one_person_outweighs_many_of_several() -> None:
    images = [faces(ANNA), *[faces(STRANGER, ANNA)] * 5]
    assert choose_faces(images, np.zeros(6, np.int64)) == [0] + [1] * 5
