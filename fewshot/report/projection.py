"""Bring the embeddings of a support set to two dimensions, so that like lies by like."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import SupportRecord

# Fewer points have no neighbourhoods that t-SNE could keep; more take long and hide each other.
FEWEST, MOST = 10, 2000
_COMPONENTS, _PERPLEXITY = 50, 30


def project(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring embeddings to two dimensions.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n_images, dim)
        Two or more.

    Returns
    -------
    ndarray of float32, shape (n_images, 2)
        By t-SNE (van der Maaten and Hinton 2008) of their 50 principal components, started from
        the first two; of fewer than 10 images by principal components alone. Each axis spans
        0 to 1.
    """
    centred = embeddings - embeddings.mean(axis=0)
    left, scales, _ = np.linalg.svd(centred, full_matrices=False)
    points = (left * scales)[:, :_COMPONENTS]
    points *= np.where(points.sum(axis=0) < 0, -1, 1)  # either sign is right; one is kept to
    places = _tsne(points) if len(points) >= FEWEST else points[:, :2]
    span = np.ptp(places, axis=0)
    return np.asarray((places - places.min(axis=0)) / np.where(span > 0, span, 1), np.float32)


def _tsne(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay points out by their neighbourhoods, the same way every time."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    if not np.ptp(points, axis=0).any():  # all are the same image
        return points[:, :2]
    with threadpool_limits(1):  # its threads wait for each other longer than they work
        layout = TSNE(init="pca", learning_rate="auto", perplexity=perplexity, random_state=0)
        return np.asarray(layout.fit_transform(points))


def choose(support: SupportRecord, kept: Collection[str]) -> SupportRecord:
    """Take at most 2000 images by chance, and among them those that are to be kept."""
    if len(support.names) <= MOST:
        return support
    first = np.array([name not in kept for name in support.names])
    order = np.random.default_rng(0).permutation(len(first))
    order = order[np.argsort(first[order], kind="stable")]
    return support.take(np.sort(order[:MOST]))
