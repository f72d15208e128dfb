"""Write a report on a classifier: one HTML file that a person understands at a glance."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fewshot._files import replacing, require_writable
from fewshot._parallel import Progress
from fewshot.artifact import Artifact
from fewshot.data_checks.finding import Finding
from fewshot.errors import SupportError, UsageError
from fewshot.evaluation.cross_validation import Evaluation
from fewshot.evaluation.learning_curve import learning_curve
from fewshot.images.source import ImageSource
from fewshot.report.mistakes import (
    MOST_MISTAKES,
    mistakes_part,
    turned_away_part,
    want_for_mistakes,
)
from fewshot.report.plots import plot_sections
from fewshot.report.sections import (
    about_part,
    classes_part,
    findings_part,
    section,
    top_part,
    want_for_findings,
)
from fewshot.report.sentences import is_held_out, title
from fewshot.report.svg import require_matplotlib
from fewshot.report.thumbnails import Album

_MARK = b'<meta name="generator" content="fewshot">'
_SHOTS = (1, 2, 4, 8, 16, 32, 64)
# Accuracies of so many answers differ little by chance; few images are drawn from more often.
_ANSWERS, _DRAWS = 1500, (5, 15)


def write_report(
    artifact: Artifact,
    evaluation: Evaluation,
    path: str | os.PathLike[str],
    *,
    findings: Sequence[Finding] | None = None,
    photographs: Mapping[str, ImageSource] | None = None,
    asked: Mapping[str, ImageSource] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write what was measured of a classifier as a page for people.

    Parameters
    ----------
    artifact : Artifact
        A fitted classifier.
    evaluation : Evaluation
        Of that classifier: its support set held out in turn, or other labelled images.
    path : path
        The HTML file; an earlier report there is replaced.
    findings : sequence of Finding, optional
        What a check of the images found; None if they were not checked.
    photographs : mapping of str to ImageSource, optional
        Where the photographs of support images are, by their names. Those that are missing or
        cannot be read are shown as a tile with the name.
    asked : mapping of str to ImageSource, optional
        The same for the images of the evaluation; by default `photographs` if the support set was
        held out, else none.
    progress : callable, optional
        Called with how many steps are done, and how many there are.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    UsageError
        If matplotlib is missing, the file cannot be written, or another file is there.
    """
    path = Path(path)
    require_matplotlib()
    require_replaceable(path)
    support = Album(photographs or {}, "s")
    held_out = asked is None and is_held_out(evaluation)
    album = support if held_out else Album(asked or {}, "q")
    parts = _compose(artifact, evaluation, findings, album, support, progress)
    template = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
    # In one pass, so that braces in names are left alone.
    page = re.sub(r"\{\{(\w+)\}\}", lambda field: parts[field[1]], template)
    with replacing(path) as stream:
        stream.write(page.encode())
    return path


def require_replaceable(path: Path) -> None:
    """Refuse to write where something else is, before work is done for it.

    Raises
    ------
    UsageError
        If a file is there that is no report, or none can be written.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; give the name of a file, such as report.html")
    if path.exists() and _MARK not in path.read_bytes()[:4096]:
        raise UsageError(f"{path}: is there and is no report of fewshot; give another name")
    require_writable(path.parent)


def _compose(
    artifact: Artifact,
    evaluation: Evaluation,
    findings: Sequence[Finding] | None,
    asked: Album,
    support: Album,
    progress: Progress | None,
) -> dict[str, str]:
    """Make the parts of the page."""
    summary, several = evaluation.to_dict(), len(artifact.classes) > 1
    mistakes = summary["mistakes"][:MOST_MISTAKES]
    want_for_mistakes(evaluation, mistakes, asked, support)
    albums = [support] if asked is support else [support, asked]
    want_for_findings(findings or (), albums)
    curve = _prepare(artifact, albums, progress)
    shown = mistakes_part(mistakes, len(summary["mistakes"]), asked, support) if several else ""
    table = classes_part(summary) if several else ""
    return {
        "title": title(evaluation),
        "photographs": "\n".join(album.css() for album in albums),
        "top": top_part(artifact, evaluation, summary, findings or (), curve),
        "findings": section("check", "Check of the images", findings_part(findings, albums)),
        "mistakes": section("mistakes", "Mistakes", shown, turned_away_part(evaluation, asked)),
        "classes": section("classes", "Classes", table),
        "about": about_part(artifact),
        **plot_sections(artifact, evaluation, curve),
    }


def _prepare(
    artifact: Artifact, albums: Sequence[Album], progress: Progress | None
) -> dict[str, Any] | None:
    """Make the copies of the photographs and measure the learning curve, which take long."""
    wanted = [(album, name) for album in albums for name in album.wanted]
    for done, (album, name) in enumerate(wanted, 1):
        album.shrink(name)
        if progress:
            progress(done, len(wanted) + 1)
    curve = _measure_curve(artifact)
    if progress:
        progress(len(wanted) + 1, len(wanted) + 1)
    return curve


def _measure_curve(artifact: Artifact) -> dict[str, Any] | None:
    """Measure accuracy against images per class, if there are enough images."""
    if len(artifact.classes) == 1:  # the only label is always right
        return None
    few, many = _DRAWS
    draws = min(max(_ANSWERS // len(artifact.support.names), few), many)
    try:
        return learning_curve(artifact, _SHOTS, draws)
    except SupportError:
        return None
