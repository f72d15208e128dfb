"""Write a report on a classifier: one self-contained HTML file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fewshot._files import replacing, require_replaceable
from fewshot._optional import require
from fewshot._parallel import Progress
from fewshot.artifact import Artifact
from fewshot.data_checks.finding import Finding
from fewshot.errors import SupportError
from fewshot.evaluation.cross_validation import Evaluation
from fewshot.evaluation.learning_curve import learning_curve
from fewshot.report.charts import calibration_bins, scale_curve
from fewshot.report.embedding_map import embedding_map
from fewshot.report.mistakes import false_rejections, mistake_cards
from fewshot.report.sections import finding_groups
from fewshot.report.sentences import (
    confused_pairs,
    headline,
    is_held_out,
    next_steps,
    percent,
    plural,
    protocol_text,
    rejection_text,
    visible,
)
from fewshot.report.thumbnails import Album, Images

_MARK = b'<meta name="generator" content="fewshot">'
_SHOTS = (1, 2, 4, 8, 16, 32, 64)
# Accuracies of so many answers differ little by chance; few images are drawn from more often.
_ANSWERS, _DRAWS = 1500, (5, 15)


def write_report(
    artifact: Artifact,
    evaluation: Evaluation,
    file: str | os.PathLike[str],
    *,
    findings: Sequence[Finding] | None = None,
    images: Images | None = None,
    test_images: Images | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write an evaluation of a classifier as one HTML file.

    UsageError: if jinja2 is missing, the file cannot be written, or another file is there.
    """
    path = Path(file)
    require_report(path)
    album, training = Album(), images or {}
    tested = training if is_held_out(evaluation) else test_images or {}
    summary = evaluation.to_dict()
    shown = {
        "album": album,
        "has_images": bool(tested or training),
        "groups": finding_groups(findings or (), album, {**tested, **training}),
        "mistakes": mistake_cards(summary["mistakes"], album, tested, training),
        "rejections": false_rejections(evaluation, album, tested),
    }
    curve = _prepare(artifact, album, progress)
    page = _template().render(
        **shown,
        **_measured(artifact, evaluation, curve),
        summary=summary,
        steps=next_steps(evaluation, findings or (), curve),
        checked=findings is not None,
        folder=folder and os.fspath(folder),
    )
    with replacing(path) as stream:
        stream.write(page.encode())
    return path


def require_report(path: Path) -> None:
    """Refuse to write where something else is, before work is done for it.

    Raises
    ------
    UsageError
        If jinja2 is missing, a file is there that is no report, or none can be written.
    """
    require("jinja2", "report", "a report")
    require_replaceable(path, _MARK)


def _prepare(artifact: Artifact, album: Album, progress: Progress | None) -> dict[str, Any] | None:
    """Read the images and measure the learning curve, which take long."""
    total = len(album) + 1
    album.load(lambda done: progress and progress(done, total))
    curve = _measure_curve(artifact)
    if progress:
        progress(total, total)
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


def _measured(
    artifact: Artifact, evaluation: Evaluation, curve: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the sentences and charts about what was measured."""
    wrong = evaluation.predicted != evaluation.truth
    rows = np.flatnonzero(wrong & is_held_out(evaluation))
    marked = {evaluation.names[row] for row in rows}  # training images that are mistakes
    return {
        "fitted": artifact.summary(),
        "headline": headline(evaluation),
        "protocol": protocol_text(artifact, evaluation),
        "rejection": rejection_text(artifact, evaluation),
        "pairs": confused_pairs(evaluation),
        "curve": curve and scale_curve(curve),
        "bins": calibration_bins(evaluation),
        "map": embedding_map(artifact.support, artifact.classes, marked),
        "marked": marked,
    }


def _template() -> Any:
    """Return the template; it escapes all text, and makes hidden characters visible."""
    jinja2 = require("jinja2", "report", "a report")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=visible,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "plural": plural}
    return environment.get_template("report.html")
