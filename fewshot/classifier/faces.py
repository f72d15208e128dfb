"""Classify every face in an image."""

from __future__ import annotations

from fewshot.artifact import Artifact
from fewshot.embedder import Embedder
from fewshot.errors import UsageError
from fewshot.images.source import ImageSource, describe, load_image
from fewshot.prediction import FacePrediction


def classify_faces(
    artifact: Artifact, embedder: Embedder, image: ImageSource
) -> tuple[FacePrediction, ...]:
    """Classify every face in an image, as `fewshot.FewShotClassifier.classify_faces`."""
    require_face_classifier(artifact)
    loaded = load_image(image)
    predictions = []
    for face, views in embedder.load_faces(loaded, small=True):
        found = artifact.predict(embedder.embed_views(views), describe(image))
        left, top, right, bottom = (max(0, round(side)) for side in face.box)
        points = tuple((round(x, 1), round(y, 1)) for x, y in face.landmarks.tolist())
        box = left, top, right, bottom
        predictions.append(FacePrediction(**vars(found), box=box, landmarks=points))
    return tuple(sorted(predictions, key=lambda each: each.box))


def require_face_classifier(artifact: Artifact) -> None:
    """Refuse a classifier of whole images.

    Raises
    ------
    UsageError
        The message says what to do.
    """
    if artifact.preprocessing.crop != "face":
        raise UsageError(
            "this classifier was fitted on whole images, so it cannot tell faces apart; "
            "fit one with: fewshot fit DATA --crop face"
        )
