"""The section of mistakes: wrong predictions and false rejections, with thumbnails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fewshot.evaluation.cross_validation import Evaluation
from fewshot.report.thumbnails import LARGE, SMALL, Album, Images

_MOST_MISTAKES, _MOST_REJECTIONS = 60, 24


def mistake_cards(
    mistakes: Sequence[Mapping[str, Any]], album: Album, tested: Images, training: Images
) -> list[dict[str, Any]]:
    """Add thumbnails to the first mistakes of `Evaluation.to_dict` and to their nearest images."""
    return [
        {
            **mistake,
            "thumbnail": album.add(tested.get(mistake["image"]), LARGE),
            "nearest": [
                {**near, "thumbnail": album.add(training.get(near["image"]), SMALL)}
                for near in mistake["nearest"]
            ],
        }
        for mistake in mistakes[:_MOST_MISTAKES]
    ]


def false_rejections(evaluation: Evaluation, album: Album, tested: Images) -> dict[str, Any]:
    """List images that were predicted correctly but called unknown.

    Returns
    -------
    dict
        ``count``; ``mistakes``, how many were called unknown besides; ``images``, the first ones.
    """
    right = evaluation.predicted == evaluation.truth
    rows = np.flatnonzero(right & ~evaluation.known).tolist()
    images = [
        {
            "image": evaluation.names[row],
            "label": evaluation.classes[evaluation.truth[row]],
            "thumbnail": album.add(tested.get(evaluation.names[row]), SMALL),
        }
        for row in rows[:_MOST_REJECTIONS]
    ]
    mistakes = int((~right & ~evaluation.known).sum())
    return {"count": len(rows), "mistakes": mistakes, "images": images}
