"""Find the faces in a picture with OpenCV."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot._files import require_utf8
from fewshot.errors import BackboneError, UsageError
from fewshot.images.views import Box

# Which cascade looks for faces, in a picture of which longer side in pixels, at its mirror image
# too or not, and how many more windows than one have to agree: the first pass that finds any ends
# the search. Of 161 press photographs the first, of 11 ms, finds a face in 60 %, a true one in 99 %
# of these as far as slower ones can tell; all together find one in 86 % of 322. The median
# photograph of 1 to 2 megapixels takes 1.9 times as long as without looking for faces. In steps of
# 1.2, with 3 windows to agree, it takes 2.4 times as long, and four people are told apart in 85.1
# instead of 80.7 %.
_PASSES = (
    ("frontalface_alt2", 192, False, 1),
    ("frontalface_alt2", 320, False, 1),
    ("profileface", 256, True, 2),
)
_STEP = 1.25
# For every face of a group, where small ones matter and time does not. The default cascade and that
# for profiles take buttons and leaves for faces if fewer windows will do.
_ALL_PASSES = (
    ("frontalface_alt2", 1024, False, 3),
    ("frontalface_default", 1024, False, 8),
    ("profileface", 768, True, 8),
)
_ALL_STEP = 1.1
# The windows that cascades were trained on have 20 and 24 pixels, so nothing smaller is found.
_LEAST_FACE = 20
# Boxes that share more than this part of the smaller one are of one face.
_SAME = 0.4
# What YuNet calls a face, and the longer sides of the pictures it looks at for one and for all.
_SURE, _ONE_SIDE, _ALL_SIDE = 0.7, 320, 1024

# Detectors keep notes while they work, so each is used by one thread at a time; making one takes
# longer than using it. Taking from a list and putting back are atomic.
_FREE: dict[str, list[Any]] = {}
# While OpenCV is imported it takes itself out of the modules once, and what another thread would
# get then is half of it.
_IMPORTING = Lock()


def require_opencv() -> Any:
    """Import OpenCV, or say what to install.

    Returns
    -------
    module
        ``cv2``, told to work on one thread: the images are spread over threads already.

    Raises
    ------
    UsageError
        If it is missing.
    """
    try:
        with _IMPORTING:
            cv2 = importlib.import_module("cv2")
    except ImportError as error:
        raise UsageError(
            f"finding faces needs OpenCV, which cannot be imported ({error}): "
            "pip install 'fewshot[faces]'"
        ) from error
    if cv2.getNumThreads() != 1:
        cv2.setNumThreads(1)
    return cv2


def find_face(image: Image.Image, detector: Path | None = None) -> Box | None:
    """Find the largest face.

    Cascades of boosted Haar features (Viola and Jones 2001): frontal ones, and one for profiles
    that looks at the picture and at its mirror image. They look at the picture made small, then
    at larger ones as long as nothing is found.

    Parameters
    ----------
    image : PIL.Image.Image
        Upright, mode "RGB".
    detector : Path, optional
        A YuNet file (Wu, Peng and Yu 2023), to be used instead.

    Returns
    -------
    (left, top, right, bottom) or None
        In pixels of the picture; it may reach over its edge.

    Raises
    ------
    UsageError
        If OpenCV is missing.
    BackboneError
        If the detector is not a YuNet file.
    """
    if detector is not None:
        return max(_look(image, detector, _ONE_SIDE), key=_area, default=None)
    for name, side, both, neighbours in _PASSES:
        found = _search(image, name, side, both, _STEP, neighbours)
        if found:
            return max(found, key=_area)
    return None


def find_faces(image: Image.Image, detector: Path | None = None) -> list[Box]:
    """Find every face, from left to right.

    Parameters
    ----------
    image, detector
        As for `find_face`. Faces of less than about a fiftieth of the longer side are not found.

    Returns
    -------
    list of (left, top, right, bottom)
        In pixels of the picture.

    Raises
    ------
    UsageError, BackboneError
        As for `find_face`.
    """
    if detector is not None:
        return sorted(_one_each([_look(image, detector, _ALL_SIDE)]))
    return sorted(
        _one_each(
            _search(image, name, side, both, _ALL_STEP, neighbours)
            for name, side, both, neighbours in _ALL_PASSES
        )
    )


def _one_each(passes: Iterable[list[Box]]) -> list[Box]:
    """Keep one box of each face: of the earliest pass, and of its boxes the largest."""
    kept: list[Box] = []
    for found in passes:
        for box in sorted(found, key=_area, reverse=True):
            if not any(_overlap(box, other) > _SAME for other in kept):
                kept.append(box)
    return kept


def _search(
    image: Image.Image, name: str, side: int, both: bool, step: float, neighbours: int
) -> list[Box]:
    """Let a cascade look at the picture made small, and if `both` at its mirror image."""
    small, scale = _shrink(image, side)
    grey = np.asarray(small.convert("L"))
    found = _cascade(name, grey, step, neighbours)
    if both:
        mirrored = _cascade(name, np.ascontiguousarray(grey[:, ::-1]), step, neighbours)
        found += [(grey.shape[1] - x - w, y, w, h) for x, y, w, h in mirrored]
    return [(x / scale, y / scale, (x + w) / scale, (y + h) / scale) for x, y, w, h in found]


def _cascade(name: str, grey: NDArray[np.uint8], step: float, neighbours: int) -> list[Box]:
    """Run a cascade that OpenCV brings; (x, y, width, height) of what it finds."""
    cv2 = require_opencv()

    def load() -> Any:
        folder = getattr(getattr(cv2, "data", None), "haarcascades", "")  # not in every build
        cascade = cv2.CascadeClassifier(str(Path(folder) / f"haarcascade_{name}.xml"))
        if cascade.empty():
            raise UsageError(
                "the OpenCV here brings no cascades to find faces with: pip install "
                "'fewshot[faces]', or give a YuNet file with --detector"
            )
        return cascade

    least = (_LEAST_FACE, _LEAST_FACE)
    with _borrowed(name, load) as cascade:
        found = cascade.detectMultiScale(
            grey, scaleFactor=step, minNeighbors=neighbours, minSize=least
        )
    return [tuple(map(float, box)) for box in found]  # type: ignore[misc]


def _look(image: Image.Image, file: Path, side: int) -> list[Box]:
    """Let YuNet look at the picture made small."""
    cv2 = require_opencv()
    small, scale = _shrink(image, side)
    pixels = np.ascontiguousarray(np.asarray(small)[..., ::-1])
    state, name = file.stat(), require_utf8(file)
    key = f"{name} {state.st_mtime_ns} {state.st_size}"  # another file is another detector
    try:
        with _borrowed(
            key, lambda: cv2.FaceDetectorYN.create(name, "", small.size, _SURE)
        ) as yunet:
            yunet.setInputSize(small.size)
            _, found = yunet.detect(pixels)
    except cv2.error as error:
        raise BackboneError(
            f"{file}: OpenCV cannot find faces with it; expected a YuNet file, such as "
            "face_detection_yunet_2023mar.onnx of the OpenCV model zoo"
        ) from error
    rows = [] if found is None else (found[:, :4] / scale).tolist()
    return [(x, y, x + w, y + h) for x, y, w, h in rows]


@contextmanager
def _borrowed(name: str, make: Callable[[], Any]) -> Iterator[Any]:
    """Lend a detector that no other thread uses."""
    free = _FREE.setdefault(name, [])
    try:
        detector = free.pop()
    except IndexError:
        detector = make()
    yield detector
    free.append(detector)  # not one that raised


def _shrink(image: Image.Image, side: int) -> tuple[Image.Image, float]:
    """Make a picture's longer side at most that long; return it, and how much smaller it is."""
    scale = min(1.0, side / max(image.size))
    if scale == 1:
        return image, scale
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.5), scale


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlap(one: Box, other: Box) -> float:
    """Return what part of the smaller box lies in the other."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0) * max(high, 0) / max(min(_area(one), _area(other)), 1e-9)
