"""Answer for every face in a picture, one by one."""

from __future__ import annotations

from fewshot.artifact import Artifact
from fewshot.embedder import Embedder
from fewshot.errors import UsageError
from fewshot.faces.crop import crop_views
from fewshot.images.decode import open_rgb
from fewshot.images.source import ImageSource, describe
from fewshot.prediction import FacePrediction


def classify_faces(
    artifact: Artifact, embedder: Embedder, image: ImageSource
) -> tuple[FacePrediction, ...]:
    """Classify every face in a picture.

    Parameters
    ----------
    artifact : Artifact
        A classifier fitted on faces.
    embedder : Embedder
        With the backbone and the preprocessing it was fitted with.
    image : path, bytes, binary file, PIL image or uint8 array

    Returns
    -------
    tuple of FacePrediction
        From left to right; empty if there is no face.

    Raises
    ------
    ImageError
        If the image cannot be read.
    UsageError
        If the classifier was not fitted on faces, or OpenCV is missing.
    """
    require_face_classifier(artifact)
    from fewshot.faces.detect import find_faces

    picture = open_rgb(image)
    answers = []
    for face in find_faces(picture, embedder.detector_):
        views = crop_views(picture, face, artifact.preprocessing)
        found = artifact.predict(embedder.embed_views(views), describe(image))
        left, top = (max(0, round(side)) for side in face[:2])
        right, bottom = (
            min(most, round(x)) for most, x in zip(picture.size, face[2:], strict=True)
        )
        box = left, top, right, bottom
        answers.append(FacePrediction(**vars(found), box=box))
    return tuple(answers)


def require_face_classifier(artifact: Artifact) -> None:
    """Refuse a classifier that looks at pictures as a whole.

    Raises
    ------
    UsageError
        The message says what to do.
    """
    if artifact.preprocessing.crop != "face":
        raise UsageError(
            "this classifier was fitted on whole pictures, so it cannot tell faces apart; "
            "fit one with: fewshot fit DATA --crop face"
        )
