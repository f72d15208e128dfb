"""Plots of figures: accuracy against images per class, and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot.evaluation.metrics import wilson_interval
from fewshot.heads.linear import Labels
from fewshot.report.escape import FONT_SIZE
from fewshot.report.svg import Plot, colour

_FRAME = 52
_BINS = 15  # as `fewshot.evaluation.metrics.calibration_error` has them


def curve_chart(curve: Sequence[Mapping[str, float]]) -> str:
    """Draw accuracy against images per class.

    Parameters
    ----------
    curve : sequence of mapping
        ``shots`` and ``accuracy``, from `fewshot.evaluation.learning_curve.learning_curve`.

    Returns
    -------
    str
        An ``svg`` element.
    """
    shots = [int(point["shots"]) for point in curve]
    accuracy = [100 * point["accuracy"] for point in curve]
    plot = Plot("curve", 400, 300)
    axes = plot.axes(_FRAME, 20, 400 - _FRAME - 24, 300 - 20 - 50)
    axes.set_xscale("log", base=2)
    axes.plot(shots, accuracy, color=colour("right"), lw=2.5, marker="o", ms=7)
    low = max(0, min(accuracy) - 15)
    low = low // 10 * 10 if low >= 50 else low // 20 * 20
    axes.set(ylim=(low, 105), xlim=(shots[0] / 1.25, max(shots[-1] * 1.25, 2)))
    axes.set_xticks(shots, [str(n) for n in shots])
    axes.xaxis.set_minor_locator(_no_ticks())
    percents = range(int(low), 101, 10 if low >= 50 else 20)
    axes.set_yticks(percents, [f"{p} %" for p in percents])
    axes.grid(axis="y")
    axes.tick_params(length=0, pad=6)
    axes.set_xlabel("images per class", labelpad=8)
    for n, value in zip(shots, accuracy, strict=True):
        below = value > 15  # else it would be written into the axis
        axes.annotate(
            f"{value:.0f} %",
            (n, value),
            (0, -10 if below else 10),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
        )
    words = ", ".join(f"{value:.0f} % at {n}" for n, value in zip(shots, accuracy, strict=True))
    return plot.svg(f"Accuracy against images per class: {words}")


def _no_ticks() -> Any:
    """Return matplotlib's way to say none."""
    from matplotlib.ticker import NullLocator

    return NullLocator()


def reliability_chart(probabilities: NDArray[np.float32], truth: Labels) -> str:
    """Draw how often answers are right against how sure they are.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n_images, n_classes)
    truth : ndarray of int64, shape (n_images,)

    Returns
    -------
    str
        An ``svg`` element: a reliability diagram (DeGroot and Fienberg 1983) with the 95 %
        interval of each bin, and below it the number of images in each.
    """
    highest, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((highest * _BINS).astype(int), _BINS - 1)
    filled = np.unique(bins)
    counts = np.bincount(bins, minlength=_BINS)
    plot = Plot("reliability", 400, 400)
    upper = plot.axes(_FRAME, 14, 400 - _FRAME - 14, 250)
    lower = plot.axes(_FRAME, 286, 400 - _FRAME - 14, 64)
    upper.plot([0, 1], [0, 1], color=colour("soft"), lw=1, dashes=(4, 4))
    for i in filled:
        hits = int(right[bins == i].sum())
        low, high = wilson_interval(hits, int(counts[i]))
        x, gid = (
            float(highest[bins == i].mean()),
            plot.titled(
                [f"{hits} of {counts[i]} right at a probability of {highest[bins == i].mean():.2f}"]
            ),
        )
        upper.plot([x, x], [low, high], color=colour("right"), lw=2, alpha=0.45)
        upper.plot([x], [hits / counts[i]], color=colour("right"), marker="o", ms=8, gid=gid)
    _scale(upper)
    _draw_counts(lower, counts)
    error = f"{len(truth)} images in {len(filled)} bins"
    return plot.svg(f"Reliability diagram: part of right answers against probability, {error}")


def _scale(axes: Any) -> None:
    """Say what the axes are."""
    places = [0, 0.25, 0.5, 0.75, 1]
    axes.set(xlim=(0, 1.02), ylim=(0, 1.03), ylabel="part that is right", xticks=places)
    axes.set_yticks(places, [f"{p:g}" for p in places])
    axes.set_xticks(places, [""] * len(places))
    axes.grid()
    axes.tick_params(length=0, pad=6)


def _draw_counts(axes: Any, counts: NDArray[np.intp]) -> None:
    """Draw how many images each bin holds."""
    centres = (np.arange(_BINS) + 0.5) / _BINS
    axes.bar(centres, counts, 0.86 / _BINS, color=colour("right"), alpha=0.45)
    for x, count in zip(centres, counts.tolist(), strict=True):
        if count:
            text = str(count) if count < 1000 else f"{count / 1000:.0f}k"
            axes.annotate(
                text,
                (x, count),
                (0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                size=FONT_SIZE - 2,
            )
    places = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(places, [f"{p:g}" for p in places])
    axes.set(xlim=(0, 1.02), ylim=(0, counts.max() * 1.3), yticks=[], ylabel="images")
    axes.set_xlabel("probability it gives", labelpad=8)
    axes.tick_params(length=0, pad=6)
