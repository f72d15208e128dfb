"""Find faces and their landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot.backbones.session import OnnxNetwork
from fewshot.errors import BackboneError
from fewshot.images.views import Box

Points: TypeAlias = NDArray[np.float64]
Maps: TypeAlias = NDArray[np.float32]

DEFAULT_DETECTOR = "face_detector"
# Long sides in pixels to which an image is reduced: to find one face, the larger only if there is
# none in the smaller, which finds nearly all of 2.5 % of the long side, in a tenth of a second; to
# find all, both, as faces of more than a third of an image of 1600 pixels are missed.
ONE_FACE, ALL_FACES = (384, 800), (384, 1600)
# Side in pixels at which landmarks are the most exact.
_BEST_SIDE = 110
_OUTPUTS = ["heatmap", "scale", "offset", "landmarks"]
_STRIDE, _MULTIPLE = 4, 32
_LEAST_SCORE, _SAME_FACE = 0.5, 0.3  # probability; intersection over union
_MOSTLY_INSIDE = 0.6  # intersection over the smaller box
# Pixels that landmarks and boxes can reach; what lies further out is damaged.
_FURTHEST, _MOST_FACES = 1e6, 1000


@dataclass(frozen=True, eq=False)
class Face:
    """A face in an image.

    Attributes
    ----------
    score : float
        Probability that it is a face, in [0, 1].
    box : tuple of (left, top, right, bottom)
        In pixels of the upright image.
    landmarks : ndarray of float64, shape (5, 2)
        Eyes, nose, corners of the mouth, from left to right in the image; x and y in pixels.
    """

    score: float
    box: Box
    landmarks: Points

    @property
    def area(self) -> float:
        """Pixels in its box."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


class FaceDetector:
    """CenterFace (Xu et al. 2019) as ``scripts/export/face_detector.py`` writes it.

    Parameters
    ----------
    path : Path

    Raises
    ------
    MissingFileError, BackboneError
        If it is not there, or is no face detector; the latter when it is first used.
    """

    def __init__(self, path: Path) -> None:
        self.network = OnnxNetwork(path)

    def detect(self, image: Image.Image) -> list[Face]:
        """Find the faces that are nearest to the camera, as fast as that goes."""
        found = (self._detect_at(image, size) for size in _sizes(image, ONE_FACE))
        return _largest_first(next(filter(None, found), []))

    def detect_all(self, image: Image.Image) -> list[Face]:
        """Find all faces, those of 1.5 % of the long side of an image too; as `detect`."""
        sizes = _sizes(image, ALL_FACES)
        found = [(face, size) for size in sizes for face in self._detect_at(image, size)]

        def misfit(each: tuple[Face, int]) -> float:
            """Tell how far a face, as the network saw it, was from the best size."""
            face, size = each
            side = np.sqrt(face.area) * size / max(image.size)
            return abs(float(np.log(side / _BEST_SIDE)))

        faces = [face for face, _ in sorted(found, key=misfit)]
        kept = _suppress(np.array([face.box for face in faces]).reshape(-1, 4), inside=True)
        return _largest_first([faces[i] for i in kept])

    def _detect_at(self, image: Image.Image, size: int) -> list[Face]:
        """Find faces in an image whose long side is reduced to a size."""
        path = self.network.path
        if self.network.properties.get("fewshot_face_detector") != "1":
            raise BackboneError(
                f"{path}: not a face detector; expected a file written by "
                "scripts/export/face_detector.py"
            )
        pixels, factors = _fit(image, size)
        found = self.network.run(_OUTPUTS, pixels)
        boxes, points, scores = _decode(found, pixels.shape, factors, path)
        boxes = boxes.clip(0, np.tile(image.size, 2))
        shown = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) >= 1
        boxes, points, scores = boxes[shown], points[shown], scores[shown]
        return [
            Face(float(scores[i]), tuple(boxes[i].tolist()), points[i]) for i in _suppress(boxes)
        ]


def _sizes(image: Image.Image, sizes: tuple[int, ...]) -> list[int]:
    """Return sizes that are not larger than the image."""
    return sorted({min(size, max(image.size)) for size in sizes})


def _largest_first(faces: list[Face]) -> list[Face]:
    return sorted(faces, key=lambda face: -face.area)


def _fit(image: Image.Image, size: int) -> tuple[NDArray[np.uint8], Points]:
    """Reduce to a long side, and pad right and below; also return the scale in x and y."""
    factor = min(1.0, size / max(image.size))
    width, height = (max(1, round(side * factor)) for side in image.size)
    if (width, height) != image.size:
        image_ = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2)
    else:
        image_ = image
    padded = [-(-side // _MULTIPLE) * _MULTIPLE for side in (height, width)]
    pixels = np.zeros((1, *padded, 3), np.uint8)
    pixels[0, :height, :width] = np.asarray(image_)
    return pixels, np.array([image.width / width, image.height / height])


def _decode(
    found: list[Maps], shape: tuple[int, ...], factors: Points, path: Path
) -> tuple[Points, Points, Points]:
    """Return boxes (n, 4), landmarks (n, 5, 2) and scores (n,) of one image, the surest first."""
    cells = shape[1] // _STRIDE, shape[2] // _STRIDE
    expected = [(1, channels, *cells) for channels in (1, 2, 2, 10)]
    shapes = [maps.shape for maps in found]
    if shapes != expected:
        raise BackboneError(
            f"{path}: gives outputs {', '.join(_OUTPUTS)} of shapes {shapes} for pixels of shape "
            f"{shape}; expected {expected}: is it a face detector?"
        )
    heatmap, scale, offset, landmarks = (maps[0].astype(np.float64) for maps in found)
    if heatmap.max() > 1 or heatmap.min() < 0:
        raise BackboneError(
            f"{path}: output 'heatmap' goes from {heatmap.min():.3g} to {heatmap.max():.3g}; "
            "expected probabilities"
        )
    rows, columns = np.nonzero(heatmap[0] > _LEAST_SCORE)
    best = np.argsort(-heatmap[0, rows, columns], kind="stable")[:_MOST_FACES]
    rows, columns = rows[best], columns[best]
    size = _STRIDE * np.exp(np.minimum(scale[::-1, rows, columns].T, 20))  # y and x, to x and y
    centre = _STRIDE * (np.stack([columns, rows], 1) + offset[::-1, rows, columns].T + 0.5)
    corner = centre - size / 2
    points = landmarks[:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
    points = (points * size[:, np.newaxis] + corner[:, np.newaxis]) * factors
    boxes = np.concatenate([corner, corner + size], 1) * np.tile(factors, 2)
    if max(np.abs(boxes).max(initial=0), np.abs(points).max(initial=0)) > _FURTHEST:
        raise BackboneError(f"{path}: it places faces far outside of the image")
    return boxes, points, heatmap[0, rows, columns]


def _suppress(boxes: Points, inside: bool = False) -> list[int]:
    """Greedy non-maximum suppression of boxes, the best first: the rows that are kept.

    Boxes show the same face if they share enough of what both cover or, with `inside`, of the
    smaller one.
    """
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept, order = [], np.arange(len(boxes))
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        if inside:
            limit = _MOSTLY_INSIDE * np.minimum(areas[best], areas[order])
        else:
            limit = _SAME_FACE * (areas[best] + areas[order] - shared)
        order = order[shared <= limit]
    return kept
