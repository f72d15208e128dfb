"""Make the variants of a classifier that are worth timing: other precisions, other image sizes.

Timing them is left to `fewshot.benchmarking`, writing one for use to `fewshot.export`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewshot.classifier import FewShotClassifier
from fewshot.decision import Decision
from fewshot.embedder import Embedder
from fewshot.errors import BackboneError, ImageError, UsageError
from fewshot.export import (
    PRECISIONS,
    backbone_in,
    calibration_pixels,
    require_classes,
    require_onnx,
)
from fewshot.exported import ExportedClassifier
from fewshot.fitting import fit_artifact
from fewshot.images import ImageSource, load_views
from fewshot.precision import drawn_pictures
from fewshot.preprocessing import Preprocessing
from fewshot.sessions import open_session
from fewshot.support import SupportSet

IMAGE_SIZES = (96, 128, 160, 192, 224, 256, 288, 320)
# Drawn pictures to calibrate on, where there is only time to be measured.
_DRAWN = 2


@dataclass(frozen=True)
class Fitted:
    """How a classifier did on images held out: accuracy in [0, 1] or None, and what it skipped."""

    accuracy: float | None
    skipped: tuple[ImageError, ...] = ()


@dataclass(frozen=True, eq=False)
class Variant:
    """A classifier as it could be.

    Attributes
    ----------
    precision : str
        One of `fewshot.export.PRECISIONS`.
    image_size : int
    file : Path
        Of the backbone, or of all in one.
    ask : callable
        Answers for one image.
    fit : callable
        Fits again with the data, if there are any, and measures.
    """

    precision: str
    image_size: int
    file: Path
    ask: Callable[[ImageSource], object]
    fit: Callable[[], Fitted]


@dataclass(frozen=True, eq=False)
class Variants:
    """All variants of a classifier that can be had here.

    Attributes
    ----------
    all : tuple of Variant
        The classifier as it is first.
    exportable : bool
        Whether 'fewshot export' can write them.
    negatives : bool
        Whether the classifier was fitted with images of none of the classes.
    notes : tuple of str
        What there is no variant of, or is not known of them, and why.
    """

    all: tuple[Variant, ...]
    exportable: bool
    negatives: bool
    notes: tuple[str, ...]


def single_file(classifier: ExportedClassifier, support: SupportSet | None) -> Variants:
    """Describe an exported classifier, which is what it is.

    Raises
    ------
    UsageError
        If there are data, with which it cannot be fitted again.
    """
    path = classifier.path
    if support is not None:
        raise UsageError(
            f"{path}: a single file cannot be fitted again, so data tell nothing about it; "
            "give the folder it was exported from with --models"
        )
    measured = Fitted(_accuracy(classifier.summary()["measured"]))
    size = classifier.preprocessing_.image_size
    only = Variant(classifier.precision_, size, path, classifier.classify, lambda: measured)
    note = "other precisions and image sizes need the folder it was exported from: give --models"
    return Variants((only,), False, False, (note,))


def make_variants(
    classifier: FewShotClassifier, support: SupportSet | None, folder: Path
) -> Variants:
    """Make a classifier's backbone in every precision, and see which image sizes it takes.

    Parameters
    ----------
    classifier : FewShotClassifier
    support : SupportSet, optional
        The photographs it was fitted on.
    folder : Path
        Where backbones may be written.

    Raises
    ------
    SupportError
        If the photographs are of other classes.
    """
    if support is not None:
        require_classes(support.classes, classifier.classes_)
    original, recipe = classifier.embedder_, classifier.artifact_.preprocessing
    negatives = classifier.artifact_.has_negatives
    files, notes = _in_precisions(original.backbone_.path, recipe, support, folder)
    sizes, more = _image_sizes(original.backbone_.path, recipe)
    if support is None:
        more.append("accuracy that is not known: give --data to know")
    elif negatives and None not in support.labels:
        more.append("accuracy: measured without the negatives it was fitted with; give --negatives")
    wanted = [(name, recipe.image_size) for name in files]
    wanted += [("fp32", size) for size in sizes if size != recipe.image_size]
    embedders = {name: Embedder(file, preprocessing=recipe) for name, file in files.items()}
    embedders["fp32"] = original
    variants = [
        _variant(classifier, name, embedders[name], replace(recipe, image_size=size), support)
        for name, size in wanted
    ]
    return Variants(tuple(variants), len(files) > 1, negatives, (*notes, *more))


def _variant(
    classifier: FewShotClassifier,
    precision: str,
    embedder: Embedder,
    recipe: Preprocessing,
    support: SupportSet | None,
) -> Variant:
    """Put a variant together; those of the same file share its session."""
    artifact, file = classifier.artifact_, embedder.backbone_.path
    ask = partial(_ask, artifact.decision, embedder, recipe)
    if support is not None:
        fit = partial(_fit, classifier, Embedder(file, preprocessing=recipe), support)
        return Variant(precision, recipe.image_size, file, ask, fit)
    as_it_is = embedder is classifier.embedder_ and recipe == artifact.preprocessing
    known = Fitted(_accuracy(artifact.measured) if as_it_is else None)
    return Variant(precision, recipe.image_size, file, ask, lambda: known)


def _ask(
    decision: Decision, embedder: Embedder, recipe: Preprocessing, image: ImageSource
) -> object:
    """Answer for an image as a classifier does, at any size."""
    return decision.decide(embedder.embed_views(load_views(image, recipe))[np.newaxis])


def _fit(classifier: FewShotClassifier, embedder: Embedder, support: SupportSet) -> Fitted:
    """Fit the same kind of classifier on other embeddings."""
    decision = classifier.artifact_.decision
    again, skipped, _ = fit_artifact(support, embedder, decision.head.kind, decision.rejection.rate)
    return Fitted(_accuracy(again.measured), skipped)


def _accuracy(measured: dict[str, float]) -> float | None:
    """Read an accuracy off what was measured at fit time, if anything was."""
    images = measured.get("held_out_images")
    return measured["held_out_correct"] / images if images else None


def _in_precisions(
    original: Path, recipe: Preprocessing, support: SupportSet | None, folder: Path
) -> tuple[dict[str, Path], list[str]]:
    """Write a backbone in each precision that can be exported here; say why not in others."""
    files, notes = {"fp32": original}, []
    smaller = [name for name in PRECISIONS if name not in files]
    if recipe.views > 1:
        return files, [
            f"{', '.join(smaller)}: only for a classifier that looks at an image once, this one "
            f"looks {recipe.views} times; fit again with --views 1 to measure them"
        ]
    try:
        require_onnx()
    except UsageError as error:
        return files, [f"{', '.join(smaller)}: {error}"]
    for name in smaller:
        try:
            model = backbone_in(name, original, _pixels(recipe, support))
        except BackboneError as error:
            notes.append(f"{name}: {error}")
            continue
        files[name] = folder / f"{name}.onnx"
        files[name].write_bytes(model.SerializeToString())
    return files, notes


def _pixels(recipe: Preprocessing, support: SupportSet | None) -> Iterable[NDArray[np.uint8]]:
    """Yield pictures to calibrate on: photographs, or drawn ones."""
    if support is None:
        return [drawn_pictures(_DRAWN, recipe.image_size)]
    return calibration_pixels(support.images, recipe)


def _image_sizes(backbone: Path, recipe: Preprocessing) -> tuple[list[int], list[str]]:
    """List the image sizes that a backbone takes, of those worth timing."""
    own = recipe.image_size
    _, height, width, _ = open_session(backbone).get_inputs()[0].shape
    if isinstance(height, int) or isinstance(width, int):
        return [own], [f"other image sizes: the backbone takes {own} x {own} pixels alone"]
    return sorted({own, *IMAGE_SIZES}), []
