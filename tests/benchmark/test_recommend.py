import shlex

import pytest

from fewshot.benchmark.recommend import (
    PrecisionRow,
    Situation,
    SizeRow,
    choose_precision,
    choose_size,
    choose_threads,
    recommend,
)
from fewshot.cli.app import parse


def row(precision: str, latency: float, accuracy: float | None = None) -> PrecisionRow:
    return PrecisionRow(precision, 1_000_000, latency, latency, {1: 10.0, 2: 20.0}, accuracy)


@pytest.mark.parametrize(
    ("fp16", "int8", "chosen"),
    [
        ((10.0, None), (10.0, None), "fp32"),
        ((9.2, None), (9.1, None), "fp32"),  # not 10 % faster
        ((9.0, None), (10.0, None), "fp16"),
        ((9.0, None), (5.0, None), "int8"),  # what is not known is not held against it
        ((9.0, 0.90), (5.0, 0.89), "int8"),  # a point less is within bounds
        ((9.0, 0.90), (5.0, 0.885), "fp16"),  # more is not
        ((10.0, 0.99), (11.0, 0.99), "fp32"),  # accuracy alone is no reason
        ((20.0, 0.90), (9.0, 0.95), "int8"),
    ],
)
def test_the_fastest_precision_that_is_as_accurate(
    fp16: tuple[float, float | None], int8: tuple[float, float | None], chosen: str
) -> None:
    rows = [row("fp32", 10, 0.90), row("fp16", *fp16), row("int8", *int8)]
    assert choose_precision(rows).precision == chosen
    assert choose_precision([rows[0], rows[2], rows[1]]).precision == chosen


def test_unknown_accuracy_of_the_first_is_not_held_against_others() -> None:
    assert choose_precision([row("fp32", 10), row("int8", 5, 0.1)]).precision == "int8"


@pytest.mark.parametrize(
    ("rates", "threads"),
    [
        ({1: 10.0}, None),
        ({1: 10.0, 2: 19.0}, None),
        ({1: 10.0, 2: 9.5}, None),  # not 10 % more
        ({1: 11.0, 2: 10.0}, 1),
        ({1: 10.0, 2: 20.0, 3: 25.0, 4: 20.0}, 3),
    ],
)
def test_all_processors_unless_fewer_threads_are_clearly_faster(
    rates: dict[int, float], threads: int | None
) -> None:
    assert choose_threads(PrecisionRow("fp32", 1, 1.0, 1.0, rates)) == threads


@pytest.mark.parametrize(
    ("int8", "situation", "command"),
    [
        (10.0, Situation(True), "fewshot export --precision fp32"),
        (5.0, Situation(True), "fewshot export --precision int8 --data DATA"),
        (
            5.0,
            Situation(True, {"--models": "my models", "--data": "a b", "--negatives": "n"}, True),
            "fewshot export --precision int8 --data 'a b' --negatives n --models 'my models'",
        ),
        (
            5.0,
            Situation(True, {}, True),
            "fewshot export --precision int8 --data DATA --negatives DIR",
        ),
        (10.0, Situation(True, {"--data": "d"}), "fewshot export --precision fp32"),
        (5.0, Situation(False, {"--models": "x.onnx"}), "fewshot classify --models x.onnx IMAGE"),
    ],
)
def test_the_command_exists_and_names_the_files(
    int8: float, situation: Situation, command: str
) -> None:
    rows = [row("fp32", 10.0)] + [row("int8", int8)] * situation.exportable
    line, reason = recommend(rows, situation)
    assert line == command and reason
    parse(shlex.split(line)[1:])


def test_fewer_threads_are_an_option_of_classify() -> None:
    slow = PrecisionRow("fp32", 1, 1.0, 1.0, {1: 30.0, 2: 20.0})
    line, reason = recommend([slow], Situation(False))
    assert line == "fewshot classify --threads 1 IMAGE"
    assert reason == "30 images a second, 1 at the same time"


def test_the_reason_says_what_is_not_known() -> None:
    rows = [row("fp32", 10, 0.9), row("int8", 5)]
    assert "2.0 times as fast; its accuracy was not measured" in recommend(rows, Situation(True))[1]
    rows = [row("fp32", 10, 0.9), row("int8", 5, 0.895)]
    assert "accuracy 0.895 instead of 0.900" in recommend(rows, Situation(True))[1]


@pytest.mark.parametrize(
    ("sizes", "int8", "chosen"),
    [
        ([(128, 5.0, 0.90)], 10.0, 128),
        ([(128, 5.0, 0.90), (160, 6.0, 0.90)], 10.0, 128),
        ([(128, 5.0, 0.88), (160, 6.0, 0.89)], 10.0, 160),  # a point less is within bounds
        ([(128, 5.0, None)], 10.0, None),  # who refits has the data to know
        ([(192, 9.2, 0.95)], 10.0, None),  # not 10 % faster
        ([(128, 5.0, 0.90)], 5.2, None),  # not 10 % faster than a smaller precision
        ([(320, 20.0, 0.99)], 10.0, None),
        ([], 10.0, None),
    ],
)
def test_another_image_size_if_no_precision_is_as_fast(
    sizes: list[tuple[int, float, float | None]], int8: float, chosen: int | None
) -> None:
    rows, others = [row("fp32", 10, 0.9), row("int8", int8, 0.9)], [SizeRow(*s) for s in sizes]
    found = choose_size(others, rows[0], choose_precision(rows))
    assert (found and found.image_size) == chosen
    assert recommend(rows, Situation(True), others)[0].startswith(
        "fewshot fit " if chosen else "fewshot export "
    )


def test_fitting_again_keeps_the_other_options() -> None:
    rows, sizes = [row("fp32", 10, 0.9)], [SizeRow(128, 4.0, 0.895)]
    given = {"--models": "my models", "--data": "a b"}
    fitting = {"--views": "3", "--head": "centroid"}
    line, reason = recommend(rows, Situation(False, given, True, fitting), sizes)
    assert line == (
        "fewshot fit --image-size 128 --views 3 --head centroid --negatives DIR "
        "--models 'my models' 'a b'"
    )
    assert reason == (
        "at 128 x 128 pixels it is 2.5 times as fast; accuracy 0.895 instead of 0.900"
    )
    parse(shlex.split(line)[1:])
    assert recommend([row("fp32", 10)], Situation(True), sizes)[0].startswith("fewshot export")
