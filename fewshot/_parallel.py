"""Spread work over the processors this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias, TypeVar

from fewshot.errors import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress: TypeAlias = Callable[[int, int], None]

_CGROUPS, _OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_VERSION_1 = ("cpu,cpuacct", "cpuacct,cpu", "cpu")


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None
) -> Iterator[Result]:
    """Apply a function to items in parallel, and yield the results in their order.

    A result is yielded as soon as it is there, also while the next item is waited for. Items are
    read a little ahead, in a thread, so that neither they nor the results need fit into memory.

    Parameters
    ----------
    function : callable
    items : iterable
    threads : int, optional
        How many at the same time; by default one for each processor at hand.

    Yields
    ------
    object
        What the function returns; the first exception that it raises ends the work.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}; expected a number of 1 or more")
    if isinstance(items, Collection) and len(items) < 2:  # threads would only cost time
        return map(function, items)
    return _in_threads(function, items, threads or available_processors())


def _in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    from concurrent.futures import Future, ThreadPoolExecutor
    from queue import SimpleQueue
    from threading import Event, Semaphore, Thread

    results: SimpleQueue[Future[Result] | None] = SimpleQueue()  # None ends it
    room, abandoned = Semaphore(2 * threads), Event()

    def read() -> None:
        try:
            for item in items:
                room.acquire()
                if abandoned.is_set():
                    return
                results.put(workers.submit(function, item))
        except BaseException as error:  # the items' own; raised where the results are read
            failed: Future[Result] = Future()
            failed.set_exception(error)
            results.put(failed)
        results.put(None)

    with ThreadPoolExecutor(threads) as workers:
        # A daemon, as the source of the items may wait for ever.
        Thread(target=read, daemon=True).start()
        try:
            while (future := results.get()) is not None:
                yield future.result()
                room.release()
        finally:
            abandoned.set()
            room.release()
            workers.shutdown(wait=False, cancel_futures=True)


def available_processors() -> int:
    """Count the processors this process may run on, no more than its container may keep busy."""
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return math.ceil(min(processors, cgroup_limit()))


def cgroup_limit(cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> float:
    """Read how many processors' time the Linux control groups of this process allow.

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
            # Every group above counts too; in a container its own one is often the mount.
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
