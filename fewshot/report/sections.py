"""The parts of a report between its plots: figures, findings and the table of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fewshot.artifact import Artifact
from fewshot.data_checks.finding import KINDS, WORDS, Finding
from fewshot.evaluation.cross_validation import Evaluation
from fewshot.report.escape import clean, named
from fewshot.report.sentences import (
    about_unknown,
    confused_pairs,
    headline,
    how_measured,
    next_steps,
    percent,
)
from fewshot.report.thumbnails import SMALL, Album, picture

# So many findings of a kind are shown, and so many photographs with each.
_MOST_FINDINGS, _MOST_IMAGES = 20, 6
_LONG_TABLE = 25
_FIRST = ("conflict", "label", "leak")  # these make figures wrong


def section(name: str, heading: str, *parts: str) -> str:
    """Put a heading over parts; nothing at all if there are none."""
    body = "\n".join(part for part in parts if part)
    if not body:
        return ""
    title = f'<h2 id="{name}-h">{heading}</h2>'
    return f'<section id="{name}" aria-labelledby="{name}-h">{title}\n{body}\n</section>'


def top_part(
    artifact: Artifact,
    evaluation: Evaluation,
    summary: Mapping[str, Any],
    findings: Sequence[Finding],
    curve: Mapping[str, Any] | None,
) -> str:
    """Say what matters most: how good it is, how that was measured, and what to do next."""
    figure, says = headline(evaluation, summary)
    steps = "".join(f"<p>{step}</p>" for step in next_steps(evaluation, summary, findings, curve))
    return (
        f'<div class="headline"><p class="figure">{figure}</p><p>{says}</p></div>'
        f"{_figures(evaluation, artifact, summary)}"
        f"<p>{how_measured(evaluation)} {about_unknown(artifact, evaluation, summary)}</p>"
        + (f'<div class="card next"><h2>What to do next</h2>{steps}</div>' if steps else "")
    )


def _figures(evaluation: Evaluation, artifact: Artifact, summary: Mapping[str, Any]) -> str:
    """List the figures next to the headline."""
    shots = artifact.summary()
    rows = {
        "classes": f"{len(artifact.classes):,}",
        "images fitted on": f"{sum(shots['classes'].values()):,}",
    }
    if shots["negatives"]:
        rows["negatives"] = f"{shots['negatives']:,}"
    rows["images asked about"] = f"{summary['images']:,}"
    if shots["rejects"]:
        rows["genuine, called unknown"] = percent(summary["false_rejection_rate"])
        if summary["ood_images"]:
            rows["strangers, called unknown"] = percent(summary["ood_rejection_rate"])
    cells = "".join(f"<div><dt>{term}</dt><dd>{value}</dd></div>" for term, value in rows.items())
    return f'<dl class="figures">{cells}</dl>'


def want_for_findings(findings: Sequence[Finding], albums: Sequence[Album]) -> None:
    """Ask for the photographs that the findings show, of the albums that have them."""
    for _, group in _grouped(findings):
        for finding in group[:_MOST_FINDINGS]:
            for album in albums:
                album.want(finding.images[:_MOST_IMAGES], SMALL)


def findings_part(findings: Sequence[Finding] | None, albums: Sequence[Album]) -> str:
    """List what the check of the images found, by kind."""
    if findings is None:
        return ""
    if not findings:
        return "<p>The check of the images found nothing that needs attention.</p>"
    return "".join(_finding_group(kind, group, albums) for kind, group in _grouped(findings))


def _grouped(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Sort findings by kind, those that matter most first."""
    kinds = sorted(KINDS, key=lambda kind: (kind not in _FIRST, KINDS.index(kind)))
    groups = {kind: [f for f in findings if f.kind == kind] for kind in kinds}
    return [(kind, group) for kind, group in groups.items() if group]


