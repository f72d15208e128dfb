"""A prediction, and the question whether it is of a class."""

import pytest

from fewshot import Prediction
from fewshot.errors import UsageError
from fewshot.prediction import class_number


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
