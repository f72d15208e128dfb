"""Measure how fast a classifier is on this machine, and which variant would be faster."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fewshot._parallel import Progress, available_processors
from fewshot.backbones.find import DEFAULT_BACKBONE, DEFAULT_MODELS, models_folder
from fewshot.benchmark.recommend import Options, Row, recommend
from fewshot.benchmark.timing import threads_to_try, time_round
from fewshot.benchmark.variants import make_variants
from fewshot.classifier.exported import ExportedClassifier
from fewshot.classifier.few_shot import FewShotClassifier
from fewshot.classifier.load import load_classifier
from fewshot.classifier.verification import machine
from fewshot.errors import ImageError, UsageError
from fewshot.export.precision import PRECISIONS, require_classes
from fewshot.images.reference import reference_images
from fewshot.training.fit import fit_artifact
from fewshot.training.support_set import SupportSet, collect

Classifier: TypeAlias = ExportedClassifier | FewShotClassifier
AnyPath: TypeAlias = str | os.PathLike[str]
Variants: TypeAlias = Sequence[tuple[str, Classifier]]

_MOST_ROUNDS = 60
_FOLDER = "give --models the folder that it was exported from"


@dataclass(frozen=True)
class Benchmark:
    """Speed, memory and accuracy of a classifier and its variants on this machine.

    The first row is the classifier as it is. `peak_memory_mib` is that of this process once it has
    answered, None on Windows; `notes` say what was not measured, and why; `recommendation` is a
    command; `skipped` are the images of the data that could not be read.
    """

    classifier: str
    machine: Mapping[str, str | int]
    rows: tuple[Row, ...]
    peak_memory_mib: float | None
    notes: tuple[str, ...]
    recommendation: str
    reason: str
    skipped: tuple[ImageError, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as types that JSON has, without what was skipped."""
        summary = asdict(self)
        del summary["skipped"]
        return summary


def benchmark(
    classifier: AnyPath | None = None,
    data: AnyPath | None = None,
    *,
    negatives: AnyPath | None = None,
    seconds: float = 15.0,
    progress: Progress | None = None,
) -> Benchmark:
    """Time a classifier, and its variants in other precisions and at other image sizes.

    Times are from decoded images to answers: decoding takes the same time for all variants.
    """
    place = models_folder(classifier)
    support = None if data is None else collect(data, None, negatives)
    opened = load_classifier(place)
    _require_timeable(opened, support)
    opened.answer(reference_images())
    memory = peak_memory()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        variants, notes = _variants(opened, support, Path(folder))
        rows, skipped = _measure(variants, support, seconds, progress or (lambda *_: None))
    return Benchmark(
        str(place),
        {**machine(), "processors": available_processors()},
        tuple(rows),
        memory,
        tuple(notes),
        *recommend(rows, _options(opened, place, data, negatives)),
        skipped,
    )


def _require_timeable(classifier: Classifier, support: SupportSet | None) -> None:
    if isinstance(classifier, ExportedClassifier):
        if support is not None:
            raise UsageError(
                f"{classifier.path}: an exported file cannot be fitted again; {_FOLDER}"
            )
    elif classifier.artifact_.preprocessing.crop != "whole":
        raise UsageError(
            "this classifier finds the face in each image first, which cannot be timed here: fit "
            "again without --crop face to compare precisions and image sizes"
        )
    elif support is not None:
        require_classes(support.classes, classifier.class_names_)


def _variants(
    classifier: Classifier, support: SupportSet | None, folder: Path
) -> tuple[Variants, list[str]]:
    if isinstance(classifier, ExportedClassifier):
        note = f"other precisions and image sizes: {_FOLDER}"
        return [(classifier.precision_, classifier)], [note]
    variants, notes = make_variants(classifier, support, folder)
    if support is None:
        notes.append("accuracy that is not known: measure it with --data")
    elif classifier.artifact_.has_negatives and None not in support.labels:
        notes.append(
            "accuracy: measured without the negatives it was fitted with; give --negatives"
        )
    return list(variants), notes


def _measure(
    variants: Variants, support: SupportSet | None, seconds: float, progress: Progress
) -> tuple[list[Row], tuple[ImageError, ...]]:
    """Time all variants in turn; then fit each, if there are training images."""
    tasks = [classifier.classify for _, classifier in variants]
    begun = perf_counter()
    time_round(tasks)  # slower than those that count
    rounds = max(1, min(_MOST_ROUNDS, int(seconds / (perf_counter() - begun))))
    steps = rounds if support is None else rounds + len(variants)
    times = []
    for done in range(1, rounds + 1):
        times.append(time_round(tasks))
        progress(done, steps)
    rows = [
        _row(*variant, speed) for variant, speed in zip(variants, np.median(times, 0), strict=True)
    ]
    skipped: tuple[ImageError, ...] = ()
    for n, (_, classifier) in enumerate(variants):
        if support is not None and isinstance(classifier, FewShotClassifier):
            decision = classifier.artifact_.decision
            artifact, embedded, _ = fit_artifact(
                support, classifier.embedder_, decision.head.kind, decision.rejection.rate
            )
            skipped = embedded.skipped
            rows[n] = replace(rows[n], accuracy=_accuracy(artifact.measured))
            progress(rounds + n + 1, steps)
    return rows, skipped


def _row(precision: str, classifier: Classifier, seconds: NDArray[np.float64]) -> Row:
    """Describe a variant by its file and its seconds per image on each number of threads."""
    rates = {threads: float(1 / s) for threads, s in zip(threads_to_try(), seconds, strict=True)}
    if isinstance(classifier, ExportedClassifier):
        path, size = classifier.path, classifier.preprocessing_.image_size
        accuracy = _accuracy(classifier.summary()["measured"])
    else:
        path = classifier.embedder_.backbone_.path
        size = classifier.embedder_.preprocessing_.image_size
        own = (precision, size) == (PRECISIONS[0], classifier.artifact_.preprocessing.image_size)
        accuracy = _accuracy(classifier.artifact_.measured) if own else None
    return Row(precision, size, path.stat().st_size, 1000 * float(seconds[0]), rates, accuracy)


def _accuracy(measured: Mapping[str, float]) -> float | None:
    """Return the held-out accuracy, if any image was held out."""
    images = measured.get("held_out_images")
    return measured["held_out_correct"] / images if images else None


def _options(
    classifier: Classifier, place: Path, data: AnyPath | None, negatives: AnyPath | None
) -> Options:
    """Gather what the recommended command must repeat."""
    models = () if place == DEFAULT_MODELS else ("--models", str(place))
    if isinstance(classifier, ExportedClassifier):
        return Options(models)
    defaults = inspect.signature(FewShotClassifier).parameters
    fit: list[str] = []
    for name in ("head", "views", "reject_rate"):
        if (value := getattr(classifier, name)) != defaults[name].default:
            fit += [f"--{name.replace('_', '-')}", str(value)]
    if (backbone := classifier.embedder_.backbone_.path).stem != DEFAULT_BACKBONE:
        fit += ["--backbone", str(backbone)]
    given = ("--negatives", os.fspath(negatives or "DIR"))
    has_negatives = classifier.artifact_.has_negatives
    return Options(models, tuple(fit), given if has_negatives else (), os.fspath(data or "DATA"))


def peak_memory() -> float | None:
    """Return the most memory that this process has held, in MiB, if the system tells."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