def _finding_group(kind: str, group: Sequence[Finding], albums: Sequence[Album]) -> str:
    """List the findings of a kind below their number."""
    items = "".join(_finding(finding, albums) for finding in group[:_MOST_FINDINGS])
    more = len(group) - _MOST_FINDINGS
    rest = f"<p>and {more:,} more</p>" if more > 0 else ""
    one, several = WORDS[kind]
    words = one if len(group) == 1 else several
    return (
        f'<details class="card group"{" open" if len(group) <= 3 else ""}><summary><b>'
        f"{len(group):,}</b> {words}</summary><ul>{items}</ul>{rest}</details>"
    )


def _finding(finding: Finding, albums: Sequence[Album]) -> str:
    """Word a finding, with its photographs where they are."""
    names = finding.images[:_MOST_IMAGES]
    pairs = ((name, next((a for a in albums if a.css_class(name)), None)) for name in names)
    shown = [picture(album, name, "small") for name, album in pairs if album]
    pictures = f'<span class="photos">{"".join(shown)}</span>' if shown else ""
    label = f"{named(finding.label)}: " if finding.label and not names else ""
    images = ", ".join(map(named, names))
    images = f"<small>{images}</small>" if images else ""
    return (
        f"<li>{pictures}<div>{label}{clean(finding.found)}{images}"
        f"<small>{clean(finding.advice)}</small></div></li>"
    )


def pairs_part(evaluation: Evaluation) -> str:
    """List the classes most confused with each other."""
    pairs = confused_pairs(evaluation)
    if not pairs or len(evaluation.classes) == 2:
        return ""
    items = ""
    for one, other, there, back in pairs:
        ways = f"{there} of the first taken for the second"
        ways += f", {back} the other way round" if back else ""
        items += (
            f"<li><b>{there + back}</b><span>{named(one)} and {named(other)}</span>"
            f"<small>{ways}</small></li>"
        )
    return f'<h3>Most confused</h3><ol class="pairs">{items}</ol>'


def classes_part(summary: Mapping[str, Any]) -> str:
    """Put the classes in a table, the weakest first."""
    numbered = enumerate(summary["classes"].items(), 1)
    order = sorted(numbered, key=lambda row: (row[1][1]["recall"], row[1][1]["precision"]))
    rows = "".join(
        f'<tr><td>{number}</td><th scope="row">{named(label)}</th><td>{row["images"]}</td>'
        f"{_bar(row['precision'])}{_bar(row['recall'])}</tr>"
        for number, (label, row) in order
        if row["images"]
    )
    heads = "".join(
        f'<th scope="col"{" aria-sort=ascending" if head == "recall" else ""}>{head}</th>'
        for head in ("no.", "class", "images", "precision", "recall")
    )
    long = " long" if len(summary["classes"]) > _LONG_TABLE else ""
    return (
        f'<div class="scroll{long}" tabindex="0" role="region" aria-label="Table of the classes">'
        f'<table class="sortable"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _bar(part: float) -> str:
    """Write a part of a whole in a cell, and draw it."""
    return f'<td class="bar" style="--part:{part:.3f}">{part:.2f}</td>'


def plot_part(svg: str, caption: str, scrolls: str = "") -> str:
    """Put a caption below a plot; one that is given a name scrolls where there is no room."""
    box = f' class="scroll" tabindex="0" role="region" aria-label="{scrolls}"' if scrolls else ""
    return f"<figure><div{box}>{svg}</div><figcaption>{caption}</figcaption></figure>"


def about_part(artifact: Artifact) -> str:
    """Say what the classifier is made of."""
    summary = artifact.summary()
    made_with = ", ".join(f"{name} {number}" for name, number in summary["versions"].items())
    rows = {
        "fitted": f"{summary['created']} {made_with}".strip(),
        "backbone": f"{summary['backbone']['name']}, sha256 {summary['backbone']['sha256'][:16]}",
        "head": f"{summary['head']}, temperature {summary['temperature']:.3g}",
        "views": str(summary["preprocessing"]["views"]),
    }
    return "".join(f"<dt>{term}</dt><dd>{clean(value)}</dd>" for term, value in rows.items())
