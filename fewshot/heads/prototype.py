"""The head for embeddings whose similarity has a known meaning, as those of face embedders."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot.heads.decision import Decision
from fewshot.heads.linear import PROTOTYPE, Labels, LinearHead
from fewshot.heads.rejection import NEVER, Floats, Rejection

# How many held-out images the prior of the similarity counts as.
_PRIOR_IMAGES = 5
# Takes a term out of the confidence.
_NO_WEIGHT = 1e6
# The least similarity that can be asked for, where held-out images are as unlike as can be.
_LEAST = 0.1


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
    prototypes = _scaled(sums, counts, same)
    head = LinearHead(
        PROTOTYPE,
        np.concatenate([same.slope * prototypes, np.zeros_like(prototypes[:1])]),
        np.array([*[-same.slope * same.midpoint] * n_classes, 0], np.float32),
    )
    similarity, shots = _held_out(embeddings, labels, sums, counts, same, groups)
    held_out = np.zeros((len(labels), n_classes + 1), np.float32)
    held_out[:, :n_classes] = same.slope * (similarity - same.midpoint)
    held_out[np.isnan(similarity).any(axis=1)] = np.nan
    own = np.flatnonzero(shots)
    least = _least_similarity(similarity[own, labels[own]], shots[own], counts, reject_rate, same)
    rejection = Rejection(
        np.asarray(prototypes / least[:, np.newaxis], np.float32),
        np.array([_NO_WEIGHT, 1, _NO_WEIGHT], np.float32),
        1.0 if reject_rate else NEVER,
        reject_rate,
    )
    return Decision(head, 1.0, rejection), held_out


def are_known(decision: Decision, held_out: Floats) -> NDArray[np.bool_]:
    """Tell which held-out scores, as `fit_prototypes` returns them, are not rejected; (n_images,).

    A score is the product of an image with a prototype, of another length than those of the
    rejection, and a bias.
    """
    prototypes, n_classes = decision.rejection.prototypes, len(decision.rejection.prototypes)
    weights, bias = decision.head.weights[:n_classes], decision.head.bias[:n_classes]
    longer = np.linalg.norm(weights, axis=1) / np.linalg.norm(prototypes, axis=1)
    confidence = ((held_out[:, :n_classes] - bias) / longer).max(axis=1)
    return np.asarray(confidence >= decision.rejection.threshold)


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
) -> tuple[Floats, Labels]:
    """Compare each image with prototypes made without its group; NaN if its class is empty then.

    Also return how many images the prototype of its own class was made of, 0 for negatives.
    """
    similarity = embeddings @ _scaled(sums, counts, same).T
    shots = np.zeros_like(labels)
    if groups is None:
        _, groups = np.unique(embeddings, axis=0, return_inverse=True)
        groups = groups.reshape(-1)
    for row in np.flatnonzero(labels < len(sums)).tolist():
        left = (labels == labels[row]) & (groups != groups[row])
        shots[row] = left.sum()
        own = _scaled(embeddings[left].sum(axis=0), shots[row], same) if shots[row] else np.nan
        similarity[row, labels[row]] = (embeddings[row] * own).sum()
    return similarity, shots


def _least_similarity(
    similarity: Floats, shots: Labels, counts: Labels, rate: float, same: SamePerson
) -> Floats:
    """Return for each class the similarity that only this rate of its images is to miss.

    The parameters are held-out similarities, and of how many images those prototypes and those of
    the classes were made. Mean and variance are drawn towards what is known beforehand.
    """
    n = len(similarity) + _PRIOR_IMAGES
    mean = (similarity.sum() + _PRIOR_IMAGES * same.mean) / n
    squares = (similarity - mean) ** 2 / _variance(shots)
    variance = (squares.sum() + _PRIOR_IMAGES * same.deviation**2) / n
    quantile = NormalDist().inv_cdf(rate) if rate else 0.0
    least = mean + quantile * np.sqrt(variance * _variance(counts))
    return np.asarray(np.maximum(least, _LEAST), np.float32)


def _variance(counts: Labels) -> Floats:
    """Return the variance of similarities to a prototype of n images, in that of two images.

    Half of the latter comes from either image, and a mean of n varies by an n-th as much.
    """
    return np.asarray((1 + 1 / counts) / 2, np.float32)
