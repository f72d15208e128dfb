"""Processors: a container's share of them counts, however it is written down."""

import math
import os
from pathlib import Path

import pytest

from fewshot.processors import available_processors, cgroup_limit


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


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
