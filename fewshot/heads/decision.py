"""Decide what an embedding shows: head, temperature and rejection, fitted and used as one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fewshot.heads.calibration import assign_folds, fit_temperature, softmax
from fewshot.heads.linear import LinearHead, span
from fewshot.heads.rejection import Rejection, fit_rejection


@dataclass(frozen=True, eq=False)
class Decision:
    """How embeddings become answers.

    Attributes
    ----------
    head : LinearHead
    temperature : float
        The head's scores are divided by it before the softmax; above 0.
    rejection : Rejection
    """

    head: LinearHead
    temperature: float
    rejection: Rejection

    def decide(
        self, embeddings: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Answer for embeddings.

        Parameters
        ----------
        embeddings : ndarray of float32, shape (n_images, dim)
            Of length 1.

        Returns
        -------
        probabilities : ndarray of float32, shape (n_images, n_classes)
            Rows sum to 1, less the probability of the negatives if there were any.
        known : ndarray of bool, shape (n_images,)
            False for an image that looks like none of the classes.
        """
        logits = self.head.scores(embeddings) / np.float32(self.temperature)
        n_classes = len(self.rejection.prototypes)
        known = self.rejection.is_known(logits, embeddings)
        return softmax(logits)[:, :n_classes], known


def fit_decision(
    kind: str,
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    n_classes: int,
    reject_rate: float,
) -> tuple[Decision, NDArray[np.float32]]:
    """Fit on the embeddings of a support set.

    Parameters
    ----------
    kind : {"auto", "logistic", "discriminant", "centroid"}
    embeddings : ndarray of float32, shape (n_images, dim)
        Of length 1.
    labels : ndarray of int64, shape (n_images,)
        Class numbers; `n_classes` for negatives.
    n_classes : int
    reject_rate : float
        The part of genuine images that may be called unknown, in [0, 1).

    Returns
    -------
    decision : Decision
    held_out : ndarray of float32, shape (n_images, n_classes) or (n_images, n_classes + 1)
        The calibrated scores of each image from a head fitted without it; rows of NaN for images
        that were the only one of their class.
    """
    from threadpoolctl import threadpool_limits

    from fewshot.heads.blend import fit_with_held_out

    # The matrices are small: several BLAS threads wait for each other longer than they compute.
    with threadpool_limits(1):
        points, basis = span(embeddings)
        folds = assign_folds(embeddings, labels)
        head, scores = fit_with_held_out(kind, points, labels, embeddings.shape[1], folds)
        head = replace(head, weights=(head.weights @ basis).astype(np.float32))
        temperature = fit_temperature(kind, scores, labels)
        logits = scores / np.float32(temperature)
        rejection = fit_rejection(embeddings, labels, logits, n_classes, reject_rate)
    return Decision(head, temperature, rejection), logits
