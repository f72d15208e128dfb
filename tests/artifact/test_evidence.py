"""Evidence: the nearest training images, and the nearest of another class."""

import numpy as np
import pytest

from fewshot import FewShotClassifier
from fewshot.prediction import Neighbour
from tests.conftest import CLASSES, draw, draw_face, draw_noise, make_record


def test_the_nearest_are_in_order_whatever_their_class() -> None:
    angles = np.radians([0, 10, 20, 30, 90])
    embeddings = np.float32(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    support = make_record(embeddings, np.array([0, 1, 0, 2, 1]))
    found = support.nearest(("a", "b"), np.float32([1, 0]), 0)
    assert [(n.image, n.label) for n in found.nearest] == [
        ("0/0.png", "a"),
        ("1/1.png", "b"),
        ("0/2.png", "a"),
    ]
    expected = np.cos(angles)[:3]
    np.testing.assert_allclose([n.similarity for n in found.nearest], expected, atol=1e-6)
    assert found.other == found.nearest[1]
    answered_b = support.nearest(("a", "b"), np.float32([1, 0]), 1)
    assert answered_b.other == found.nearest[0]
    beside_negative = support.nearest(("a", "b"), embeddings[3], 0)
    assert beside_negative.nearest[0] == Neighbour("2/3.png", None, pytest.approx(1))
    assert beside_negative.other and beside_negative.other.label == "b"


def test_fewer_images_than_asked_for_and_no_other_class() -> None:
    support = make_record(np.float32([[1, 0], [0, 1]]), np.array([0, 1]))
    found = support.nearest(("a",), np.float32([0, 1]), 0)
    assert [n.label for n in found.nearest] == [None, "a"] and found.other is None


def test_a_prediction_carries_evidence(classifier: FewShotClassifier) -> None:
    answer = classifier.classify(draw("disc", 2))  # one that it was fitted on
    assert answer.evidence
    first = answer.evidence.nearest[0]
    assert (first.image, first.label) == ("disc/02.png", "disc")
    assert first.similarity == pytest.approx(1, abs=1e-5)
    assert answer.evidence.other and answer.evidence.other.label in CLASSES[1:]
    assert answer.evidence.other.similarity < answer.evidence.nearest[0].similarity
    unknown = classifier.classify(draw_face())
    assert not unknown.known and unknown.evidence and len(unknown.evidence.nearest) == 3


def test_mistakes_carry_evidence_without_their_own_image() -> None:
    images = {"disc": [draw("disc", i) for i in range(4)], "grid": [draw("grid", 0)] * 0}
    images["grid"] = [draw("grid", i) for i in range(3)] + [draw("disc", 9)]  # a wrong label
    found = FewShotClassifier().fit(images).evaluate()
    wrong = {m["image"]: m for m in found.to_dict()["mistakes"]}
    assert "image[7]" in wrong
    nearest = wrong["image[7]"]["nearest"]
    assert len(nearest) == 3 and nearest[0]["label"] == "disc"
    assert all(n["image"] != "image[7]" and n["similarity"] < 0.9999 for n in nearest)


def test_mistakes_on_other_images_carry_evidence(classifier: FewShotClassifier) -> None:
    new = draw("disc", 60)
    found = classifier.evaluate([new, draw_noise(0)], ["grid", "grid"])
    assert found.evidence[0] == classifier.classify(new).evidence
