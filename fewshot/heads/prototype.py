"""The head for embeddings whose similarity has a known meaning, as those of face embedders."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from fewshot.heads.decision import Decision
from fewshot.heads.linear import PROTOTYPE, Labels, LinearHead
from fewshot.heads.rejection import NEVER, Floats, Rejection

# How many held-out images the prior of the similarity counts as.
_PRIOR_IMAGES = 5
# Takes a term out of the confidence.
_NO_WEIGHT = 1e6


class SamePerson(NamedTuple):
    """What is known of the similarity of two embeddings of one person, from the network's file.

    The mean and the standard deviation of the cosine, the cosine at which another person is as
    likely, and the log-odds that a cosine higher by 1 adds.
    """

    mean: float
    deviation: float
    midpoint: float
    slope: float


def fit_prototypes(
    embeddings: Floats,
    labels: Labels,
    n_classes: int,
    reject_rate: float,
    same: SamePerson,
    groups: Labels | None = None,
) -> tuple[Decision, Floats]:
    """Fit one prototype a class, beside "anybody else", whose score is 0.

    One class, and one image of it, is enough: how similar two images of a person are is known
    beforehand. Negatives are not fitted on. The parameters and the result are those of
    `fewshot.heads.decision.fit_decision`; images of one group are held out together.
    """
    sums = np.stack([embeddings[labels == c].sum(axis=0) for c in range(n_classes)])
    counts = np.bincount(labels, minlength=n_classes)[:n_classes]
    weights = same.slope * _scaled(sums, counts, same)
    head = LinearHead(
        PROTOTYPE,
        np.concatenate([weights, np.zeros_like(weights[:1])]).astype(np.float32),
        np.array([*[-same.slope * same.midpoint] * n_classes, 0], np.float32),
    )
    similarity = _held_out(embeddings, labels, sums, counts, same, groups)
    held_out = np.zeros((len(labels), n_classes + 1), np.float32)
    held_out[:, :n_classes] = same.slope * (similarity - same.midpoint)
    held_out[np.isnan(similarity).any(axis=1)] = np.nan
    prototypes = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
    threshold = _threshold(held_out[labels < n_classes], counts, reject_rate, same)
    units = np.array([_NO_WEIGHT, 1, _NO_WEIGHT], np.float32)
    return Decision(head, 1.0, Rejection(prototypes, units, threshold, reject_rate)), held_out


def _scaled(sums: Floats, counts: Labels, same: SamePerson) -> Floats:
    """Return prototypes of the length at which products mean what they do between two images.

    The mean of n embeddings is closer to a further one than each of them is, as it has less noise:
    by the length that such a mean is expected to have.
    """
    expected = np.sqrt((1 + (counts - 1) * same.mean) / counts)
    scale = np.asarray(expected / np.linalg.norm(sums, axis=-1), np.float32)
    return sums * scale[..., np.newaxis]


def _held_out(
    embeddings: Floats,
    labels: Labels,
    sums: Floats,
    counts: Labels,
    same: SamePerson,
    groups: Labels | None,
) -> Floats:
    """Compare each image with prototypes made without its group; NaN if its class is empty then."""
    similarity = embeddings @ _scaled(sums, counts, same).T
    if groups is None:
        _, groups = np.unique(embeddings, axis=0, return_inverse=True)
        groups = groups.reshape(-1)
    for row, (label, group) in enumerate(zip(labels, groups, strict=True)):
        if label < len(sums):
            left = (labels == label) & (groups != group)
            own = _scaled(embeddings[left].sum(axis=0), left.sum(), same) if left.any() else np.nan
            similarity[row, label] = (embeddings[row] * own).sum()
    return similarity


def _threshold(held_out: Floats, counts: Labels, rate: float, same: SamePerson) -> float:
    """Choose the similarity to the nearest prototype below which a genuine image is rejected.

    The mean and the deviation of held-out similarities are drawn towards what is known.
    """
    if rate == 0:
        return NEVER
    length = float(np.mean(np.sqrt((1 + (counts - 1) * same.mean) / counts)))
    scores = held_out[~np.isnan(held_out[:, 0]), :-1].max(axis=1, initial=-np.inf)
    found = (scores / same.slope + same.midpoint) / length
    n = len(found) + _PRIOR_IMAGES
    mean = (found.sum() + _PRIOR_IMAGES * same.mean / length) / n
    spread = ((found - mean) ** 2).sum() + _PRIOR_IMAGES * same.deviation**2
    return float(mean + NormalDist().inv_cdf(rate) * np.sqrt(spread / n))
