"""Take times that can be compared on a noisy machine, run child processes, and record figures."""

import operator
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from fewshot.errors import FewShotError

_RELATIONS = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
# Children are to find their byte code and buffer their output, as installed programs do.
_ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "FEWSHOT_MODELS")
}
# A child starts out with the peak of the process it is forked from, so that must be a small one.
_PEAK_OF = (
    "import resource, subprocess, sys\n"
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


@dataclass(frozen=True)
class Figure:
    """One thing that was measured.

    Attributes
    ----------
    name : str
    value : float or None
        None when it could not be measured; the note says why.
    unit : str
    target : (str, float), optional
        A relation and a bound, for example ``("<=", 1.25)``.
    note : str
        What the value was made from.
    medians : mapping of str to float
        The raw numbers behind it, in seconds unless their names say otherwise.
    """

    name: str
    value: float | None
    unit: str = ""
    target: tuple[str, float] | None = None
    note: str = ""
    medians: Mapping[str, float] = field(default_factory=dict)

    @property
    def holds(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None or self.value is None:
            return None
        relation, bound = self.target
        return bool(_RELATIONS[relation](self.value, bound))


def interleaved(
    tasks: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Time tasks in turn, so that what else the machine does falls on all of them alike.

    Parameters
    ----------
    tasks : mapping of str to callable
        Each is called once before anything is timed.
    rounds : int
        How often each is timed; every other round goes backwards.
    clock : callable
        What tells the time; `time.process_time` tells what the processors spent on this process.

    Returns
    -------
    dict of str to float
        Median seconds of each.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for number in range(rounds):
        for name in list(tasks)[:: -1 if number % 2 else 1]:
            seconds[name].append(timed(tasks[name], clock))
    return {name: median(times) for name, times in seconds.items()}


def timed(task: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Call once and return the seconds it took."""
    started = clock()
    task()
    return clock() - started


def child(*command: str | Path) -> Callable[[], str]:
    """Make a task of a command; it returns what the command prints, and raises if it fails."""

    def run() -> str:
        done = subprocess.run(command, env=_ENVIRONMENT, capture_output=True, encoding="utf-8")
        if done.returncode:
            raise FewShotError(f"{' '.join(map(str, command))}: failed\n{done.stderr}")
        return done.stdout

    return run


def fewshot(*arguments: str | Path) -> list[str | Path]:
    """Spell a fewshot command as a user's shell would find it."""
    beside = shutil.which("fewshot", path=str(Path(sys.executable).parent))
    return [beside, *arguments] if beside else [sys.executable, "-m", "fewshot", *arguments]


def script(name: str, *arguments: str | Path) -> list[str | Path]:
    """Spell the command that runs a script of this folder."""
    return [sys.executable, Path(__file__).with_name(name), *arguments]


def peak_memory(command: Sequence[str | Path]) -> float:
    """Run a command and return its peak resident memory in MiB."""
    peak = int(child(sys.executable, "-S", "-c", _PEAK_OF, *command)())
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
