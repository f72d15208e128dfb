"""Say what an answer rests on: the support images most like the image that was asked about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import SupportRecord
from fewshot.prediction import Evidence, Neighbour

_NEAREST = 3


def find_evidence(
    support: SupportRecord, classes: Sequence[str], embedding: NDArray[np.float32], given: int
) -> Evidence:
    """Look up the nearest support images.

    Parameters
    ----------
    support : SupportRecord
    classes : sequence of str
        What its labels are positions in; one past the last are negatives.
    embedding : ndarray of float32, shape (dim,)
        Of length 1.
    given : int
        The position of the class that was answered.

    Returns
    -------
    Evidence
    """
    # Not by BLAS, whose threads would fight those that answer for other images at the same time.
    similarities = np.einsum("nd,d->n", support.embeddings, embedding)

    def neighbour(row: int) -> Neighbour:
        number = int(support.labels[row])
        label = classes[number] if number < len(classes) else None
        return Neighbour(support.names[row], label, float(similarities[row]))

    nearest = np.argsort(-similarities, kind="stable")[:_NEAREST]
    others = np.flatnonzero((support.labels != given) & (support.labels < len(classes)))
    return Evidence(
        tuple(neighbour(row) for row in nearest),
        neighbour(others[similarities[others].argmax()]) if len(others) else None,
    )
