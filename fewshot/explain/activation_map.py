"""Say where in a picture the evidence for a class lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import Artifact
from fewshot.backbones.pooling import place_shares, pool, window_shares
from fewshot.embedder import Embedder
from fewshot.errors import UsageError
from fewshot.explain.evidence import find_evidence
from fewshot.heads.decision import Decision
from fewshot.images.decode import Box, ImageSource, describe
from fewshot.images.preprocessing import MAX_VIEWS
from fewshot.prediction import Prediction, make_prediction


@dataclass(frozen=True, eq=False)
class Explanation:
    """What each place of a picture says of a class.

    Attributes
    ----------
    prediction : Prediction
        As `classify` gives it.
    label : str
        The class that is explained.
    probability : float
        Of that class, in [0, 1].
    maps : ndarray of float32, shape (n_views, h, w)
        What each place adds to the log-odds of the class over the average class; below 0 where it
        speaks for others. They sum to that log-odds, less what the head holds of the class before
        it sees anything.
    boxes : tuple of (left, top, right, bottom), one a view
        Which part of the upright picture each map lies over, as fractions from 0 to 1. No map is
        mirrored.
    """

    prediction: Prediction
    label: str
    probability: float
    maps: NDArray[np.float32]
    boxes: tuple[Box, ...]

    @property
    def heat(self) -> NDArray[np.float32]:
        """What the maps would sum to if the whole picture were like a place, in log-odds.

        Their shape is that of `maps`. A place near the middle counts up to four times in the
        embedding, as the windows of `fewshot.backbones.pooling.pool` overlap there; dividing by
        how often it counts makes places comparable.
        """
        n_views, height, width = self.maps.shape
        coverage = window_shares(height, width).mean(axis=1).reshape(height, width) / n_views
        return np.asarray(self.maps / coverage, np.float32)


def explain(
    artifact: Artifact, embedder: Embedder, image: ImageSource, label: str | None = None
) -> Explanation:
    """Classify a picture, and find where in it the evidence for a class lies.

    Parameters
    ----------
    artifact : Artifact
        A fitted classifier.
    embedder : Embedder
        With the backbone and the preprocessing it was fitted with.
    image : path, bytes, binary file, PIL image or uint8 array
    label : str, optional
        One of the classes; by default the most probable.

    Returns
    -------
    Explanation

    Raises
    ------
    ImageError
        If the image cannot be read.
    UsageError
        If there is no class of that name, or the backbone has no feature map.
    """
    _require_map(embedder)
    number = None if label is None else artifact.number_of(label)
    pixels, boxes, _ = embedder.look(image)
    feature_maps = embedder.feature_maps(pixels)
    embedding, classes = pool(feature_maps), artifact.classes
    (probabilities,), (known,) = artifact.decision.decide(embedding[np.newaxis])
    best = int(probabilities.argmax())
    evidence = find_evidence(artifact.support, classes, embedding, best)
    prediction = make_prediction(describe(image), classes, probabilities, known, evidence)
    number = best if number is None else number
    maps = activation_maps(artifact.decision, feature_maps, number)
    if len(maps) == MAX_VIEWS:  # the last look is taken in a mirror
        maps[-1] = maps[-1, :, ::-1].copy()
    return Explanation(prediction, classes[number], float(probabilities[number]), maps, boxes)


def _require_map(embedder: Embedder) -> None:
    """Refuse a backbone that does not tell what it sees where."""
    backbone = embedder.backbone_
    if not backbone.has_feature_map:
        raise UsageError(
            f"{backbone.path}: gives one embedding for the whole picture and no feature map, so "
            "where the evidence lies is not known; fit with a backbone whose output is one, or "
            "look at the most similar images: fewshot classify --why"
        )


def activation_maps(
    decision: Decision, feature_maps: NDArray[np.float32], label: int
) -> NDArray[np.float32]:
    """Split the score of a class into what each place contributes.

    A class activation map (Zhou et al. 2016): as the score is linear in the embedding, and the
    embedding in the feature maps but for lengths that are known, the contributions are exact. The
    average over the classes is taken off first, which changes no probability: what all classes
    share, such as something being there at all, speaks for none of them.

    Parameters
    ----------
    decision : Decision
    feature_maps : ndarray of float32, shape (n_views, dim, h, w)
        Of one image.
    label : int
        The number of the class.

    Returns
    -------
    ndarray of float32, shape (n_views, h, w)
        In log-odds; the sum is that of the class's score without its bias, over the temperature.
    """
    weights = decision.head.weights
    direction = (weights[label] - weights.mean(axis=0)) / np.float32(decision.temperature)
    evidence = np.einsum("d,vdhw->vhw", direction, feature_maps)
    return np.asarray(evidence * place_shares(feature_maps), np.float32)
