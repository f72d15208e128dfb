"""The sections of a report that are plots, and what the plots say in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fewshot.artifact import Artifact
from fewshot.evaluation.cross_validation import Evaluation
from fewshot.evaluation.metrics import calibration_error
from fewshot.report.charts import curve_chart, reliability_chart
from fewshot.report.confusion_chart import MOST_NAMED, confusion_chart
from fewshot.report.embedding_map import MOST_NAMED as MOST_NAMED_IN_MAP
from fewshot.report.embedding_map import map_chart
from fewshot.report.projection import choose
from fewshot.report.sections import pairs_part, plot_part, section
from fewshot.report.sentences import is_held_out
from fewshot.report.svg import drawing


def plot_sections(
    artifact: Artifact, evaluation: Evaluation, curve: Mapping[str, Any] | None
) -> dict[str, str]:
    """Draw all plots.

    Parameters
    ----------
    artifact : Artifact
    evaluation : Evaluation
    curve : mapping or None
        From `fewshot.evaluation.learning_curve.learning_curve`; None if it could not be measured.

    Returns
    -------
    dict of str to str
        HTML of the sections ``confusion``, ``curve``, ``reliability`` and ``map``. With one class
        there is nothing to confuse and every label is right, so only the map is drawn.

    Raises
    ------
    UsageError
        If there is no matplotlib.
    """
    with drawing():
        if len(artifact.classes) == 1:
            return {
                "confusion": "",
                "curve": "",
                "reliability": "",
                "map": _map(artifact, evaluation),
            }
        return {
            "confusion": _confusion(evaluation),
            "curve": _curve(artifact, curve),
            "reliability": _reliability(evaluation),
            "map": _map(artifact, evaluation),
        }


def _confusion(evaluation: Evaluation) -> str:
    """Show which classes are taken for which."""
    caption = "Rows are the true classes, columns the labels given; blue is right, orange is wrong."
    if len(evaluation.classes) > MOST_NAMED:
        caption += " Numbers are those of the table below; point at a cell to see its classes."
    plot = plot_part(
        confusion_chart(evaluation.confusion, evaluation.classes), caption, "Confusion matrix"
    )
    parts = f'<div class="split">{plot}<div>{pairs_part(evaluation)}</div></div>'
    return section("confusion", "What is taken for what", parts)


def _curve(artifact: Artifact, curve: Mapping[str, Any] | None) -> str:
    """Show what more images bring."""
    heading = "Accuracy against images per class"
    if curve is None:
        return section("curve", heading, "<p>Not measured: a class has only one image.</p>")
    caption = (
        "Mean recall of the classes, fitted on so many images of each, drawn by chance again and "
        "again, and asked about the rest."
    )
    return section("curve", heading, plot_part(curve_chart(curve["curve"]), caption))


def _reliability(evaluation: Evaluation) -> str:
    """Show whether probabilities mean what they say."""
    error = calibration_error(evaluation.probabilities, evaluation.truth)
    caption = (
        f"Expected calibration error {error:.3f}. On the dashed line, answers are right as often "
        "as their probability says; above it more often, below it they are too sure. Lines through "
        "the points are 95\u00a0% intervals, long where there are few images."
    )
    chart = reliability_chart(evaluation.probabilities, evaluation.truth)
    return section("reliability", "Do probabilities mean what they say?", plot_part(chart, caption))


def _map(artifact: Artifact, evaluation: Evaluation) -> str:
    """Show the support set as the network sees it."""
    wrong = evaluation.probabilities.argmax(axis=1) != evaluation.truth
    held_out = is_held_out(evaluation)
    mistakes = {evaluation.names[i] for i in wrong.nonzero()[0]} if held_out else set()
    shown = choose(artifact.support, mistakes)
    caption = "Each point is a support image; images that the network finds alike lie close by."
    if mistakes:
        caption += " Rings mark mistakes."
    if len(artifact.classes) > MOST_NAMED_IN_MAP:
        caption += " Numbers are those of the table of classes."
    if len(shown.names) < len(artifact.support.names):
        caption += f" {len(shown.names)} of {len(artifact.support.names)} images, chosen by chance."
    caption += " Point at one to see its name. Distances between far groups mean little."
    plot = plot_part(map_chart(shown, artifact.classes, mistakes), caption, "Map")
    return section("map", "Map of the images", plot)
