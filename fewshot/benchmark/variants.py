"""Make the variants of a classifier that are worth timing: other precisions, other image sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewshot.backbones.find import DEFAULT_BACKBONE
from fewshot.classifier.exported import ExportedClassifier
from fewshot.classifier.few_shot import FewShotClassifier
from fewshot.embedder import Embedder
from fewshot.errors import BackboneError, ImageError, UsageError
from fewshot.export.onnx_file import (
    PRECISIONS,
    backbone_in,
    calibration_pixels,
    require_classes,
    require_joinable,
    require_onnx,
)
from fewshot.export.quantize import drawn_pictures
from fewshot.heads.decision import Decision
from fewshot.heads.rejection import REJECT_RATE
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.source import ImageSource
from fewshot.images.views import load_views
from fewshot.training.fit import fit_artifact
from fewshot.training.support_set import SupportSet

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
        One of `fewshot.export.onnx_file.PRECISIONS`.
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
    fitting : mapping of str to str
        The options of 'fewshot fit' that it was fitted with, where they are not those by default.
    """

    all: tuple[Variant, ...]
    exportable: bool
    negatives: bool
    notes: tuple[str, ...]
    fitting: Mapping[str, str] = field(default_factory=dict)


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
    files, notes = _in_precisions(original, recipe, support, folder)
    sizes, more = _image_sizes(original, recipe)
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
    notes = [*notes, *more]
    return Variants(tuple(variants), len(files) > 1, negatives, tuple(notes), _fitting(classifier))


def _fitting(classifier: FewShotClassifier) -> dict[str, str]:
    """Word how a classifier was fitted, but for the image size, where that is not by default."""
    decision, backbone = classifier.artifact_.decision, classifier.embedder_.backbone_.path
    own = backbone.name == f"{DEFAULT_BACKBONE}.onnx"
    options = {
        "--head": (decision.head.kind, "auto"),
        "--backbone": (DEFAULT_BACKBONE if own else str(backbone), DEFAULT_BACKBONE),
        "--views": (str(classifier.artifact_.preprocessing.views), "1"),
        "--reject-rate": (f"{decision.rejection.rate:g}", f"{REJECT_RATE:g}"),
    }
    return {name: given for name, (given, default) in options.items() if given != default}


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
    again, embedded, _ = fit_artifact(
        support, embedder, decision.head.kind, decision.rejection.rate
    )
    return Fitted(_accuracy(again.measured), embedded.skipped)


def _accuracy(measured: dict[str, float]) -> float | None:
    """Read an accuracy off what was measured at fit time, if anything was."""
    images = measured.get("held_out_images")
    return measured["held_out_correct"] / images if images else None


def _in_precisions(
    embedder: Embedder, recipe: Preprocessing, support: SupportSet | None, folder: Path
) -> tuple[dict[str, Path], list[str]]:
    """Write a backbone in each precision that can be exported here; say why not in others."""
    original = embedder.backbone_.path
    files, notes = {"fp32": original}, []
    smaller = [name for name in PRECISIONS if name not in files]
    if recipe.views > 1:
        return files, [
            f"{', '.join(smaller)}: only for a classifier that looks at an image once, this one "
            f"looks {recipe.views} times; fit again with --views 1 to measure them"
        ]
    try:
        require_onnx()
        require_joinable(embedder)
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


def _image_sizes(embedder: Embedder, recipe: Preprocessing) -> tuple[list[int], list[str]]:
    """List the image sizes that a backbone takes, of those worth timing."""
    own = recipe.image_size
    if embedder.fixed_size_ is not None:
        return [own], [f"other image sizes: the backbone takes {own} x {own} pixels alone"]
    sizes = [size for size in IMAGE_SIZES if size == own or _takes(embedder, size)]
    return sorted({own, *sizes}), []


def _takes(embedder: Embedder, size: int) -> bool:
    """Tell whether a backbone takes an image size, if its graph does not forbid it."""
    if embedder.backbone_.input_format is None:
        return True
    try:  # others often say that they take any size, and do not
        embedder.load_views(np.zeros((size, size, 3), np.uint8))
    except BackboneError:
        return False
    return True
