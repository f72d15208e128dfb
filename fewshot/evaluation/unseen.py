"""Leave out of a measurement what a classifier was fitted on."""

from __future__ import annotations

import numpy as np

from fewshot.artifact import SupportRecord
from fewshot.errors import SupportError


def leave_out_fitted(
    query: SupportRecord, support: SupportRecord, where: str
) -> tuple[SupportRecord, tuple[str, ...]]:
    """Leave out images that a classifier was fitted on, which it knows by heart.

    The names of those left out. SupportError: if there is no other.
    """
    fitted = np.isin(query.hashes, support.hashes) if query.hashes else np.zeros(0, bool)
    if fitted.all() and len(fitted):
        raise SupportError(
            f"{where}: all {len(fitted)} images were fitted on, which measures nothing; give other "
            "images, or hold images out in turn: fewshot evaluate DATA, without --test"
        )
    return query.take(~fitted), query.take(fitted).names


def fitted_on_text(fitted_on: int, total: int) -> str:
    """Say how many of the images to measure on were left out."""
    return f"{fitted_on} of {total} test images were fitted on and are not counted"
