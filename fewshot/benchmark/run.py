"""Measure how fast a classifier is on this machine, and what would make it faster."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fewshot._parallel import Progress, available_processors
from fewshot.backbones.find import DEFAULT_MODELS, models_folder
from fewshot.benchmark.recommend import PrecisionRow, Situation, SizeRow, recommend
from fewshot.benchmark.timing import Timing
from fewshot.benchmark.variants import Fitted, Variant, make_variants, single_file
from fewshot.classifier.base import Classifier
from fewshot.classifier.exported import ExportedClassifier
from fewshot.classifier.few_shot import FewShotClassifier
from fewshot.classifier.load import load_classifier
from fewshot.classifier.verification import machine
from fewshot.errors import ImageError, UsageError
from fewshot.images.reference import reference_images
from fewshot.training.support_set import collect

_SECONDS = 15.0


@dataclass(frozen=True)
class Benchmark:
    """How fast a classifier is here, and how fast it could be.

    Attributes
    ----------
    classifier : str
    machine : mapping of str to str or int
    precisions : tuple of PrecisionRow
        The first is the classifier as it is.
    image_sizes : tuple of SizeRow
        In the precision of the first row.
    peak_memory_mib : float or None
        The most memory this process had held once the classifier, as it is, had answered; None
        where the system does not tell.
    notes : tuple of str
        What was not measured, and why.
    recommendation, reason : str
        A line to type, and why; see `fewshot.benchmark.recommend.recommend`.
    skipped : tuple of ImageError
        Images of the data that could not be read.
    """

    classifier: str
    machine: Mapping[str, str | int]
    precisions: tuple[PrecisionRow, ...]
    image_sizes: tuple[SizeRow, ...]
    peak_memory_mib: float | None
    notes: tuple[str, ...]
    recommendation: str
    reason: str
    skipped: tuple[ImageError, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Describe it in types that JSON knows; what was skipped is left out."""
        record = asdict(self)
        del record["skipped"]
        for row in record["precisions"]:
            rates = row["images_per_second"]
            row["images_per_second"] = {str(threads): rate for threads, rate in rates.items()}
        return record


def benchmark(
    classifier: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    *,
    negatives: str | os.PathLike[str] | None = None,
    seconds: float = _SECONDS,
    progress: Progress | None = None,
) -> Benchmark:
    """Time a classifier; in other precisions and at other image sizes too, where it has a choice.

    Times are from decoded pictures to answers; decoding a photograph comes on top, the same for
    all. Everything is timed in turn, round after round, so that what else the machine does falls
    on all alike.

    Parameters
    ----------
    classifier : path, optional
        As for `fewshot.classifier.few_shot.load_classifier`.
    data, negatives : path, optional
        The photographs it was fitted on. With them, the accuracy of every row is measured on
        images held out, by fitting again; without, only that of the classifier as it is is known.
    seconds : float
        How long to time, about, but one round at least; preparing and fitting come on top.
    progress : callable, optional
        Called with the number of rounds and fits done, and to do.

    Returns
    -------
    Benchmark

    Raises
    ------
    FewShotError
        If there is no classifier, or it cannot be fitted again on the data.
    """
    place = models_folder(classifier)
    support = None if data is None else collect(data, None, negatives)
    opened = load_classifier(place)
    _require_whole(opened)
    opened.answer(reference_images())
    memory = peak_memory()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if isinstance(opened, ExportedClassifier):
            variants = single_file(opened, support)
        else:
            variants = make_variants(opened, support, Path(folder))
        own = variants.all[0]
        fits, timing = _measure(variants.all, seconds, progress)
        rows = [_row(v, timing, fits[v]) for v in variants.all if v.image_size == own.image_size]
    sizes = [
        SizeRow(v.image_size, timing.latency_ms(v.ask), fits[v].accuracy)
        for v in sorted(variants.all, key=lambda v: v.image_size)
        if v.precision == own.precision
    ]
    given = {"--models": place, "--data": data, "--negatives": negatives}
    named = {k: os.fspath(v) for k, v in given.items() if v not in (None, DEFAULT_MODELS)}
    return Benchmark(
        str(place),
        {**machine(), "processors": available_processors()},
        tuple(rows),
        tuple(sizes),
        memory,
        variants.notes,
        *recommend(
            rows,
            Situation(variants.exportable, named, variants.negatives, variants.fitting),
            [row for row in sizes if row.image_size != own.image_size],
        ),
        fits[own].skipped,
    )


def _require_whole(classifier: Classifier) -> None:
    """Refuse a classifier whose pictures have to be searched for faces first.

    Raises
    ------
    UsageError
        The message says what to do.
    """
    if (
        isinstance(classifier, FewShotClassifier)
        and classifier.artifact_.preprocessing.crop != "whole"
    ):
        raise UsageError(
            "this classifier looks for the face in each image first, which is not timed here: "
            "fit again without --crop face to compare precisions and image sizes"
        )


def _measure(
    variants: Sequence[Variant], seconds: float, progress: Progress | None
) -> tuple[dict[Variant, Fitted], Timing]:
    """Time all variants, then fit each."""
    size = variants[0].image_size
    alone = [variant.ask for variant in variants]
    together = [variant.ask for variant in variants if variant.image_size == size]
    timing = Timing(alone, together, seconds)
    report = progress or (lambda done, total: None)
    total = timing.rounds + len(variants)
    for done in timing.run():
        report(done, total)
    fits = {}
    for done, variant in enumerate(variants, timing.rounds + 1):
        fits[variant] = variant.fit()
        report(done, total)
    return fits, timing


def _row(variant: Variant, timing: Timing, fit: Fitted) -> PrecisionRow:
    """Gather what is known of a precision."""
    return PrecisionRow(
        variant.precision,
        variant.file.stat().st_size,
        timing.latency_ms(variant.ask),
        timing.latency_ms(variant.ask, 90),
        timing.images_per_second(variant.ask),
        fit.accuracy,
    )


def peak_memory() -> float | None:
    """Return the most memory that this process has held so far, in MiB, if the system tells."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
