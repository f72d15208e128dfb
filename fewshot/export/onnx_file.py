"""Put a classifier into one ONNX file, with all that is needed to use it in any language."""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fewshot._files import replacing, require_writable
from fewshot.artifact import Artifact
from fewshot.classifier.exported import metadata_of
from fewshot.classifier.few_shot import FewShotClassifier
from fewshot.embedder import Embedder
from fewshot.errors import FewShotWarning, ImageError, SupportError, UsageError
from fewshot.export.graph import join_graphs
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.reference import reference_images
from fewshot.images.source import ImageSource
from fewshot.images.views import load_views
from fewshot.training.fit import answer_references
from fewshot.training.support_set import Negatives, SupportData, gather

if TYPE_CHECKING:
    import onnx

# What of the metadata is too long for the file beside, and what of it is JSON.
_LONG = ("summary", "references")
_NUMBERS = (
    "classes image_size crop_fraction resize_in_graph temperature threshold reject_rate".split()
)
# Images that int8 is calibrated on, a few seconds' work.
_CALIBRATED_ON = 48
PRECISIONS = ("fp32", "fp16", "int16", "int8")


def export_classifier(
    classifier: FewShotClassifier,
    path: str | os.PathLike[str] = "classifier.onnx",
    *,
    precision: str = "fp32",
    resize_in_graph: bool = False,
    data: SupportData | None = None,
    negatives: Negatives | None = None,
) -> Path:
    """Write a classifier as one ONNX file of standard operators.

    Parameters
    ----------
    classifier : FewShotClassifier
        Fitted, looking at each image once.
    path : path
        The file; a small JSON with the labels and the recipe is written beside it.
    precision : {"fp32", "fp16", "int16", "int8"}
        How the backbone's weights are kept: as they are; in half the size, with arithmetic in
        fp32 (int16 is closer to the original than fp16); or in a third of the size, with
        arithmetic in 8 bits.
    resize_in_graph : bool
        Let the file take photographs of any size, instead of ones brought to the backbone's.
    data, negatives : as for `FewShotClassifier.fit`, optional
        The photographs of the support set. "int8" is calibrated on them, and its head fitted on
        them again; without them, on drawn pictures, and the head is kept, which costs accuracy.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If there is no such precision, or the classifier looks at each image several times, or its
        backbone was not exported by fewshot.
        Or if the package onnx is not installed.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"precision is {precision!r}; expected one of {', '.join(PRECISIONS)}")
    require_onnx()
    artifact, path = classifier._fitted, Path(path)
    _require_free(path, classifier.embedder_.backbone_.path)
    if artifact.preprocessing.views > 1:
        raise UsageError(
            f"this classifier looks at each image {artifact.preprocessing.views} times, and a "
            "single file looks once: fit again with --views 1, or carry the folder"
        )
    if artifact.preprocessing.crop != "whole":
        raise UsageError(
            "this classifier looks for the face in each image first, which a single file cannot: "
            "carry the folder, or fit again without --crop face"
        )
    require_joinable(classifier.embedder_)
    backbone, artifact = _backbone(classifier, precision, data, negatives)
    model = join_graphs(artifact, backbone, resize_in_graph)
    return _write(model, metadata_of(artifact, precision, resize_in_graph), path)


def require_joinable(embedder: Embedder) -> None:
    """Refuse a backbone that takes something else than pixels as they are.

    Raises
    ------
    UsageError
        The message says why, and what to do.
    """
    backbone = embedder.backbone_
    if form := backbone.input_format:
        raise UsageError(
            f"{backbone.path.name}: takes {form.input_layout} {form.input_type} as "
            f"{form.input!r}, and only backbones written by scripts/export/backbone.py, which "
            "take pixels as they are, can be made into one file or another precision; carry the "
            "folder instead"
        )


def _require_free(path: Path, backbone: Path) -> None:
    """Refuse to write where something else would be lost, before work is done."""
    if path.suffix != ".onnx":
        raise UsageError(f"{path}: expected a name that ends in .onnx")
    if path.is_dir() or path.resolve() == backbone.resolve():
        state = "is a folder" if path.is_dir() else "is the classifier's own backbone"
        raise UsageError(f"{path}: {state}; give another name")
    if not (_is_ours(path) and _is_ours(path.with_suffix(".json"))):
        raise UsageError(
            f"{path}: it, or the .json beside it, is there and was not written by fewshot export; "
            "give another name"
        )
    require_writable(path.parent)


def _is_ours(path: Path) -> bool:
    """Tell whether a file may be replaced: it is not there, or an export put it there."""
    return not path.exists() or b"fewshot_classifier" in path.read_bytes()


def require_onnx() -> None:
    """Say what to install where onnx is missing."""
    if importlib.util.find_spec("onnx") is None:
        raise UsageError(
            "writing ONNX files needs the package onnx, which is not installed: "
            "pip install 'fewshot[onnx]'"
        )


def backbone_in(
    precision: str, path: Path, pixels: Iterable[NDArray[np.uint8]] | None = None
) -> onnx.ModelProto:
    """Read a backbone file in another precision.

    Parameters
    ----------
    precision : {"fp32", "fp16", "int16", "int8"}
    path : Path
    pixels : iterable of ndarray of uint8, shape (n, image_size, image_size, 3), optional
        What to calibrate "int8" on; drawn pictures by default.
    """
    require_onnx()
    import onnx

    from fewshot.export.quantize import drawn_pictures, to_fp16, to_int8, to_int16

    model = onnx.load(path)
    if precision == "fp16":
        return to_fp16(model)
    if precision == "int16":
        return to_int16(model)
    if precision == "int8":
        size = int(next(p.value for p in model.metadata_props if p.key == "image_size"))
        return to_int8(model, pixels or [drawn_pictures(_CALIBRATED_ON, size)])
    return model


def calibration_pixels(
    images: Sequence[ImageSource], preprocessing: Preprocessing
) -> Iterator[NDArray[np.uint8]]:
    """Yield photographs to calibrate on as a backbone gets them.

    Parameters
    ----------
    images : sequence of ImageSource
        As many as needed are taken, evenly; those that cannot be read are left out.
    preprocessing : Preprocessing

    Yields
    ------
    ndarray of uint8, shape (views, image_size, image_size, 3)
    """
    for image in images[:: -(-len(images) // _CALIBRATED_ON)]:
        try:
            yield load_views(image, preprocessing).pixels
        except ImageError:  # reported when the image is embedded
            continue


def _backbone(
    classifier: FewShotClassifier,
    precision: str,
    data: SupportData | None,
    negatives: Negatives | None,
) -> tuple[onnx.ModelProto, Artifact]:
    """Bring the backbone to a precision, and fit again what its embeddings have moved."""
    path = classifier.embedder_.backbone_.path
    if precision != "int8":
        return backbone_in(precision, path), classifier.artifact_
    recipe = classifier.artifact_.preprocessing
    if data is None:
        from fewshot.export.quantize import drawn_pictures

        pixels: Iterable[NDArray[np.uint8]] = [drawn_pictures(_CALIBRATED_ON, recipe.image_size)]
    else:
        pixels = calibration_pixels(gather(data).images, recipe)
    model = backbone_in(precision, path, pixels)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / path.name
        file.write_bytes(model.SerializeToString())
        if data is not None:
            return model, _fit_again(classifier, file, data, negatives)
        warnings.warn(
            "int8 without photographs: calibrated on drawn pictures, and the head is not fitted "
            "again; give the data it was fitted on to keep the accuracy",
            FewShotWarning,
            stacklevel=3,
        )
        artifact = classifier.artifact_
        embeddings = Embedder(file, preprocessing=recipe).embed(reference_images())
        references = answer_references(embeddings, artifact.decision)
        unknown = dict.fromkeys(artifact.measured, 0.0)  # what was measured is not of this one
        return model, replace(artifact, references=references, measured=unknown)


def _fit_again(
    classifier: FewShotClassifier, backbone: Path, data: SupportData, negatives: Negatives | None
) -> Artifact:
    """Fit the same kind of classifier on another backbone."""
    decision = classifier.artifact_.decision
    if classifier.artifact_.has_negatives and negatives is None:
        raise SupportError("the classifier was fitted with negatives; give them too")
    again = FewShotClassifier(
        decision.head.kind,
        backbone,
        image_size=classifier.artifact_.preprocessing.image_size,
        reject_rate=decision.rejection.rate,
        threads=classifier.threads,
    ).fit(data, negatives=negatives)
    require_classes(again.classes_, classifier.classes_)
    return again.artifact_


def require_classes(found: Sequence[str], known: Sequence[str]) -> None:
    """Refuse data of other classes than a classifier knows."""
    if tuple(found) != tuple(known):
        raise SupportError(
            f"the data hold the classes {', '.join(found)}, the classifier knows "
            f"{', '.join(known)}; give the data it was fitted on"
        )


def _write(model: onnx.ModelProto, metadata: dict[str, str], path: Path) -> Path:
    """Write the file, and beside it what a program wants to know without opening it."""
    from onnx import checker, helper

    helper.set_model_props(model, metadata)
    model.producer_name = "fewshot"
    checker.check_model(model, full_check=True)
    with replacing(path) as stream:
        stream.write(model.SerializeToString(deterministic=True))
    beside = {"file": path.name}
    for key, value in metadata.items():
        if key not in _LONG:
            beside[key] = json.loads(value) if key in _NUMBERS else value
    with replacing(path.with_suffix(".json")) as stream:
        # What cannot be encoded is escaped, as JSON does.
        text = json.dumps(beside, indent=2, ensure_ascii=False)
        stream.write(text.encode("utf-8", "backslashreplace") + b"\n")
    return path
