"""Recommend the command that makes the fastest variant which is as accurate."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

# Less is not worth a change, and is lost in the noise of a busy machine.
_FASTER = 1.1
_MAY_LOSE = 0.01


@dataclass(frozen=True)
class Row:
    """Speed and accuracy of one variant of a classifier.

    Attributes
    ----------
    precision : str
        Of the backbone's weights; one of `fewshot.export.precision.PRECISIONS`.
    image_size : int
        Height and width of the backbone's input, in pixels.
    bytes : int
        Size of the backbone file, or of the exported file.
    latency_ms : float
        For one image on one thread, without decoding; the median of all rounds.
    images_per_second : dict of int to float
        By number of threads.
    accuracy : float or None
        Held-out accuracy in [0, 1]; None if not measured.
    """

    precision: str
    image_size: int
    bytes: int
    latency_ms: float
    images_per_second: dict[int, float]
    accuracy: float | None = None


@dataclass(frozen=True)
class Options:
    """What a command must repeat: where the classifier is, how it was fitted, and its images."""

    models: tuple[str, ...] = ()
    fit: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    data: str = "DATA"


def recommend(rows: Sequence[Row], options: Options) -> tuple[str, str]:
    """Return a command, and why.

    A variant is better than the first row if it is at least 10 % faster and at most 1 percentage
    point less accurate; at another image size, its accuracy must be known. The fastest is
    recommended; if there is none, the number of threads.
    """
    now = rows[0]
    better = [row for row in rows[1:] if _is_better(row, now)]
    if not better:
        return _recommend_threads(now, options)
    best = min(better, key=lambda row: row.latency_ms)
    if best.image_size != now.image_size:
        words = ["fit", "--image-size", str(best.image_size), *options.fit, *options.negatives]
        words += [*options.models, options.data]
    else:
        words = ["export", "--precision", best.precision, *options.models]
        if best.precision == "int8":  # its head is fitted again
            words += ["--data", options.data, *options.negatives]
    accuracy = "its accuracy was not measured, measure it with --data"
    if best.accuracy is not None and now.accuracy is not None:
        accuracy = f"accuracy {best.accuracy:.3f} instead of {now.accuracy:.3f}"
    name = f"{best.precision} at {best.image_size} x {best.image_size} pixels"
    faster = f"{now.latency_ms / best.latency_ms:.1f} times as fast"
    return f"fewshot {shlex.join(words)}", f"{name} is {faster}; {accuracy}"


def _is_better(row: Row, now: Row) -> bool:
    if row.latency_ms * _FASTER > now.latency_ms:
        return False
    if row.accuracy is None or now.accuracy is None:
        return row.image_size == now.image_size
    return now.accuracy - row.accuracy <= _MAY_LOSE + 1e-9


def _recommend_threads(now: Row, options: Options) -> tuple[str, str]:
    """Recommend the default, a thread for each processor, unless fewer are at least 10 % faster."""
    rates = now.images_per_second
    best, most = max(rates, key=lambda threads: rates[threads]), max(rates)
    fewer = rates[best] >= _FASTER * rates[most]
    words = ["classify", *(["--threads", str(best)] if fewer else []), *options.models, "IMAGE"]
    used = best if fewer else most
    return f"fewshot {shlex.join(words)}", (
        "no other variant that was measured is 10 % faster and as accurate; "
        f"{rates[used]:.0f} images per second on {used} thread{'s' * (used > 1)}"
    )
