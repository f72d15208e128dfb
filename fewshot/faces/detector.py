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
# Long sides in pixels to which an image is reduced: to find one face, a larger one only if there
# is none in the smaller; to find all, small ones in a group too.
ONE_FACE, ALL_FACES = (384, 640), (1600,)
_OUTPUTS = ["heatmap", "scale", "offset", "landmarks"]
_STRIDE, _MULTIPLE = 4, 32
_LEAST_SCORE, _SAME_FACE = 0.5, 0.3  # probability; intersection over union
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

    def detect(self, image: Image.Image, sizes: tuple[int, ...] = ONE_FACE) -> list[Face]:
        """Find faces.

        Parameters
        ----------
        image : PIL.Image.Image
            Upright, mode "RGB".
        sizes : tuple of int
            Long sides in pixels to which the image is reduced; a later one is tried only if
            nothing was found.

        Returns
        -------
        list of Face
            The largest first.
        """
        if self.network.properties.get("fewshot_face_detector") != "1":
            raise BackboneError(
                f"{self.network.path}: not a face detector; expected a file written by "
                "scripts/export/face_detector.py"
            )
        for size in sorted({min(size, max(image.size)) for size in sizes}):
            pixels, factors = _fit(image, size)
            found = self.network.run(_OUTPUTS, pixels)
            boxes, points, scores = _decode(found, pixels.shape, factors, self.network.path)
            boxes = boxes.clip(0, np.tile(image.size, 2))
            faces = [
                Face(float(scores[i]), tuple(boxes[i].tolist()), points[i])
                for i in _suppress(boxes)
            ]
            if faces:
                return sorted(faces, key=lambda face: -face.area)
        return []


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
    if [maps.shape for maps in found] != expected:
        raise BackboneError(f"{path}: its outputs have other shapes than a face detector's")
    heatmap, scale, offset, landmarks = (maps[0].astype(np.float64) for maps in found)
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


def _suppress(boxes: Points) -> list[int]:
    """Greedy non-maximum suppression of boxes in order of their score: the rows that are kept."""
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept, order = [], np.arange(len(boxes))
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        order = order[shared <= _SAME_FACE * (areas[best] + areas[order] - shared)]
    return kept
