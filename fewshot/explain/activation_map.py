"""Class activation maps: where in an image the score of a class comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import Artifact
from fewshot.backbones.pooling import place_shares, pool, window_shares
from fewshot.embedder import Embedder
from fewshot.heads.decision import Decision
from fewshot.images.preprocessing import MAX_VIEWS
from fewshot.images.source import ImageSource, describe
from fewshot.images.views import Box
from fewshot.prediction import Prediction


@dataclass(frozen=True, eq=False)
class Explanation:
    """What each place of an image contributes to a class."""

    prediction: Prediction
    label: str  # the class that is explained
    probability: float  # of that class
    # What each place adds to the log-odds of the class over the average class; below 0 it counts
    # for others. They sum to that log-odds without the bias of the head: (n_views, h, w).
    maps: NDArray[np.float32]
    boxes: tuple[Box, ...]  # the part of the upright image that each map covers; none is mirrored
    occlusion: bool = False  # whether the maps are of `fewshot.explain.occlusion`

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction, and what explains it, as types that JSON knows.

        Returns
        -------
        dict
            The keys of `Prediction.to_dict`, then ``explained explained_probability maps boxes
            occlusion``.
        """
        return {
            **self.prediction.to_dict(),
            "explained": self.label,
            "explained_probability": self.probability,
            "maps": self.maps.tolist(),
            "boxes": self.boxes,
            "occlusion": self.occlusion,
        }

    @property
    def heat(self) -> NDArray[np.float32]:
        """What the maps would sum to if the whole image were like a place; shape of `maps`."""
        # Near the middle more of the windows that `pool` averages overlap, so a place counts up to
        # four times as much there; dividing by that makes places comparable.
        if self.occlusion:
            return self.maps
        n_views, height, width = self.maps.shape
        coverage = window_shares(height, width).mean(axis=1).reshape(height, width) / n_views
        return np.asarray(self.maps / coverage, np.float32)


def explain(
    artifact: Artifact, embedder: Embedder, image: ImageSource, label: str | None = None
) -> Explanation:
    """Classify an image and map where the score of a class comes from, by default the likeliest.

    Raises
    ------
    ImageError
        If the image cannot be read.
    NoFaceError
        If there is no face, and faces are classified.
    UsageError
        If there is no class of that name.
    """
    number = None if label is None else artifact.number_of(label)
    views = embedder.load_views(image)
    feature_maps = embedder.feature_maps(views)
    embedding, classes = pool(feature_maps), artifact.classes
    prediction = artifact.predict(embedding, describe(image))
    number = classes.index(prediction.label) if number is None else number
    explained, probability = classes[number], prediction.scores[classes[number]]
    backbone = embedder.backbone_
    if backbone.alignment or not backbone.has_feature_map:
        from fewshot.explain.occlusion import occlusion_map

        covered = occlusion_map(artifact.decision, embedder, views, number)
        return Explanation(prediction, explained, probability, covered, views.boxes[:1], True)
    maps = activation_maps(artifact.decision, feature_maps, number)
    if len(maps) == MAX_VIEWS:  # the last view is mirrored
        maps[-1] = maps[-1, :, ::-1].copy()
    return Explanation(prediction, explained, probability, maps, views.boxes)


def activation_maps(
    decision: Decision, feature_maps: NDArray[np.float32], label: int
) -> NDArray[np.float32]:
    """Split the score of a class into what each place contributes (Zhou et al. 2016).

    The split is exact: the score is linear in the embedding, and the embedding in the feature maps
    but for known lengths. The mean over the classes is subtracted first, which changes no
    probability: what all classes share counts for none of them. From shape (n_views, dim, h, w) to
    (n_views, h, w), in log-odds; they sum to the score without its bias, over the temperature.
    """
    weights = decision.head.weights
    direction = (weights[label] - weights.mean(axis=0)) / np.float32(decision.temperature)
    contributions = np.einsum("d,vdhw->vhw", direction, feature_maps)
    return np.asarray(contributions * place_shares(feature_maps), np.float32)
