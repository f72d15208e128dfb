"""Find the faces of an image, and bring them to the size that a backbone takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from fewshot.errors import NoFaceError
from fewshot.faces.alignment import Points, align, face_box, inside
from fewshot.faces.detector import Face, FaceDetector
from fewshot.images.decode import open_rgb
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.source import ImageSource, describe
from fewshot.images.views import Views, load_views

# Shorter side to which a JPEG is decoded at least to find one face.
_FACE_PIXELS = 640


@dataclass(frozen=True, eq=False)
class FaceCropper:
    """Detects faces, and aligns or crops them.

    Attributes
    ----------
    detector : FaceDetector
    preprocessing : Preprocessing
    template : ndarray of float64, shape (5, 2), or None
        Where the landmarks are to be in the result, in pixels; without it, the square around a
        face is cropped.
    """

    detector: FaceDetector
    preprocessing: Preprocessing
    template: Points | None

    def load_faces(self, image: ImageSource, small: bool = False) -> list[tuple[Face, Views]]:
        """Bring each face of an image to size, the largest first; `small` ones too if asked for."""
        rgb = open_rgb(image, at_least=None if small else _FACE_PIXELS)
        faces = self.detector.detect_all(rgb) if small else self.detector.detect(rgb)
        return [(face, self._crop(rgb, face)) for face in faces]

    def load_views(self, image: ImageSource) -> Views:
        """Bring the largest face of an image to size.

        Raises
        ------
        NoFaceError
            If there is none, and preprocessing does not say that the whole image is to be used.
        """
        rgb = open_rgb(image, at_least=_FACE_PIXELS)
        if faces := self.detector.detect(rgb):
            return self._crop(rgb, faces[0])
        if self.preprocessing.no_face != "whole":
            raise NoFaceError("no face found", describe(image))
        return replace(load_views(rgb, self.preprocessing), face_found=False)

    def _crop(self, rgb: Image.Image, face: Face) -> Views:
        if self.template is not None:
            return align(rgb, face.landmarks, self.template, self.preprocessing.image_size)
        box = face_box(face.box, rgb)
        return inside(box, load_views(rgb.crop(box), self.preprocessing), rgb)


def make_template(alignment: object, image_size: int, size: int) -> Points | None:
    """Scale a template from the image size it was made for to another; None if it is empty."""
    points = np.array(alignment, np.float64)
    return points * size / image_size if points.size else None
