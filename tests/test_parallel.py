"""Work side by side: in order, a little ahead, on no more processors than there are."""

import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from fewshot._parallel import available_processors, cgroup_limit, in_order
from fewshot.errors import UsageError


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("n_items", [0, 1, 2, 30])
def test_results_come_in_the_order_of_the_items(n_items: int) -> None:
    def slowest_first(item: int) -> int:
        sum(range(1000 * (n_items - item)))
        return -item

    assert list(in_order(slowest_first, range(n_items), 4)) == [-i for i in range(n_items)]


def test_the_first_error_ends_the_work() -> None:
    results = in_order(lambda item: 1 // item, [2, 1, 0, 1])
    assert next(results) == 0 and next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_an_answer_is_there_before_a_live_source_is_asked_on() -> None:
    answered, in_time = threading.Event(), []

    def frames() -> Iterator[int]:
        yield from (1, 2)
        in_time.append(answered.wait(20))
        yield 3

    results = in_order(abs, frames(), 1)
    assert next(results) == 1
    answered.set()
    assert list(results) == [2, 3] and in_time == [True]


def test_a_source_that_waits_for_each_answer_does_not_starve() -> None:
    questions: SimpleQueue[int | None] = SimpleQueue()
    questions.put(0)
    answers = []
    for answer in in_order(lambda item: item, iter(questions.get, None), 4):
        answers.append(answer)
        questions.put(answer + 1 if answer < 20 else None)
    assert answers == list(range(21))


def test_an_error_of_the_source_comes_after_the_answers_before_it() -> None:
    def breaking() -> Iterator[int]:
        yield from (1, 2)
        raise OSError("unplugged")

    results = in_order(abs, breaking(), 3)
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(OSError, match="unplugged"):
        next(results)


def test_only_a_little_is_read_ahead() -> None:
    read = 0

    def endless() -> Iterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    results = in_order(abs, endless(), 2)
    for expected in range(1, 31):
        assert next(results) == expected
    assert read <= 30 + 2 * 2 + 1


@pytest.mark.parametrize("slow", [True, False])
def test_a_source_that_is_abandoned_leaves_no_thread(slow: bool) -> None:
    before, go_on = set(threading.enumerate()), threading.Event()
    go_on.set()
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while go_on.wait(20):
                yield 1
        finally:
            closed.set()

    results = in_order(abs, endless(), 2)
    assert next(results) == 1
    if slow:  # it is waited for while nobody wants its results any more
        go_on.clear()
    results.close()  # type: ignore[attr-defined]
    go_on.set()
    assert closed.wait(20)
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
        assert not thread.is_alive()


def test_a_number_of_threads_that_is_none() -> None:
    with pytest.raises(UsageError, match="threads is -1; expected a number of 1 or more"):
        next(in_order(abs, [1, 2], -1))


def test_there_is_one_at_least_and_no_more_than_the_machine_has() -> None:
    assert 1 <= available_processors() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"": "150000 100000"}, 1.5),
        ({"": "max 100000"}, math.inf),
        ({"": "400000 100000", "a/b": "max 100000"}, 4.0),
        ({"": "400000 100000", "a": "50000 100000", "a/b": "300000 100000"}, 0.5),
        ({"a/b": "nonsense"}, math.inf),
        ({}, math.inf),
    ],
)
def test_version_2_takes_the_tightest_of_all_groups_above(
    limits: dict[str, str], expected: float, tmp_path: Path
) -> None:
    for group, limit in limits.items():
        write(tmp_path / "cgroup" / group / "cpu.max", f"{limit}\n")
    own = write(tmp_path / "own", "0::/a/b\n")
    assert cgroup_limit(tmp_path / "cgroup", own) == expected


def test_version_1(tmp_path: Path) -> None:
    own = write(tmp_path / "own", "5:memory:/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/x\n0::/\n")
    group = tmp_path / "cpu,cpuacct"  # in a container its own group is mounted here
    write(group / "cpu.cfs_period_us", "100000\n")
    write(group / "cpu.cfs_quota_us", "-1\n")
    assert cgroup_limit(tmp_path, own) == math.inf
    write(group / "cpu.cfs_quota_us", "250000\n")
    assert cgroup_limit(tmp_path, own) == 2.5


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert cgroup_limit(tmp_path, tmp_path / "none") == math.inf
