"""The plot of a map of the support set, on which like lies by like."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import SupportRecord
from fewshot.heads.linear import Labels
from fewshot.report.escape import shorten, text_width
from fewshot.report.projection import project
from fewshot.report.svg import N_COLOURS, Plot, colour

MOST_NAMED = 20
_SIDES, _EDGE, _LINE = (760, 560), 18, 17
_SHAPES = ("o", "s", "^", "D", "v", "P", "X", "p")
_NAME_WIDTH, _BOLD = 150, 1.1
# Marks are smaller where there are many.
_CROWD, _MARK_SIZES = 400, (8, 5.5)


def map_chart(support: SupportRecord, classes: Sequence[str], mistakes: Collection[str]) -> str:
    """Draw the map.

    Parameters
    ----------
    support : SupportRecord
        As many images as `fewshot.projection.choose` returns.
    classes : sequence of str
        What its labels are positions in; one past the last are negatives.
    mistakes : collection of str
        Names of images to mark.

    Returns
    -------
    str
        An ``svg`` element. Classes differ in colour and shape; they are named where they lie up
        to 20 classes, and numbered beyond.
    """
    plot = Plot("map", *_SIDES)
    width, height = (side - 2 * _EDGE for side in _SIDES)
    axes = plot.axes(_EDGE, _EDGE, width, height)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    places = project(support.embeddings) * (width, height)
    wrong = np.array([name in mistakes for name in support.names])
    size = _MARK_SIZES[len(places) > _CROWD]
    axes.plot(
        *places[wrong].T,
        "o",
        ls="none",
        ms=size * 1.9,
        mfc="none",
        mec=colour("mark"),
        mew=2,
        clip_on=False,
    )
    for number in np.unique(support.labels).tolist():
        _draw_class(plot, axes, support, places, number, classes)
    _write_names(plot, axes, places, support.labels, classes)
    label = f"Map of {len(places)} support images of {len(classes)} classes, like by like"
    return plot.svg(f"{label}; {int(wrong.sum())} mistakes are marked", least_width=640)


def _draw_class(
    plot: Plot,
    axes: Any,
    support: SupportRecord,
    places: NDArray[np.float32],
    number: int,
    classes: Sequence[str],
) -> None:
    """Draw the points of a class, or of the negatives."""
    rows = np.flatnonzero(support.labels == number)
    label = classes[number] if number < len(classes) else "none of the classes"
    gid = plot.titled([f"{label}: {support.names[row]}" for row in rows])
    shape, face = _look(number, len(classes))
    size = _MARK_SIZES[len(places) > _CROWD]
    style = {"ms": size, "mfc": face, "mec": colour("card"), "mew": 1, "clip_on": False}
    axes.plot(*places[rows].T, shape, ls="none", gid=gid, **style)


def _look(number: int, n_classes: int) -> tuple[str, str]:
    """Choose the shape and colour of a class."""
    if number == n_classes:
        return "X", colour("soft")
    return _SHAPES[number // N_COLOURS % len(_SHAPES)], colour(f"class-{number % N_COLOURS}")


@dataclass(frozen=True)
class Box:
    """A rectangle that holds words, in pixels."""

    left: float
    top: float
    width: float
    height: float

    def meets(self, other: Box) -> bool:
        """Tell whether the two overlap."""
        return (
            abs(self.left + self.width / 2 - other.left - other.width / 2)
            < (self.width + other.width) / 2
            and abs(self.top + self.height / 2 - other.top - other.height / 2)
            < (self.height + other.height) / 2
        )


def _write_names(
    plot: Plot, axes: Any, places: NDArray[np.float32], labels: Labels, classes: Sequence[str]
) -> None:
    """Write names or numbers in the middle of classes, where they hide no other."""
    named, taken = len(classes) <= MOST_NAMED, list[Box]()
    for number, label in enumerate(classes):
        words, own = label if named else str(number + 1), places[labels == number]
        width = text_width(shorten(words, _NAME_WIDTH)) * _BOLD + 18
        box = _find_room(np.median(own, axis=0), width, taken) if len(own) else None
        if box is None:  # pointing at the images still tells
            continue
        taken.append(box)
        y = box.top + box.height / 2
        shape, face = _look(number, len(classes))
        axes.plot([box.left + 7], [y], shape, ms=_MARK_SIZES[0], mfc=face, mec=colour("ink"), mew=1)
        plot.write(
            axes, box.left + 14, y, words, _NAME_WIDTH, ha="left", va="center", weight="bold"
        )


def _find_room(middle: NDArray[np.float32], width: float, taken: Sequence[Box]) -> Box | None:
    """Find the place for words nearest to where they belong that nothing is written in."""
    right, bottom = (side - 2 * _EDGE for side in _SIDES)
    steps = sorted(
        ((dx, dy) for dx in range(-4, 5) for dy in range(-8, 9)),
        key=lambda s: (s[0] * 2.0) ** 2 + s[1] ** 2,
    )
    for dx, dy in steps:
        left = min(max(middle[0] - width / 2 + dx * 30, 0), right - width)
        top = min(max(middle[1] - _LINE / 2 + dy * _LINE, 0), bottom - _LINE)
        box = Box(float(left), float(top), width, _LINE)
        if not any(box.meets(other) for other in taken):
            return box
    return None
