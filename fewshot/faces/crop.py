"""Show the backbone the largest face of a picture instead of the whole of it."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from fewshot._files import file_sha256, replacing
from fewshot.errors import ArtifactError, BackboneError, MissingFileError, NoFaceError
from fewshot.images.decode import open_rgb
from fewshot.images.preprocessing import CASCADES, Preprocessing
from fewshot.images.source import ImageSource, describe
from fewshot.images.views import Box, Views, load_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fewshot.artifact import SupportRecord
    from fewshot.errors import ImageError

# What is shown around a face, at each side, in parts of its own. Of 322 press photographs of four
# people held out in turn, 80.7 % are told right with it, 65.2 without looking for faces; with other
# boxes of the same faces 0, 0.1, 0.4, 0.7 and 1 gave 80.1, 85.4, 82.0, 81.1 and 76.4.
_MARGIN = 0.1
# Shorter side of what a JPEG is decoded to at least: as in the photographs this was measured on.
_LEAST_SIDE = 400


def load_face_views(
    source: ImageSource, preprocessing: Preprocessing, detector: Path | None
) -> Views:
    """Decode a picture, and bring the views of its largest face to size.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image, or uint8 array
    preprocessing : Preprocessing
    detector : Path or None
        The YuNet file that the recipe names, if any.

    Returns
    -------
    pixels : ndarray of uint8, shape (views, image_size, image_size, 3)
    boxes : tuple of (left, top, right, bottom), one a view
        As fractions of the upright picture, 0 to 1.
    found : bool
        False if there was no face, and the whole picture is shown.

    Raises
    ------
    ImageError
        If the picture cannot be read.
    NoFaceError
        If there is no face, and the recipe does not say "whole".
    UsageError, BackboneError
        As for `fewshot.faces.detect.find_face`.
    """
    from fewshot.faces.detect import find_face

    image = open_rgb(source, at_least=max(_LEAST_SIDE, preprocessing.image_size))
    face = find_face(image, detector)
    if face is None and preprocessing.no_face != "whole":
        raise NoFaceError("no face found in it", describe(source))
    return replace(crop_views(image, face, preprocessing), face_found=face is not None)


def crop_views(image: Image.Image, face: Box | None, preprocessing: Preprocessing) -> Views:
    """Bring the views of a face, or of the whole picture if it is None, to size.

    Parameters
    ----------
    image : PIL.Image.Image
        Upright, mode "RGB".
    face : (left, top, right, bottom) or None
        In pixels.
    preprocessing : Preprocessing

    Returns
    -------
    pixels, boxes
        As from `look_at_face`.
    """
    if face is None:
        return load_views(image, preprocessing)
    left, top, right, bottom = _with_margin(face, *image.size)
    views = load_views(image.crop((left, top, right, bottom)), preprocessing)
    (wide, high), (width, height) = (right - left, bottom - top), image.size
    fractions = (
        (
            (left + a * wide) / width,
            (top + b * high) / height,
            (left + c * wide) / width,
            (top + d * high) / height,
        )
        for a, b, c, d in views.boxes
    )
    return Views(views.pixels, tuple(fractions))


def _with_margin(face: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Make a face's box a square with a margin, as far as the picture reaches."""
    left, top, right, bottom = face
    reach = max(right - left, bottom - top) * (0.5 + _MARGIN)
    x, y = (left + right) / 2, (top + bottom) / 2
    left, top = max(0, round(x - reach)), max(0, round(y - reach))
    right, bottom = min(width, round(x + reach)), min(height, round(y + reach))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def name_detector(detector: str | os.PathLike[str]) -> tuple[str, str]:
    """Say what a YuNet file is called beside a classifier, and its SHA-256.

    Raises
    ------
    MissingFileError
        If there is no such file.
    """
    path = Path(detector)
    if not path.is_file():
        raise MissingFileError(f"{path}: no such detector; give the path of a YuNet .onnx file")
    sha256 = file_sha256(path)
    mark = f"-{sha256[:8]}"
    stem = path.stem if path.stem.endswith(mark) else path.stem + mark
    return f"{stem}.onnx", sha256


def place_detector(preprocessing: Preprocessing, detector: Path | None, folder: Path) -> None:
    """Copy the YuNet file that a recipe names, if any, into a folder unless it is there."""
    if detector is None:
        return
    if file_sha256(detector) != preprocessing.detector_sha256:
        raise BackboneError(f"{detector}: not the detector that was fitted with; put that one back")
    place = folder / preprocessing.detector
    if not place.exists():
        with replacing(place) as stream, open(detector, "rb") as original:
            shutil.copyfileobj(original, stream, 1 << 20)
    if file_sha256(place) != preprocessing.detector_sha256:
        raise BackboneError(f"{place}: in the way, and not the detector its name says; remove it")


def find_detector(preprocessing: Preprocessing, folder: Path) -> Path | None:
    """Find the YuNet file that a recipe names in the folder of a classifier.

    Returns
    -------
    Path or None
        None if it names none.

    Raises
    ------
    MissingFileError, ArtifactError
        If it is not there, or another one is.
    """
    if preprocessing.detector == CASCADES:
        return None
    path = (folder / preprocessing.detector).absolute()
    if not path.is_file():
        raise MissingFileError(f"{path}: the classifier finds faces with it; put it there")
    if file_sha256(path) != preprocessing.detector_sha256:
        raise ArtifactError(
            f"{path}: not the detector that the classifier was fitted with "
            f"(sha256 {preprocessing.detector_sha256[:12]}); put that one there, or fit again"
        )
    return path


def count_faces(
    preprocessing: Preprocessing, support: SupportRecord, skipped: Sequence[ImageError]
) -> dict[str, Any] | None:
    """Count the images in which a face was found while fitting.

    Returns
    -------
    dict or None
        ``images``, those of them ``without`` a face, and ``fraction``, the part that these are;
        None where faces were not looked for.
    """
    if preprocessing.crop != "face":
        return None
    left_out = sum(isinstance(error, NoFaceError) for error in skipped)
    faceless = set(support.faceless)
    without = sum(sha256 in faceless for sha256 in support.hashes) + left_out
    images = len(support.hashes) + left_out
    return {"images": images, "without": without, "fraction": without / max(images, 1)}
