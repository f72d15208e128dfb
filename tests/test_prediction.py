"""A prediction: whether it is of a class, and what it is as JSON."""

import json

import pytest

from fewshot import Prediction
from fewshot.errors import UsageError
from fewshot.prediction import Evidence, FacePrediction, Neighbour, class_number


@pytest.mark.parametrize(
    ("known", "scores", "label", "yes"),
    [
        (True, {"a": 0.9, "b": 0.1}, "a", True),
        (True, {"a": 0.9, "b": 0.1}, "b", False),
        (False, {"a": 0.9, "b": 0.1}, "a", False),  # like none of the classes
        (True, {"a": 0.45, "b": 0.3, "c": 0.25}, "a", False),  # something else is likelier
        (True, {"a": 0.5, "b": 0.5}, "a", True),
        (True, {"a": 0.4}, "a", False),  # the negatives have the rest
    ],
)
def test_is_it(known: bool, scores: dict[str, float], label: str, yes: bool) -> None:
    best = max(scores, key=scores.__getitem__)
    assert Prediction("x.jpg", best, scores[best], known, scores).matches(label) is yes


def test_a_class_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="no class 'c'; expected one of a, b"):
        Prediction("x.jpg", "a", 0.9, True, {"a": 0.9, "b": 0.1}).matches("c")
    many = [f"flower {i}" for i in range(30)]
    with pytest.raises(UsageError, match=r"expected one of flower 17, .*, 25 others$"):
        class_number(many, "flower17")
    assert class_number(many, "flower 17") == 17


NEAR = Neighbour("a/1.jpg", "a", 0.8)
PREDICTION = Prediction(
    "x.jpg", "a", 0.7, True, {"a": 0.7, "b": 0.2, "c": 0.1}, Evidence((NEAR,), None)
)


def test_a_prediction_as_json() -> None:
    record = PREDICTION.to_dict()
    assert record == {
        "image": "x.jpg",
        "label": "a",
        "probability": 0.7,
        "known": True,
        "scores": {"a": 0.7, "b": 0.2, "c": 0.1},
    }
    assert json.loads(json.dumps(record)) == record
    assert PREDICTION.to_dict(top=2) == {**record, "scores": {"a": 0.7, "b": 0.2}}
    assert list(PREDICTION.to_dict(top=9)["scores"]) == ["a", "b", "c"]


def test_evidence_as_json() -> None:
    near = {"image": "a/1.jpg", "label": "a", "similarity": 0.8}
    record = PREDICTION.to_dict(evidence=True)
    assert list(record)[-1] == "evidence"
    assert json.loads(json.dumps(record["evidence"])) == {"nearest": [near], "other": None}
    bare = Prediction("x.jpg", "a", 1.0, True, {"a": 1.0})
    assert bare.to_dict(evidence=True)["evidence"] is None


def test_a_face_as_json() -> None:
    face = FacePrediction("x.jpg", "a", 0.7, True, {"a": 0.7, "b": 0.3}, box=(1, 2, 3, 4))
    record = face.to_dict(top=1)
    assert list(record) == ["box", "landmarks", "label", "probability", "known", "scores"]
    assert json.loads(json.dumps(record))["box"] == [1, 2, 3, 4]
    assert record["scores"] == {"a": 0.7}
