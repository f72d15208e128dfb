"""What a report says in sentences: the headline, how it was measured, what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fewshot.artifact import Artifact
from fewshot.data_checks.finding import Finding
from fewshot.evaluation.cross_validation import Evaluation
from fewshot.evaluation.metrics import wilson_interval
from fewshot.report.escape import clean, named

_DOUBTFUL = ("label", "conflict")
# More of an interval than this is worth a word; a step of the curve below this is level.
_WIDE, _LEVEL = 0.2, 0.02


def percent(part: float) -> str:
    """Word a part of a whole, 100 % and 0 % only if it is that."""
    if part in (0, 1) or 0.005 <= part < 0.995:
        return f"{100 * part:.0f}\u00a0%"
    return f"{min(max(100 * part, 0.1), 99.9):.1f}\u00a0%"


def plural(count: int, one: str, several: str = "") -> str:
    """Count things."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def headline(evaluation: Evaluation, summary: Mapping[str, Any]) -> tuple[str, str]:
    """Return the figure that matters most, and what it says.

    With one class every label is right; what counts is how many images were known.
    """
    total, right = summary["images"], summary["correct"]
    part, low, high = (summary[f"accuracy{end}"] for end in ("", "_low", "_high"))
    says = f"{right:,} of {plural(total, 'image')} got the right label"
    if len(evaluation.classes) == 1:
        right = int(evaluation.known.sum())
        part, (low, high) = right / total, wilson_interval(right, total)
        label = named(evaluation.classes[0])
        says = f"{right:,} of {plural(total, 'image')} of {label} were known as such"
    interval = f"95\u00a0% interval {percent(low)} to {percent(high)}"
    return percent(part), f"<b>{says}</b> <span>({interval})</span>"


def title(evaluation: Evaluation) -> str:
    """Name the report, without markup."""
    figure, _ = headline(evaluation, evaluation.to_dict())
    return f"{figure} right, {plural(len(evaluation.classes), 'class', 'classes')}"


def is_held_out(evaluation: Evaluation) -> bool:
    """Tell whether the support set itself was asked about, not other images."""
    return evaluation.protocol.endswith(("leave-one-out", "cross-validation"))


def how_measured(evaluation: Evaluation) -> str:
    """Say how images were kept from the fit."""
    skipped = len(evaluation.skipped)
    left = f" {plural(skipped, 'image')} could not be read." if skipped else ""
    protocol = clean(evaluation.protocol)
    if evaluation.protocol == "leave-one-out":
        text = "each image was asked about once, by a classifier fitted on all the others"
        protocol = "Leave-one-out"
    elif is_held_out(evaluation):
        text = (
            "the images were dealt into parts, and each part was asked about by a classifier "
            "fitted on all the other parts"
        )
    else:
        return f"Measured on other images than it was fitted on: {protocol}.{left}"
    return f"{protocol}: {text}, so no image had been seen before.{left}"


def about_unknown(artifact: Artifact, evaluation: Evaluation, summary: Mapping[str, Any]) -> str:
    """Say how often the answer was unknown, and how often it should have been."""
    if not artifact.summary()["rejects"]:
        return (
            "It never says unknown: no image could be left out to learn that from, or the reject "
            "rate is 0."
        )
    total, away = summary["images"], int((~evaluation.known).sum())
    text = (
        f"{away:,} of {total:,} genuine images were called unknown, {percent(away / total)} "
        f"(asked for: {percent(summary['reject_rate'])})."
    )
    if ood_images := summary["ood_images"]:
        called = int((~evaluation.ood_known).sum())
        text += f" Of {plural(ood_images, 'image')} of classes it was not shown, {called:,} were."
    return text


def confused_pairs(evaluation: Evaluation, most: int = 10) -> list[tuple[str, str, int, int]]:
    """List classes taken for each other: two names, how often the one way, and the other."""
    confusion = evaluation.confusion
    either = np.triu(confusion + confusion.T, 1)
    pairs = []
    for i, j in sorted(np.argwhere(either).tolist(), key=lambda pair: -either[tuple(pair)])[:most]:
        if confusion[j, i] > confusion[i, j]:  # the commoner way first
            i, j = j, i
        counts = int(confusion[i, j]), int(confusion[j, i])
        pairs.append((evaluation.classes[i], evaluation.classes[j], *counts))
    return pairs


def next_steps(
    evaluation: Evaluation,
    summary: Mapping[str, Any],
    findings: Sequence[Finding],
    curve: Mapping[str, Any] | None,
) -> list[str]:
    """Say in two sentences at most what would help, the surest help first."""
    steps = []
    doubtful = sum(finding.kind in _DOUBTFUL for finding in findings)
    if doubtful:
        which = "a label" if doubtful == 1 else f"{doubtful:,} labels"
        steps.append(
            f"Look at {which} that may be wrong, listed below: a wrong label costs more than a "
            "missing image."
        )
    away, total, rate = int((~evaluation.known).sum()), summary["images"], summary["reject_rate"]
    if not is_held_out(evaluation) and wilson_interval(away, total)[0] > 1.5 * rate > 0:
        steps.append(
            "More images were called unknown than asked for: they do not look like those it was "
            "fitted on. Fit on some like them."
        )
    if curve:
        steps += _about_curve(curve)
    if pairs := confused_pairs(evaluation, 1):
        one, other, there, back = pairs[0]
        if (count := there + back) > 1:
            steps.append(
                f"{named(one)} and {named(other)} are confused most, {count} times: add images "
                "that show what sets them apart."
            )
    if summary["accuracy_high"] - summary["accuracy_low"] > _WIDE:
        steps.append(
            f"With {plural(summary['images'], 'image')} this is known only roughly; more images "
            "tell it better."
        )
    if not steps and summary["correct"] == summary["images"]:
        steps.append("Nothing was confused: try it on images taken elsewhere, or by other people.")
    return steps[:2]


def _about_curve(curve: Mapping[str, Any]) -> list[str]:
    """Say whether more images would help, and of which class most."""
    points = curve["curve"]
    if len(points) < 2:
        return []
    (few, before), (many, after) = ((p["shots"], p["accuracy"]) for p in points[-2:])
    if after - before < _LEVEL:
        return [
            f"From {few} to {many} images per class accuracy hardly rose: more images of the same "
            "kind will not help much."
        ]
    most = f"; more photos of {named(curve['wanted'])} would help most" if curve["wanted"] else ""
    return [
        f"More images would help: from {few} to {many} per class accuracy rose from "
        f"{percent(before)} to {percent(after)}{most}."
    ]
