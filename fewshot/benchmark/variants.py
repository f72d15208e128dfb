"""Make the variants of a classifier that can be timed: other precisions, other image sizes."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot.classifier.few_shot import FewShotClassifier
from fewshot.embedder import Embedder
from fewshot.errors import BackboneError, UsageError
from fewshot.export.onnx_file import require_exportable
from fewshot.export.precision import PRECISIONS, calibration_pixels, convert_backbone
from fewshot.export.quantize import draw_images
from fewshot.images.views import Views
from fewshot.training.support_set import SupportSet

IMAGE_SIZES = (96, 128, 160, 192, 224, 256, 288, 320)
# Drawn images to calibrate on, where only the speed matters.
_DRAWN = 2


def make_variants(
    classifier: FewShotClassifier, support: SupportSet | None, folder: Path
) -> tuple[list[tuple[str, FewShotClassifier]], list[str]]:
    """Put other backbones and image sizes under a classifier's head.

    Returns
    -------
    variants : list of (str, FewShotClassifier)
        Each with its precision; first the classifier as it is. Backbones are written to `folder`.
    notes : list of str
        What cannot be had, and why.
    """
    embedder, now = classifier.embedder_, classifier.artifact_.preprocessing
    files, notes = _convert(classifier, support, folder)
    variants = [(PRECISIONS[0], classifier)]
    for precision, path in files.items():
        other = Embedder(path, preprocessing=now, threads=classifier.threads)
        variants.append((precision, _with_embedder(classifier, other)))
    if embedder.fixed_size_:
        return variants, [*notes, f"image sizes: the backbone takes {now.image_size} pixels only"]
    for size in IMAGE_SIZES:
        if size != now.image_size and _takes(embedder, size):
            resized = Embedder(embedder.backbone_.path, preprocessing=replace(now, image_size=size))
            variants.append((PRECISIONS[0], _with_embedder(classifier, resized)))
    return variants, notes


def _with_embedder(classifier: FewShotClassifier, embedder: Embedder) -> FewShotClassifier:
    other = copy(classifier)
    other.embedder_ = embedder
    return other


def _convert(
    classifier: FewShotClassifier, support: SupportSet | None, folder: Path
) -> tuple[dict[str, Path], list[str]]:
    """Write the backbone in each other precision that can be exported here."""
    try:
        require_exportable(classifier)
    except UsageError as error:
        return {}, [f"other precisions: {error}"]
    files, notes, preprocessing = {}, [], classifier.artifact_.preprocessing
    for precision in PRECISIONS[1:]:
        if support is None:
            pixels: Iterable[NDArray[np.uint8]] = [draw_images(_DRAWN, preprocessing.image_size)]
        else:
            pixels = calibration_pixels(support.images, preprocessing)
        try:
            model = convert_backbone(precision, classifier.embedder_.backbone_.path, pixels)
        except BackboneError as error:
            notes.append(f"{precision}: {error}")
            continue
        files[precision] = folder / f"{precision}.onnx"
        files[precision].write_bytes(model.SerializeToString())
    return files, notes


def _takes(embedder: Embedder, size: int) -> bool:
    """Tell whether a backbone takes an image size, if its graph does not forbid it."""
    if embedder.backbone_.input_format is None:
        return True
    try:  # third-party files often say that they take any size, and do not
        black = Image.new("RGB", (size, size))
        embedder.embed_views(Views(np.asarray(black)[np.newaxis], (), black))
    except BackboneError:
        return False
    return True
