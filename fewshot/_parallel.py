"""Spread work over the processors this process may use, and give it back in order."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from fewshot.errors import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")

_CGROUPS, _OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_VERSION_1 = ("cpu,cpuacct", "cpuacct,cpu", "cpu")


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None
) -> Iterator[Result]:
    """Apply a function to items side by side, and yield what it returns in their order.

    Parameters
    ----------
    function : callable
    items : iterable
        Read only a little ahead, so that neither they nor the results need fit into memory.
    threads : int, optional
        How many at the same time; by default one for each processor at hand.

    Yields
    ------
    object
        What the function returns; the first thing it raises ends the work.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}; expected a number of 1 or more")
    waiting = iter(items)
    first = list(islice(waiting, 2))
    if len(first) < 2:  # threads would only cost time
        yield from map(function, first)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    threads = threads or available_processors()
    waiting = chain(first, waiting)
    with ThreadPoolExecutor(threads) as workers:
        running: deque[Future[Result]] = deque(
            workers.submit(function, item) for item in islice(waiting, 2 * threads)
        )
        while running:
            result = running.popleft().result()
            running.extend(workers.submit(function, item) for item in islice(waiting, 1))
            yield result


def available_processors() -> int:
    """Count the processors this process may run on, no more than its container may keep busy."""
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return math.ceil(min(processors, cgroup_limit()))


def cgroup_limit(cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> float:
    """Read how many processors' time the Linux control groups of this process allow.

    Parameters
    ----------
    cgroups : Path
        Where the control groups are mounted.
    own : Path
        The file that lists those of this process.

    Returns
    -------
    float
        Above 0; infinity if there is no limit, or no control group.
    """
    try:
        lines = own.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return math.inf
    limits = [math.inf]
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers in ("", *_VERSION_1):
            mount = cgroups / controllers
            group = mount / path.lstrip("/")
            # Every group above has a say too; in a container its own one is often the mount.
            limits += [_limit_of(g) for g in (group, *group.parents) if g.is_relative_to(mount)]
    return min(limits)


def _limit_of(group: Path) -> float:
    """Read the limit of one control group, of version 2 or 1."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text().strip()
            period = (group / "cpu.cfs_period_us").read_text().strip()
        return int(quota) / int(period) if int(quota) > 0 else math.inf
    except (OSError, ValueError, ZeroDivisionError):  # "max", or no file
        return math.inf
