"""Find faces that look wrong: of another person than their label, or of none of the people."""

from __future__ import annotations

import numpy as np

from fewshot.data_checks.labels import Floats, Labels, Suspect
from fewshot.heads.calibration import softmax

# By how much the log-odds of another person have to be higher. Of four people, 5 % of the images
# labelled wrong at random, it finds 95 to 100 % of the wrong labels, and reports no good image at
# 10 images each or more, 3 of 1000 at 5. Of images of somebody else under the name of one of them
# two thirds or more are found, and of 1000 good images about 10 reported.
_AHEAD = 1.0


def suspected_faces(held_out: Floats, labels: Labels, n_classes: int) -> list[Suspect]:
    """Find faces that are rather of another person of the set than of their own.

    Parameters
    ----------
    held_out : ndarray of float32, shape (n_images, n_classes + 1)
        As `fewshot.heads.prototype.fit_prototypes` returns them: log-odds over anybody else, whose
        column is 0; rows of NaN are never suspected.
    labels : ndarray of int64, shape (n_images,)
        Class numbers; `n_classes` for negatives, which are never suspected.
    n_classes : int

    Returns
    -------
    list of Suspect
        The furthest ahead first.
    """
    rows = _tried(held_out, labels, n_classes)
    if n_classes < 2 or not len(rows):
        return []
    scores, own = held_out[rows, :n_classes].copy(), held_out[rows, labels[rows]]
    scores[np.arange(len(rows)), labels[rows]] = -np.inf
    others, lead = scores.argmax(axis=1), scores.max(axis=1) - own
    likelier = (lead > _AHEAD) & (scores.max(axis=1) > 0)
    probabilities = softmax(held_out[rows])
    return [
        Suspect(int(rows[i]), int(others[i]), float(probabilities[i, others[i]]))
        for i in np.argsort(-lead, kind="stable")
        if likelier[i]
    ]


def faces_of_nobody(held_out: Floats, labels: Labels, n_classes: int) -> Labels:
    """Find faces that are rather of anybody else than of any person of the set.

    The parameters are those of `suspected_faces`; return rows, the least similar first.
    """
    rows = _tried(held_out, labels, n_classes)
    nearest = held_out[rows, :n_classes].max(axis=1, initial=-np.inf)
    low = nearest < 0
    return np.asarray(rows[low][np.argsort(nearest[low], kind="stable")])


def _tried(held_out: Floats, labels: Labels, n_classes: int) -> Labels:
    """Return the rows of genuine images that could be held out."""
    return np.flatnonzero((labels < n_classes) & ~np.isnan(held_out).any(axis=1))
