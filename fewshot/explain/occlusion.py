"""Occlusion maps: how much a score falls when a part of the image is covered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fewshot.backbones.pooling import pool
from fewshot.embedder import Embedder
from fewshot.heads.decision import Decision
from fewshot.images.views import Views

_PLACES, _COVERED = 7, 1 / 3  # a side: of the map, and the part of the view that is covered
_GREY = 128


def occlusion_map(
    decision: Decision, embedder: Embedder, views: Views, label: int
) -> NDArray[np.float32]:
    """Cover each place of the first view in turn (Zeiler and Fergus 2014); shape (1, 7, 7).

    For networks without a feature map, and for faces, whose embedding is not a sum over places of
    the image. In log-odds of the class over the average class: above 0 where covering lowers it.
    """
    view, size = views.pixels[0], views.pixels.shape[1]
    covered = np.repeat(view[np.newaxis], _PLACES**2, axis=0)
    half = size * _COVERED / 2
    middles = (np.arange(_PLACES) + 0.5) * size / _PLACES
    for row, (y, x) in enumerate((y, x) for y in middles for x in middles):
        top, left = max(0, round(y - half)), max(0, round(x - half))
        covered[row, top : round(y + half), left : round(x + half)] = _GREY
    pixels = np.concatenate([view[np.newaxis], covered])
    maps = embedder.feature_maps(replace(views, pixels=pixels))
    scores = decision.head.scores(np.stack([pool(each[np.newaxis]) for each in maps]))
    margin = (scores[:, label] - scores.mean(axis=1)) / np.float32(decision.temperature)
    return np.asarray((margin[0] - margin[1:]).reshape(1, _PLACES, _PLACES), np.float32)
