"""Bring a classifier's backbone to another precision, and fit the head again where it must be."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from fewshot._optional import require
from fewshot.artifact import Artifact
from fewshot.classifier.few_shot import FewShotClassifier
from fewshot.embedder import Embedder
from fewshot.errors import FewShotWarning, ImageError, SupportError, UsageError
from fewshot.export.quantize import draw_images, to_fp16, to_int8
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.reference import reference_images
from fewshot.images.source import ImageSource
from fewshot.images.views import load_views
from fewshot.training.fit import answer_references
from fewshot.training.support_set import Negatives, SupportData, gather

if TYPE_CHECKING:
    import onnx

    from fewshot.heads.linear import HeadKind

PRECISIONS = ("fp32", "fp16", "int8")
# A few seconds' work.
_CALIBRATION_IMAGES = 48


def require_precision(precision: str) -> None:
    """Raise UsageError if there is no such precision."""
    if precision == "int16":
        raise UsageError("precision 'int16' is not written any more; use fp16, of the same size")
    if precision not in PRECISIONS:
        raise UsageError(f"precision is {precision!r}; expected one of {', '.join(PRECISIONS)}")


def convert_backbone(
    precision: str, path: Path, pixels: Iterable[NDArray[np.uint8]] | None = None
) -> onnx.ModelProto:
    """Read a backbone file in another precision.

    Parameters
    ----------
    precision : {"fp32", "fp16", "int8"}
    path : Path
    pixels : iterable of ndarray of uint8, shape (n, image_size, image_size, 3), optional
        Images to calibrate "int8" on; drawn ones by default.
    """
    model: onnx.ModelProto = require("onnx", "onnx", "writing ONNX files").load(path)
    if precision == "fp16":
        return to_fp16(model)
    if precision == "int8":
        size = int(next(p.value for p in model.metadata_props if p.key == "image_size"))
        return to_int8(model, pixels or [draw_images(_CALIBRATION_IMAGES, size)])
    return model


def calibration_pixels(
    images: Sequence[ImageSource], preprocessing: Preprocessing
) -> Iterator[NDArray[np.uint8]]:
    """Yield pixels of evenly chosen images to calibrate on; unreadable ones are left out."""
    for image in images[:: -(-len(images) // _CALIBRATION_IMAGES)]:
        try:
            yield load_views(image, preprocessing).pixels
        except ImageError:  # reported when the image is embedded
            continue


def convert_classifier(
    classifier: FewShotClassifier,
    precision: str,
    data: SupportData | None,
    negatives: Negatives | None,
) -> tuple[onnx.ModelProto, Artifact]:
    """Return the backbone in a precision, and the artifact that goes with it."""
    path, artifact = classifier.embedder_.backbone_.path, classifier.artifact_
    if precision != "int8":
        return convert_backbone(precision, path), artifact
    pixels = None
    if data is not None:
        pixels = calibration_pixels(gather(data).images, artifact.preprocessing)
    model = convert_backbone(precision, path, pixels)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / path.name
        file.write_bytes(model.SerializeToString())
        if data is not None:
            return model, _fit_again(classifier, file, data, negatives)
        warnings.warn(
            "int8 without images: calibrated on drawn ones, and the head is not fitted again; give "
            "the training images to keep the accuracy",
            FewShotWarning,
            stacklevel=3,
        )
        return model, _keep_head(artifact, file)


def _keep_head(artifact: Artifact, backbone: Path) -> Artifact:
    """Replace what another backbone changes: reference answers, and measurements, now unknown."""
    embedder = Embedder(backbone, preprocessing=artifact.preprocessing)
    references = answer_references(embedder.embed(reference_images()), artifact.decision)
    return replace(artifact, references=references, measured=dict.fromkeys(artifact.measured, 0.0))


def _fit_again(
    classifier: FewShotClassifier, backbone: Path, data: SupportData, negatives: Negatives | None
) -> Artifact:
    """Fit the same kind of classifier on another backbone."""
    artifact = classifier.artifact_
    if artifact.has_negatives and negatives is None:
        raise SupportError("the classifier was fitted with negatives; give them too")
    again = FewShotClassifier(
        cast("HeadKind", artifact.decision.head.kind),
        backbone,
        image_size=artifact.preprocessing.image_size,
        reject_rate=artifact.decision.rejection.rate,
        threads=classifier.threads,
    ).fit(data, negatives=negatives)
    require_classes(again.class_names_, classifier.class_names_)
    return again.artifact_


def require_classes(found: Sequence[str], expected: Sequence[str]) -> None:
    """Raise SupportError if data hold other classes than a classifier."""
    if tuple(found) != tuple(expected):
        raise SupportError(
            f"the data hold the classes {', '.join(found)}, the classifier "
            f"{', '.join(expected)}; give the data it was fitted on"
        )
