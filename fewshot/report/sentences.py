"""The report in sentences: headline, protocol, rejection, what to do next."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fewshot.artifact import Artifact
from fewshot.data_checks.finding import WORDS, Finding
from fewshot.evaluation.cross_validation import Evaluation

# Control characters, line breaks, bidirectional controls, invisible and undecodable characters.
# Not the isolates U+2068 and U+2069, which `isolate` puts around names, nor joiners of letters.
_HIDDEN = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2067\ufeff\ud800-\udfff]"
)
_DATA_STEPS = {
    "leak": "keep each in one place only, because they make the accuracy look too high",
    "conflict": "keep only the right one",
    "label": "look at them first; a wrong label costs more than a missing image",
    "unreadable": "replace or remove",
    "copy": "keep one of each",
}
# An interval wider than this is worth a word; a step of the curve below this is level.
_WIDE, _LEVEL = 0.2, 0.02
_MOST_OTHER_STEPS = 2


def visible(value: Any) -> Any:
    r"""Write hidden characters of a text as escapes such as \\x1b; what is no text is returned."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return _HIDDEN.sub(lambda found: ascii(found[0])[1:-1], value)


def isolate(name: str) -> str:
    """Keep a name that is read from right to left from reordering the sentence around it."""
    inner = re.sub("[\u2068\u2069]", lambda found: ascii(found[0])[1:-1], name)
    return f"\u2068{inner}\u2069"


def percent(part: float) -> str:
    """Write a part of a whole, as 100 % and 0 % only if it is that."""
    part = round(part, 9)  # a mean of ones may differ from one
    if part in (0, 1) or 0.005 <= part < 0.995:
        return f"{100 * part:.0f}\u00a0%"
    return f"{min(max(100 * part, 0.1), 99.9):.1f}\u00a0%"


def plural(count: int, one: str, several: str = "") -> str:
    """Count things."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def headline(evaluation: Evaluation) -> dict[str, str]:
    """Return the ``figure`` that matters most, its ``name``, its ``counts`` and its ``interval``.

    It is the accuracy; of one class, whose label is always right, the part that is accepted.
    """
    total = plural(len(evaluation.truth), "image")
    right, name = int(np.trace(evaluation.confusion)), "accuracy"
    counts = f"{right:,} of {total} correct"
    if len(evaluation.classes) == 1:
        right, name = int(evaluation.known.sum()), "accepted"
        counts = f"{right:,} of {total} of {isolate(evaluation.classes[0])}"
    low, high = evaluation.interval(right)
    return {
        "figure": percent(right / len(evaluation.truth)),
        "name": name,
        "counts": counts,
        "interval": f"95\u00a0% interval {percent(low)} to {percent(high)}",
    }


def is_held_out(evaluation: Evaluation) -> bool:
    """Tell whether the training images were held out in turn, not other images tested."""
    return evaluation.protocol.endswith("cross-validation")


def protocol_text(artifact: Artifact, evaluation: Evaluation) -> str:
    """Say how images were kept from training, and which were not tested."""
    text = f"Tested on other images: {evaluation.protocol}."
    if is_held_out(evaluation):
        text = (
            f"{evaluation.protocol}: the images were split into parts, and each part was "
            "classified by a classifier trained on the other parts."
        )
    if skipped := len(evaluation.skipped):
        text += f" {plural(skipped, 'image')} could not be read and {_were(skipped)} not tested."
    trained = int((artifact.support.labels < len(artifact.classes)).sum())
    if is_held_out(evaluation) and (alone := trained - len(evaluation.names)) > 0:
        text += f" {plural(alone, 'image')} could not be held out: no other image of the class."
    return text


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def rejection_text(artifact: Artifact, evaluation: Evaluation) -> str:
    """Say how often the answer was unknown, and how often it should have been."""
    if not artifact.summary()["rejects"]:
        return "Rejection is off: this classifier never answers unknown."
    total, rejected = len(evaluation.known), int((~evaluation.known).sum())
    text = (
        f"False rejections: {rejected:,} of {plural(total, 'image')} of the classes "
        f"{_were(rejected)} called unknown, {percent(rejected / total)} "
        f"(target {percent(evaluation.reject_rate)})."
    )
    if others := len(evaluation.ood_known):
        found = int((~evaluation.ood_known).sum())
        text += (
            f" Unknown classes: of {plural(others, 'image')} of classes that were not in the "
            f"training images, {found:,} {_were(found)} called unknown, {percent(found / others)}."
        )
    return text


def confused_pairs(evaluation: Evaluation, most: int = 10) -> list[tuple[str, str, int, int]]:
    """List pairs of classes, how often the first was predicted as the second, and the reverse."""
    confusion = evaluation.confusion
    either = np.triu(confusion + confusion.T, 1)
    pairs = []
    for i, j in sorted(np.argwhere(either).tolist(), key=lambda pair: -either[tuple(pair)])[:most]:
        if confusion[j, i] > confusion[i, j]:  # the more frequent way first
            i, j = j, i
        counts = int(confusion[i, j]), int(confusion[j, i])
        pairs.append((evaluation.classes[i], evaluation.classes[j], *counts))
    return pairs


def next_steps(
    evaluation: Evaluation, findings: Sequence[Finding], curve: Mapping[str, Any] | None
) -> list[str]:
    """Say what would help: first what is wrong with the data, then two other things at most."""
    counts = Counter(finding.kind for finding in findings)
    steps = [
        f"{counts[kind]:,} {WORDS[kind][counts[kind] > 1]}: {advice}."
        for kind, advice in _DATA_STEPS.items()
        if counts[kind]
    ]
    others = [*_about_rejection(evaluation), *_about_curve(curve), *_about_confusion(evaluation)]
    correct, total = int(np.trace(evaluation.confusion)), len(evaluation.truth)
    low, high = evaluation.interval(correct)
    if high - low > _WIDE:
        others.append(f"With {plural(total, 'image')} the figure is only rough: test with more.")
    steps += others[:_MOST_OTHER_STEPS]
    if not steps and correct == total:
        steps.append("No mistakes: try images taken elsewhere, or by other people.")
    return steps


def _about_rejection(evaluation: Evaluation) -> list[str]:
    rejected = int((~evaluation.known).sum())
    too_many = evaluation.interval(rejected)[0] > 1.5 * evaluation.reject_rate > 0
    if is_held_out(evaluation) or not too_many:
        return []
    return [
        "More images were called unknown than the target: they differ from the training images. "
        "Add images like them to the training images."
    ]


def _about_curve(curve: Mapping[str, Any] | None) -> list[str]:
    """Say whether more images would help."""
    if not curve or len(curve["curve"]) < 2:
        return []
    (few, before), (many, after) = ((p["shots"], p["accuracy"]) for p in curve["curve"][-2:])
    if after - before < _LEVEL:
        return [
            f"From {few} to {many} images per class the accuracy hardly rose: more images of the "
            "same kind will not help much."
        ]
    return [
        f"Add images of every class: from {few} to {many} per class the accuracy rose from "
        f"{percent(before)} to {percent(after)}."
    ]


def _about_confusion(evaluation: Evaluation) -> list[str]:
    for one, other, there, back in confused_pairs(evaluation, 1):
        if there + back > 1:
            return [
                f"{isolate(one)} and {isolate(other)} are confused most, {there + back} times: add "
                "images that show how they differ."
            ]
    return []
