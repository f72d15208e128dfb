"""Say which precision, image size and threads are worth having, by figures that were measured."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# A change is worth its trouble from a tenth on, which also is about what a busy machine hides.
_FASTER = 1.1
_MAY_LOSE = 0.01


@dataclass(frozen=True)
class PrecisionRow:
    """What a precision of the backbone gives.

    Attributes
    ----------
    precision : str
        One of `fewshot.export.onnx_file.PRECISIONS`.
    bytes : int
        Size of the file.
    latency_ms, latency_p90_ms : float
        For one image on one thread: the median, and what nine of ten stay below.
    images_per_second : dict of int to float
        By the number of threads.
    accuracy : float or None
        On images held out, in [0, 1]; None where it was not measured.
    """

    precision: str
    bytes: int
    latency_ms: float
    latency_p90_ms: float
    images_per_second: dict[int, float]
    accuracy: float | None = None


@dataclass(frozen=True)
class SizeRow:
    """What an image size gives: latency as in `PrecisionRow`, and accuracy if it was measured."""

    image_size: int
    latency_ms: float
    accuracy: float | None


@dataclass(frozen=True)
class Situation:
    """What else there is to know before something can be recommended.

    Attributes
    ----------
    exportable : bool
        Whether 'fewshot export' can write this classifier, here.
    given : mapping of str to str
        The options that name its files, for example ``{"--models": "garden"}``.
    negatives : bool
        Whether it was fitted with images of none of the classes.
    fitting : mapping of str to str
        The options that it was fitted with, where they are not those by default.
    """

    exportable: bool
    given: Mapping[str, str] = field(default_factory=dict)
    negatives: bool = False
    fitting: Mapping[str, str] = field(default_factory=dict)


def recommend(
    rows: Sequence[PrecisionRow], situation: Situation, sizes: Sequence[SizeRow] = ()
) -> tuple[str, str]:
    """Recommend one command.

    A precision is worth having if its median latency is 10 % or more better than that of the
    first row, and its accuracy, where both are known, at most 1 point lower; of several the
    fastest is taken, and without one the first row stays. Where nothing can be exported, the
    number of threads is what is left to choose: as many as there are, unless another number gives
    10 % more images a second.

    To fit again at another image size is recommended by the same rule, if its accuracy is known
    and it is 10 % or more faster than that precision as well.

    Parameters
    ----------
    rows : sequence of PrecisionRow
        The first is the classifier as it is.
    situation : Situation
    sizes : sequence of SizeRow
        Other image sizes, in the precision of the first row.

    Returns
    -------
    command : str
        A line to type.
    reason : str
        Why.
    """
    best = choose_precision(rows)
    if size := choose_size(sizes, rows[0], best):
        options = {"--image-size": str(size.image_size), **situation.fitting}
        if situation.negatives:
            options["--negatives"] = situation.given.get("--negatives", "DIR")
        data = situation.given.get("--data", "DATA")
        return _line("fit", options, situation, data), _why_size(rows[0], size)
    if not situation.exportable:
        threads = choose_threads(best)
        options = {"--threads": str(threads)} if threads else {}
        return _line("classify", options, situation, "IMAGE"), _why_threads(best, threads)
    options = {"--precision": best.precision}
    if best.precision == "int8":
        options["--data"] = situation.given.get("--data", "DATA")
        if situation.negatives:
            options["--negatives"] = situation.given.get("--negatives", "DIR")
    return _line("export", options, situation), _why_precision(rows[0], best)


def choose_precision(rows: Sequence[PrecisionRow]) -> PrecisionRow:
    """Return the fastest row by the rule that `recommend` states."""
    worth = [row for row in rows[1:] if _worth(row, rows[0])]
    return min(worth, key=lambda row: row.latency_ms, default=rows[0])


def choose_size(
    sizes: Sequence[SizeRow], first: PrecisionRow, best: PrecisionRow
) -> SizeRow | None:
    """Return the fastest image size that is worth fitting again for, if one is."""
    worth = [
        size
        for size in sizes
        if None not in (size.accuracy, first.accuracy)
        and _worth(size, first)
        and size.latency_ms * _FASTER <= best.latency_ms
    ]
    return min(worth, key=lambda size: size.latency_ms, default=None)


def choose_threads(row: PrecisionRow) -> int | None:
    """Return a number of threads if it beats the highest by 10 %, else None."""
    rates = row.images_per_second
    fastest = max(rates, key=lambda threads: rates[threads])
    return fastest if rates[fastest] >= _FASTER * rates[max(rates)] else None


def _worth(row: PrecisionRow | SizeRow, first: PrecisionRow) -> bool:
    """Tell whether a row is fast enough and not known to lose too much."""
    if row.latency_ms * _FASTER > first.latency_ms:
        return False
    if row.accuracy is None or first.accuracy is None:
        return True
    return first.accuracy - row.accuracy <= _MAY_LOSE + 1e-9


def _line(command: str, options: Mapping[str, str], situation: Situation, *rest: str) -> str:
    """Put a command line together."""
    models = {k: v for k, v in situation.given.items() if k == "--models"}
    words = [word for option in {**options, **models}.items() for word in option]
    return f"fewshot {shlex.join([command, *words, *rest])}"


def _why_precision(first: PrecisionRow, best: PrecisionRow) -> str:
    """Say what the precision gains and costs."""
    if best is first:
        return f"no other precision is 10 % faster than {first.precision} and as accurate"
    gain = f"{best.precision} is {first.latency_ms / best.latency_ms:.1f} times as fast"
    if best.accuracy is None or first.accuracy is None:
        return f"{gain}; its accuracy was not measured, give --data to know"
    return f"{gain}; accuracy {best.accuracy:.3f} instead of {first.accuracy:.3f}"


def _why_size(first: PrecisionRow, size: SizeRow) -> str:
    """Say what the image size gains and costs."""
    return (
        f"at {size.image_size} x {size.image_size} pixels it is "
        f"{first.latency_ms / size.latency_ms:.1f} times as fast; "
        f"accuracy {size.accuracy:.3f} instead of {first.accuracy:.3f}"
    )


def _why_threads(row: PrecisionRow, threads: int | None) -> str:
    """Say how fast that many threads are."""
    used = threads or max(row.images_per_second)
    return f"{row.images_per_second[used]:.0f} images a second, {used} at the same time"
