"""Which mistakes and false rejections are shown."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from fewshot.report.mistakes import false_rejections, mistake_cards
from fewshot.report.thumbnails import Album
from tests.report.conftest import make_evaluation


def picture() -> NDArray[np.uint8]:
    return np.zeros((8, 8, 3), np.uint8)


def test_a_mistake_has_thumbnails_of_itself_and_of_its_nearest_images() -> None:
    evaluation = make_evaluation([[3, 1], [0, 3]])
    album = Album()
    (card,) = mistake_cards(
        evaluation.to_dict()["mistakes"], album, {"3.jpg": picture()}, {"0/0.png": picture()}
    )
    assert (card["image"], card["truth"], card["label"]) == ("3.jpg", "a", "b")
    album.load(lambda done: None)
    assert card["thumbnail"].data and card["nearest"][0]["thumbnail"].data
    assert card["nearest"][0]["similarity"] == 0.75


def test_sixty_mistakes_are_shown_the_most_confident_first() -> None:
    evaluation = make_evaluation([[1, 70], [0, 1]])
    sure = np.linspace(0.6, 0.9, 72, dtype=np.float32)[:, None]
    probabilities = np.where(evaluation.probabilities > 0, sure, 1 - sure)
    evaluation = dataclasses.replace(evaluation, probabilities=probabilities)
    cards = mistake_cards(evaluation.to_dict()["mistakes"], Album(), {}, {})
    assert [card["image"] for card in cards] == [f"{i}.jpg" for i in range(70, 10, -1)]
    assert {card["thumbnail"].missing for card in cards} == {"not found"}


def test_false_rejections_are_told_from_mistakes() -> None:
    evaluation = make_evaluation([[30, 2], [0, 5]])
    known = np.arange(37) >= 31  # all images that are right but the last six, and one mistake
    found = false_rejections(dataclasses.replace(evaluation, known=known), Album(), {})
    assert (found["count"], found["mistakes"], len(found["images"])) == (30, 1, 24)
    assert found["images"][0]["image"] == "0.jpg" and found["images"][0]["label"] == "a"
    assert false_rejections(evaluation, Album(), {})["count"] == 0
