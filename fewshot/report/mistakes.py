"""The section of mistakes: images with a wrong label, or wrongly called unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fewshot.evaluation.cross_validation import Evaluation
from fewshot.report.escape import named
from fewshot.report.sentences import plural
from fewshot.report.thumbnails import LARGE, SMALL, Album, picture

# So many mistakes are shown with their photographs, so many at once, and so many called unknown.
MOST_MISTAKES, _AT_ONCE, _MOST_UNKNOWN = 60, 12, 24


def want_for_mistakes(
    evaluation: Evaluation, mistakes: Sequence[Mapping[str, Any]], asked: Album, support: Album
) -> None:
    """Ask for the photographs that are shown with mistakes."""
    asked.want((mistake["image"] for mistake in mistakes), LARGE)
    asked.want((evaluation.names[i] for i in _turned_away(evaluation)[:_MOST_UNKNOWN]), SMALL)
    for mistake in mistakes:
        support.want((neighbour["image"] for neighbour in mistake["nearest"]), SMALL)


def mistakes_part(
    mistakes: Sequence[Mapping[str, Any]], total: int, asked: Album, support: Album
) -> str:
    """Show wrong answers, the surest first, with what each rests on."""
    if not total:
        return "<p>There are none.</p>"
    unknown = sum(not mistake["known"] for mistake in mistakes)
    shown = f" The {len(mistakes)} surest are shown." if len(mistakes) < total else ""
    which = "those shown" if shown else "these"
    said = f" Of {which}, {unknown} were called unknown." if unknown else ""
    cards = [_mistake(mistake, asked, support) for mistake in mistakes]
    first, later = "".join(cards[:_AT_ONCE]), "".join(cards[_AT_ONCE:])
    more = (
        f'<details class="more"><summary>Show {len(cards) - _AT_ONCE} more</summary>'
        f'<div class="mistakes">{later}</div></details>'
        if later
        else ""
    )
    return (
        f"<p>{plural(total, 'image')} got a wrong label, the surest first.{shown}{said} "
        "With each are the support images most like it, and their similarity.</p>"
        f'<div class="mistakes">{first}</div>{more}'
    )


def _mistake(mistake: Mapping[str, Any], asked: Album, support: Album) -> str:
    """Show a wrong answer."""
    neighbours = "".join(_neighbour(each, mistake, support) for each in mistake["nearest"])
    unknown = "" if mistake["known"] else ' <span class="badge">unknown</span>'
    return (
        f'<article class="card mistake">{picture(asked, mistake["image"], "large")}<div>'
        f'<p class="truth"><span>is</span> {named(mistake["truth"])}</p>'
        f'<p class="given"><span>taken for</span> {named(mistake["label"])}</p>'
        f'<p class="sure">probability {mistake["probability"]:.2f}{unknown}</p>'
        f'</div><ol class="nearest">{neighbours}</ol>'
        f'<p class="file">{named(mistake["image"])}</p></article>'
    )


def _neighbour(each: Mapping[str, Any], mistake: Mapping[str, Any], support: Album) -> str:
    """Show a support image that is like one that got a wrong answer."""
    label = "none of the classes" if each["label"] is None else each["label"]
    kind = {mistake["truth"]: "agrees", mistake["label"]: "misled"}.get(each["label"], "")
    return (
        f'<li class="{kind}">{picture(support, each["image"], "small")}{named(label)}'
        f"<small>{each['similarity']:.2f}</small></li>"
    )


def _turned_away(evaluation: Evaluation) -> list[int]:
    """Find the images that would have got their own label, but were called unknown."""
    right = evaluation.probabilities.argmax(axis=1) == evaluation.truth
    return np.flatnonzero(right & ~evaluation.known).tolist()


def turned_away_part(evaluation: Evaluation, asked: Album) -> str:
    """Show images of the classes that were called unknown."""
    rows = _turned_away(evaluation)
    items = "".join(
        f"<li>{picture(asked, evaluation.names[row], 'small')}"
        f"{named(evaluation.classes[evaluation.truth[row]])}</li>"
        for row in rows[:_MOST_UNKNOWN]
    )
    if not items:
        return ""
    more = len(rows) - _MOST_UNKNOWN
    rest = f"<p>and {more:,} more</p>" if more > 0 else ""
    heading = f"{plural(len(rows), 'image')} called unknown that had the right label"
    return f'<h3>{heading}</h3><ol class="nearest away">{items}</ol>{rest}'
