"""The plot of a confusion matrix, of two classes or a hundred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fewshot.heads.linear import Labels
from fewshot.report.escape import shorten, text_width
from fewshot.report.svg import Plot, colour

# Up to so many classes are called by name, and counts are written in the cells.
MOST_NAMED = 30
_NAME_WIDTH = 150
_SMALL = 11.0


def confusion_chart(confusion: Labels, classes: Sequence[str]) -> str:
    """Draw which classes are taken for which.

    Parameters
    ----------
    confusion : ndarray of int64, shape (n_classes, n_classes)
        Counts: rows are true, columns given.
    classes : sequence of str

    Returns
    -------
    str
        An ``svg`` element. A cell is the darker the larger its part of the row; right answers
        and wrong ones have colours of their own.
    """
    n = len(classes)
    named = n <= MOST_NAMED
    cell = min(72, max(26, 560 // n)) if named else max(6, 640 // n)
    widest = max(text_width(shorten(label, _NAME_WIDTH)) for label in classes)
    edge = round(widest) + 34 if named else 54
    plot = Plot("confusion", edge + n * cell + 10, edge + n * cell + 10)
    axes = plot.axes(edge, edge, n * cell, n * cell)
    axes.set(xlim=(0, n), ylim=(n, 0), xticks=[], yticks=[])
    axes.spines[["top", "right"]].set_visible(True)
    _draw_cells(plot, axes, confusion, classes)
    for i in _ticks(n) if not named else range(n):
        words = classes[i] if named else str(i + 1)
        plot.write(axes, -7 / cell, i + 0.5, words, _NAME_WIDTH, ha="right", va="center")
        plot.write(
            axes, i + 0.5, -7 / cell, words, _NAME_WIDTH, ha="left", va="center", rotation=90
        )
    middle, far = n / 2, (edge - 10) / cell
    soft: dict[str, Any] = {"color": colour("soft"), "ha": "center", "va": "center", "size": _SMALL}
    plot.write(axes, middle, -far, "label given", **soft)
    plot.write(axes, -far, middle, "true class", rotation=90, **soft)
    wrong = int(confusion.sum() - np.trace(confusion))
    label = f"Confusion matrix of {n} classes: {wrong} of {confusion.sum()} images off the diagonal"
    return plot.svg(label, least_width=min(plot.width, 620 if n > 5 else 0))


def _ticks(n: int) -> list[int]:
    """Choose the classes whose number is written."""
    return [0, *range(9, n, 10)]


def _draw_cells(plot: Plot, axes: Any, confusion: Labels, classes: Sequence[str]) -> None:
    """Shade cells that hold anything, and write how much."""
    from matplotlib.patches import Rectangle

    images = np.maximum(confusion.sum(axis=1), 1)
    named = len(classes) <= MOST_NAMED
    if named:
        lines = range(1, len(classes))
        axes.hlines(lines, 0, len(classes), color=colour("line"), lw=1)
        axes.vlines(lines, 0, len(classes), color=colour("line"), lw=1)
    for row, column in np.argwhere(confusion).tolist():
        count, part = int(confusion[row, column]), confusion[row, column] / images[row]
        true, given = classes[row], classes[column]
        verdict = "right" if row == column else f"taken for {given}"
        gid = plot.titled([f"{true}: {count} of {images[row]} {verdict}"])
        shade = 0.15 + 0.85 * float(part) ** 0.7 if named else 0.4 + 0.6 * float(part) ** 0.7
        face = colour("right" if row == column else "wrong")
        axes.add_patch(
            Rectangle((column, row), 1, 1, facecolor=face, alpha=shade, linewidth=0, gid=gid)
        )
        if named:
            ink = colour("on-shade" if shade > 0.6 else "ink")
            plot.write(
                axes, column + 0.5, row + 0.5, str(count), color=ink, ha="center", va="center"
            )
