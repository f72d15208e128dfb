"""Time several classifiers in turn, so that other load on the machine affects all alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle, islice
from time import perf_counter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fewshot._parallel import available_processors, in_order
from fewshot.images.reference import reference_images
from fewshot.images.source import ImageSource

Classify: TypeAlias = Callable[[ImageSource], object]

_IMAGES_PER_THREAD = 4


def threads_to_try() -> list[int]:
    """List powers of two, up to one thread for each processor."""
    most = available_processors()
    return [*(2**n for n in range(most.bit_length()) if 2**n < most), most]


def time_round(tasks: Sequence[Classify]) -> NDArray[np.float64]:
    """Classify drawn images with each task on each number of threads.

    Returns
    -------
    ndarray of float64, shape (n_tasks, n_threads)
        Seconds per image, for each of `threads_to_try`.
    """
    columns = []
    for threads in threads_to_try():
        images = list(islice(cycle(reference_images()), threads * _IMAGES_PER_THREAD))
        columns.append([_time(task, images, threads) / len(images) for task in tasks])
    return np.array(columns).T


def _time(task: Classify, images: Sequence[ImageSource], threads: int) -> float:
    begun = perf_counter()
    for _ in map(task, images) if threads == 1 else in_order(task, images, threads):
        pass
    return perf_counter() - begun
