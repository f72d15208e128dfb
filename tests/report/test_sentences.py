"""What the report says in sentences, and how it shows text from outside."""

import dataclasses

import numpy as np
import pytest

from fewshot.data_checks.finding import Finding
from fewshot.errors import ImageError
from fewshot.report.sentences import (
    confused_pairs,
    headline,
    isolate,
    next_steps,
    percent,
    plural,
    protocol_text,
    rejection_text,
    visible,
)
from tests.conftest import clusters, make_artifact
from tests.report.conftest import make_evaluation


def finding(kind: str) -> Finding:
    return Finding(kind, ("x.jpg",), None, "found", "advice")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\t\x1b[2J\0", r"a\nb\t\x1b[2J\x00"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("zero\u200bwidth\u2028\ufeff\u200f", r"zero\u200bwidth\u2028\ufeff\u200f"),
        ("caf\udce9", r"caf\udce9"),
        ("日本語 कुत्ता 👩\u200d👧 é", "日本語 कुत्ता 👩\u200d👧 é"),
    ],
)
def test_hidden_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert visible(text) == shown
    visible(text).encode()


def test_what_is_no_text_is_left_alone() -> None:
    assert visible(3) == 3 and visible(None) is None


def test_a_name_cannot_end_its_own_isolation() -> None:
    assert isolate("a\u2069b") == "\u2068a\\u2069b\u2069"


def test_numbers_are_worded() -> None:
    parts = (0, 0.001, 0.0049, 0.5, 0.9949, 0.9951, 0.9999, 1 - 1e-12, 1)
    shown = [percent(part).replace("\u00a0%", "") for part in parts]
    assert shown == ["0", "0.1", "0.5", "50", "99", "99.5", "99.9", "100", "100"]
    assert (plural(1, "image"), plural(1200, "image")) == ("1 image", "1,200 images")
    assert plural(2, "class", "classes") == "2 classes"


def test_the_headline_is_the_accuracy() -> None:
    found = headline(make_evaluation([[8, 2], [0, 10]]))
    assert (found["figure"], found["name"]) == ("90\u00a0%", "accuracy")
    assert found["counts"] == "18 of 20 images correct"
    assert found["interval"] == "95\u00a0% interval 70\u00a0% to 97\u00a0%"


def test_the_headline_of_one_class_is_what_was_accepted() -> None:
    evaluation = make_evaluation([[8]])
    evaluation = dataclasses.replace(evaluation, known=np.arange(8) > 1)
    found = headline(evaluation)
    assert (found["figure"], found["name"]) == ("75\u00a0%", "accepted")
    assert found["counts"] == "6 of 8 images of \u2068a\u2069"


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ("12 x 4-fold cross-validation", "12 x 4-fold cross-validation: the images were split"),
        ("test/, 20 images", "Tested on other images: test/, 20 images. 1 image could not be read"),
    ],
)
def test_the_protocol_is_explained(protocol: str, words: str) -> None:
    artifact = make_artifact(*clusters(2, 10))
    evaluation = make_evaluation([[10, 0], [0, 10]], protocol)
    skipped = (ImageError("damaged", "x.jpg"),) if "test" in protocol else ()
    text = protocol_text(artifact, dataclasses.replace(evaluation, skipped=skipped))
    assert text.startswith(words) and "held out" not in text


def test_images_that_could_not_be_held_out_are_counted() -> None:
    artifact = make_artifact(*clusters(2, 10))
    text = protocol_text(artifact, make_evaluation([[10, 0], [0, 9]]))
    assert "1 image could not be held out" in text


def test_rejection_is_counted() -> None:
    artifact = make_artifact(*clusters(2, 10))
    evaluation = dataclasses.replace(
        make_evaluation([[10, 0], [0, 10]]),
        known=np.arange(20) > 0,
        ood_known=np.array([True, False, False, False]),
    )
    text = rejection_text(artifact, evaluation).replace("\u00a0", " ")
    assert "1 of 20 images of the classes was called unknown, 5 % (target 5 %)" in text
    assert "of 4 images of classes that were not in the training images, 3 were" in text
    never = make_artifact(*clusters(2, 10), rate=0.0)
    assert "never answers unknown" in rejection_text(never, evaluation)


def test_confused_pairs_have_the_more_frequent_way_first() -> None:
    found = confused_pairs(make_evaluation([[20, 1, 0], [3, 20, 0], [0, 5, 20]]))
    assert found == [("c", "b", 5, 0), ("b", "a", 3, 1)]
    assert confused_pairs(make_evaluation([[20, 0], [0, 20]])) == []


@pytest.mark.parametrize(
    ("confusion", "curve", "words"),
    [
        ([[90, 0], [0, 90]], None, ["No mistakes: try images taken elsewhere"]),
        ([[4, 0], [0, 4]], None, ["With 8 images the figure is only rough"]),
        (
            [[90, 3], [0, 90]],
            (0.9, 0.98),
            ["to 98 %.", "a and b are confused most, 3 times"],
        ),
        ([[90, 0], [1, 90]], (0.9, 0.98), ["images of every class: from 4 to 8"]),
        ([[90, 0], [1, 90]], (0.97, 0.975), ["From 4 to 8 images per class the accuracy"]),
        ([[90, 0], [1, 90]], None, []),
    ],
)
def test_the_next_steps_say_what_was_measured(
    confusion: list[list[int]], curve: tuple[float, float] | None, words: list[str]
) -> None:
    points = curve and [{"shots": 4 * i, "accuracy": curve[i - 1]} for i in (1, 2)]
    measured = curve and {"curve": points}
    steps = next_steps(make_evaluation(confusion), (), measured)
    steps = [step.translate({0xA0: " ", 0x2068: "", 0x2069: ""}) for step in steps]
    assert len(steps) == len(words)
    assert all(word in step for word, step in zip(words, steps, strict=True)), steps


def test_the_next_steps_begin_with_what_is_wrong_with_the_data() -> None:
    kinds = ("copy", "copy", "tiny", "unreadable", "label", "conflict", "leak")
    steps = next_steps(make_evaluation([[90, 3], [0, 90]]), [*map(finding, kinds)], None)
    beginnings = [step.partition(":")[0] for step in steps[:5]]
    assert beginnings == [
        "1 image is in both training and test data",
        "1 image has two labels",
        "1 label may be wrong",
        "1 image or folder cannot be read",
        "2 images are there more than once",
    ]
    assert "confused most" in steps[5] and len(steps) == 6


@pytest.mark.parametrize(
    ("protocol", "words"),
    [("t, 180 images", "More images were called"), ("4-fold cross-validation", "No m")],
)
def test_test_images_unlike_the_training_images_are_told_of(protocol: str, words: str) -> None:
    evaluation = make_evaluation([[90, 0], [0, 90]], protocol)
    odd = dataclasses.replace(evaluation, known=np.arange(180) % 5 > 0)
    assert next_steps(odd, (), None)[0].startswith(words)
