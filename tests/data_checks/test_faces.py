"""Faces under the name of somebody else, and faces of nobody in the set."""

import numpy as np
import pytest

from fewshot.data_checks.faces import faces_of_nobody, suspected_faces
from fewshot.heads.prototype import fit_prototypes
from tests.heads.test_prototype import SAME, people


def held_out(embeddings: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    return fit_prototypes(embeddings, labels, n_classes, 0.0, SAME)[1]


@pytest.mark.parametrize("shots", [3, 5, 20])
def test_a_face_under_another_name_is_found_and_no_other(shots: int) -> None:
    for seed in range(5):
        embeddings, labels = people(3, shots, seed)
        assert suspected_faces(held_out(embeddings, labels, 3), labels, 3) == []
        labels[0] = 2
        (suspect,) = suspected_faces(held_out(embeddings, labels, 3), labels, 3)
        assert (suspect.row, suspect.label) == (0, 0) and suspect.probability > 0.9


@pytest.mark.parametrize("shots", [3, 10])
@pytest.mark.parametrize("n_people", [1, 3])
def test_a_face_of_somebody_else_is_found_and_no_other(n_people: int, shots: int) -> None:
    embeddings, labels = people(n_people + 1, shots)
    embeddings, strangers = embeddings[labels < n_people], embeddings[labels == n_people]
    labels = labels[labels < n_people]
    assert not len(faces_of_nobody(held_out(embeddings, labels, n_people), labels, n_people))
    embeddings[1] = strangers[0]
    scores = held_out(embeddings, labels, n_people)
    assert faces_of_nobody(scores, labels, n_people).tolist() == [1]
    assert suspected_faces(scores, labels, n_people) == []


def test_negatives_and_lone_images_are_not_looked_at() -> None:
    embeddings, labels = people(3, 4)
    labels = np.where(labels == 2, 2, labels)  # negatives
    lone = labels.copy()
    lone[:4] = [0, 2, 2, 2]  # the first person keeps one image
    for given in (labels, lone):
        scores = held_out(embeddings, given, 2)
        assert suspected_faces(scores, given, 2) == []
        assert not len(faces_of_nobody(scores, given, 2))
