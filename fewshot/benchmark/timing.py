"""Time answers in turn, so that what else a machine does falls on all alike."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from time import perf_counter
from typing import TypeAlias

import numpy as np

from fewshot._parallel import available_processors, in_order
from fewshot.images.reference import reference_images
from fewshot.images.source import ImageSource

Ask: TypeAlias = Callable[[ImageSource], object]

_MOST_ROUNDS = 60
# Images that each thread gets at a time, and how many single ones are timed meanwhile.
_EACH, _SINGLE = 4, 3


class Timing:
    """Times of several ways to answer; a first round, which takes longer, does not count.

    Parameters
    ----------
    alone : sequence of callable
        What is timed on one image after another.
    together : sequence of callable
        What is timed on several threads too.
    seconds : float
        How long to take, about.

    Attributes
    ----------
    rounds : int
        How often everything is timed: 1 at least.
    """

    def __init__(self, alone: Sequence[Ask], together: Sequence[Ask], seconds: float) -> None:
        self._pictures = reference_images()
        self._round = [(ask, 0) for ask in alone] * _SINGLE
        self._round += [(ask, n) for ask in together for n in threads_to_try()]
        begun = perf_counter()
        for ask, threads in self._round:
            self._seconds(ask, threads)
        self.rounds = max(1, min(_MOST_ROUNDS, int(seconds / (perf_counter() - begun))))
        self._times: dict[tuple[Ask, int], list[float]] = {task: [] for task in self._round}

    def run(self) -> Iterator[int]:
        """Take the times, and yield the number of rounds done after each."""
        for done in range(1, self.rounds + 1):
            for ask, threads in self._round:
                self._times[ask, threads].append(self._seconds(ask, threads))
            yield done

    def latency_ms(self, ask: Ask, percent: float = 50) -> float:
        """Say what so many of a hundred images took at most, one after another."""
        return 1e3 * float(np.percentile(self._times[ask, 0], percent))

    def images_per_second(self, ask: Ask) -> dict[int, float]:
        """Say how many images get an answer in a second, by the number of threads."""
        return {n: n * _EACH / float(np.median(self._times[ask, n])) for n in threads_to_try()}

    def _seconds(self, ask: Ask, threads: int) -> float:
        """Time images on so many threads side by side, or, on 0 of them, one image."""
        pictures = islice(cycle(self._pictures), threads * _EACH or 1)
        begun = perf_counter()
        if threads:
            deque(in_order(ask, pictures, threads), 0)
        else:
            ask(next(pictures))
        return perf_counter() - begun


def threads_to_try() -> list[int]:
    """List every number of threads to 8, then every eighth, and as many as there are processors."""
    most = available_processors()
    return sorted({most, *range(1, min(most, 8) + 1), *range(8, most, 8)})
