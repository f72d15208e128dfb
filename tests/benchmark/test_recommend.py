import shlex

import pytest

from fewshot.benchmark.recommend import Options, Row, recommend
from fewshot.cli.app import parse

NO_OPTIONS = Options()
DATA = Options(
    ("--models", "my models"), ("--views", "3", "--head", "centroid"), ("--negatives", "n"), "a b"
)


def row(
    precision: str, latency: float, accuracy: float | None = None, image_size: int = 224
) -> Row:
    return Row(precision, image_size, 1_000_000, latency, {1: 10.0, 2: 20.0}, accuracy)


def recommended(rows: list[Row], options: Options = NO_OPTIONS) -> str:
    """Return the command, which the command line must understand."""
    line, reason = recommend(rows, options)
    parse(shlex.split(line)[1:])
    assert reason
    return line


@pytest.mark.parametrize(
    ("fp16", "int8", "chosen"),
    [
        ((10.0, None), (10.0, None), None),
        ((9.2, None), (9.1, None), None),  # not 10 % faster
        ((9.0, None), (10.0, None), "fp16"),
        ((9.0, None), (5.0, None), "int8"),  # unknown accuracy is not held against it
        ((9.0, 0.90), (5.0, 0.89), "int8"),  # a point less is within bounds
        ((9.0, 0.90), (5.0, 0.885), "fp16"),  # more is not
        ((10.0, 0.99), (11.0, 0.99), None),  # accuracy alone is no reason
        ((20.0, 0.90), (9.0, 0.95), "int8"),
    ],
)
def test_the_fastest_precision_that_is_as_accurate(
    fp16: tuple[float, float | None], int8: tuple[float, float | None], chosen: str | None
) -> None:
    rows = [row("fp32", 10, 0.90), row("fp16", *fp16), row("int8", *int8)]
    line = recommended(rows)
    start = f"fewshot export --precision {chosen}" if chosen else "fewshot classify IMAGE"
    assert line.startswith(start)
    assert recommended([rows[0], rows[2], rows[1]]) == line


@pytest.mark.parametrize(
    ("sizes", "int8", "chosen"),
    [
        ([(128, 5.0, 0.90)], 10.0, 128),
        ([(128, 5.0, 0.90), (160, 6.0, 0.90)], 10.0, 128),
        ([(128, 5.0, 0.88), (160, 6.0, 0.89)], 10.0, 160),
        ([(128, 5.0, None)], 10.0, None),  # unknown accuracy: fitting again needs the data
        ([(192, 9.2, 0.95)], 10.0, None),
        ([(128, 5.0, 0.90)], 4.9, None),  # int8 is faster still
        ([(320, 20.0, 0.99)], 10.0, None),
    ],
)
def test_another_image_size_of_known_accuracy(
    sizes: list[tuple[int, float, float | None]], int8: float, chosen: int | None
) -> None:
    rows = [row("fp32", 10, 0.9), row("int8", int8, 0.9)]
    rows += [row("fp32", latency, accuracy, size) for size, latency, accuracy in sizes]
    line = recommended(rows)
    assert line.startswith(f"fewshot fit --image-size {chosen} ") == (chosen is not None)


def test_the_command_repeats_the_other_options() -> None:
    fit, int8 = row("fp32", 4, 0.9, 128), row("int8", 4, 0.9)
    assert recommended([row("fp32", 10, 0.9), fit], DATA) == (
        "fewshot fit --image-size 128 --views 3 --head centroid --negatives n "
        "--models 'my models' 'a b'"
    )
    assert recommended([row("fp32", 10, 0.9), int8], DATA) == (
        "fewshot export --precision int8 --models 'my models' --data 'a b' --negatives n"
    )
    assert recommended([row("fp32", 10)], DATA) == "fewshot classify --models 'my models' IMAGE"


def test_the_reason_says_what_is_gained_and_what_is_not_known() -> None:
    rows = [row("fp32", 10, 0.9), row("int8", 5)]
    assert recommend(rows, NO_OPTIONS)[1] == (
        "int8 at 224 x 224 pixels is 2.0 times as fast; its accuracy was not measured, measure it "
        "with --data"
    )
    rows = [row("fp32", 10, 0.9), row("int8", 5, 0.895)]
    assert recommend(rows, NO_OPTIONS)[1].endswith("accuracy 0.895 instead of 0.900")


@pytest.mark.parametrize(
    ("rates", "threads"),
    [
        ({1: 10.0}, None),
        ({1: 10.0, 2: 19.0}, None),
        ({1: 10.0, 2: 9.5}, None),  # not 10 % more
        ({1: 11.0, 2: 10.0}, 1),
        ({1: 10.0, 2: 20.0, 4: 25.0, 8: 20.0}, 4),
    ],
)
def test_all_processors_unless_fewer_threads_are_clearly_faster(
    rates: dict[int, float], threads: int | None
) -> None:
    line = recommended([Row("fp32", 224, 1, 1.0, rates)])
    assert line == f"fewshot classify {f'--threads {threads} ' if threads else ''}IMAGE"
