"""Tell whether two images show the same person."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fewshot.embedder import Embedder
from fewshot.errors import BackboneError, UsageError
from fewshot.images.source import ImageSource


@dataclass(frozen=True)
class Comparison:
    """How far apart two faces are.

    Attributes
    ----------
    distance : float
        Between the embeddings as the network gives them; lower is more similar.
    threshold : float
        The distance below which the network's author takes faces for the same person's.
    same : bool
    """

    distance: float
    threshold: float
    same: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as types that JSON knows."""
        return asdict(self)


def compare_faces(
    first: ImageSource, second: ImageSource, embedder: Embedder | None = None
) -> Comparison:
    """Compare the largest faces of two images.

    Parameters
    ----------
    first, second : path, bytes, binary file, PIL image or uint8 array
    embedder : Embedder, optional
        With ``crop="face"``; by default the one that is built in.

    Raises
    ------
    NoFaceError, ImageError
        If an image has no face, or cannot be read.
    UsageError
        If the backbone does not say at which distance faces are the same person's.
    """
    embedder = embedder or Embedder(crop="face")
    properties = embedder.network_.properties
    if "same_person_distance" not in properties:
        raise UsageError(
            f"{embedder.network_.path}: does not say at which distance two faces are of the same "
            "person; compare with a face embedder such as face_resnet"
        )
    threshold = _read_distance(properties["same_person_distance"], embedder.network_.path)
    one, other = (
        embedder.feature_maps(embedder.load_views(image)).mean(axis=(0, 2, 3))
        for image in (first, second)
    )
    distance = float(np.linalg.norm(one - other))
    return Comparison(distance, threshold, distance < threshold)


def _read_distance(text: str, path: Path) -> float:
    try:
        distance = float(text)
    except ValueError:
        distance = math.nan
    if not 0 < distance < math.inf:
        raise BackboneError(
            f"{path}: its metadata say same_person_distance {text[:40]!r}; expected a number "
            "above 0"
        )
    return distance
