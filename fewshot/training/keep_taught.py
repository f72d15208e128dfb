"""Keep what a classifier was taught when it is fitted again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fewshot._class_names import are_of_type, sort_classes
from fewshot.artifact import Artifact, SupportRecord
from fewshot.errors import UsageError
from fewshot.training.update import Update, fit_again

# Earlier files do not say what was taught.
_SAYS = 4


def keep_taught(artifact: Artifact, earlier: Artifact) -> Update:
    """Give a newly fitted classifier what an earlier one was taught since its own fit.

    Images that were added or labelled anew have the labels of the earlier classifier, and those
    that were removed stay away. If a file of an earlier format does not say what was taught, it
    is every image that the new one lacks.

    Raises
    ------
    UsageError
        If their embeddings were not made in the same way.
    """
    if (artifact.backbone.sha256, artifact.preprocessing) != (
        earlier.backbone.sha256,
        earlier.preprocessing,
    ):
        raise UsageError(
            "what the earlier classifier was taught cannot be kept, as it has another backbone or "
            "other settings of the images; fit with those, or without --keep-taught"
        )
    support, kept = artifact.support, earlier.support
    taught = {*kept.taught} if earlier.format >= _SAYS else {*kept.hashes} - {*support.hashes}
    own = np.array([key not in taught and key not in kept.removed for key in support.hashes])
    theirs = np.array([key in taught for key in kept.hashes])
    kind = artifact.label_type if are_of_type(earlier.classes, artifact.label_type) else "str"
    classes = sort_classes({*artifact.classes, *earlier.classes}, kind)
    joined = _in(classes, artifact, own).join(_in(classes, earlier, theirs))
    return fit_again(artifact, joined, classes)


def _in(classes: tuple[str, ...], artifact: Artifact, rows: NDArray[np.bool_]) -> SupportRecord:
    """Return images with labels that are positions in other classes."""
    numbers = np.array([*map(classes.index, artifact.classes), len(classes)], np.int64)
    some = artifact.support.take(rows)
    return replace(some, labels=numbers[some.labels])
