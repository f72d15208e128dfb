"""Leave out of a measurement what a classifier was fitted on."""

from __future__ import annotations

import numpy as np

from fewshot.artifact import SupportRecord
from fewshot.errors import SupportError


def leave_out_fitted(
    query: SupportRecord, support: SupportRecord, where: str
) -> tuple[SupportRecord, tuple[str, ...]]:
    """Leave out images that a classifier was fitted on, which it knows by heart.

    They are of the same content, or of the same embedding if they are stored in another way. The
    names of those left out are returned, too.

    Raises
    ------
    SupportError
        If there is no other.
    """
    hashes, embeddings = {*support.hashes}, {*map(bytes, support.embeddings)}
    pairs = zip(query.hashes, map(bytes, query.embeddings), strict=True)
    fitted = np.array([key in hashes or row in embeddings for key, row in pairs], bool)
    if fitted.all() and len(fitted):
        raise SupportError(
            f"{where}: all {len(fitted)} images were fitted on, which measures nothing; give other "
            "images, or hold images out in turn: fewshot evaluate DATA, without --test"
        )
    return query.take(~fitted), query.take(fitted).names


def fitted_on_text(fitted_on: int, total: int) -> str:
    """Say how many of the images to measure on were left out."""
    return f"{fitted_on} of {total} test images were fitted on and are not counted"
