"""Answers, as people and programs get them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot.errors import UsageError

# How many classes a message lists.
_NAMED = 20


@dataclass(frozen=True)
class Neighbour:
    """A support image like the one that was asked about.

    Attributes
    ----------
    image : str
        What it was called when it was fitted on.
    label : str or None
        Its class; None for one of the negatives.
    similarity : float
        Cosine of the two embeddings, in [-1, 1]; higher is closer.
    """

    image: str
    label: str | None
    similarity: float


@dataclass(frozen=True)
class Evidence:
    """What an answer rests on.

    Attributes
    ----------
    nearest : tuple of Neighbour
        The three most similar support images, the closest first.
    other : Neighbour or None
        The most similar one of another class than the answer's; None if there is no other class.
    """

    nearest: tuple[Neighbour, ...]
    other: Neighbour | None


@dataclass(frozen=True)
class Prediction:
    """The answer for one image.

    Attributes
    ----------
    image : str
        Path or description of the image.
    label : str
        The most probable class, even when `known` is False.
    probability : float
        Of that class, in [0, 1].
    known : bool
        False if the image looks like none of the classes.
    scores : dict of str to float
        The probability of each class, highest first; they sum to 1, less the probability of the
        negatives if the classifier was fitted with any.
    evidence : Evidence or None
        The support images it rests on; None from a single file, which holds none.
    """

    image: str
    label: str
    probability: float
    known: bool
    scores: dict[str, float]
    evidence: Evidence | None = None

    def matches(self, label: str) -> bool:
        """Tell whether the image is of a class rather than of another, or of none.

        Parameters
        ----------
        label : str
            One of the classes.

        Returns
        -------
        bool
            True if the image is not unknown, and the class at least as probable as all else.

        Raises
        ------
        UsageError
            If there is no such class.
        """
        class_number(list(self.scores), label)
        return self.known and self.scores[label] >= 0.5


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer for one image, as arrays.

    Attributes
    ----------
    embedding : ndarray of float32, shape (dim,)
    probabilities : ndarray of float32, shape (n_classes,)
    known : bool
    """

    embedding: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    known: bool


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers for several images.

    Attributes
    ----------
    embeddings : ndarray of float32, shape (n_images, dim)
    probabilities : ndarray of float32, shape (n_images, n_classes)
    known : ndarray of bool, shape (n_images,)
    """

    embeddings: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    known: NDArray[np.bool_]


def class_number(classes: Sequence[str], label: str) -> int:
    """Return the position of a class.

    Raises
    ------
    UsageError
        If there is no such class; of many the message lists those that read most like it.
    """
    if label in classes:
        return classes.index(label)
    from difflib import get_close_matches

    named = list(classes)
    if len(classes) > _NAMED:
        named = get_close_matches(label, classes, 5, 0.0)
        named.append(f"{len(classes) - len(named)} others")
    raise UsageError(f"there is no class {label!r}; expected one of {', '.join(named)}")


def join_answers(rows: Sequence[Answer], classes: Sequence[str]) -> Answers:
    """Stack the answers for single images."""
    if not rows:
        nothing = np.zeros((0, len(classes)), np.float32)
        return Answers(nothing[:, :0], nothing, np.zeros(0, np.bool_))
    return Answers(
        np.stack([row.embedding for row in rows]),
        np.stack([row.probabilities for row in rows]),
        np.array([row.known for row in rows], np.bool_),
    )


def make_prediction(
    image: str,
    classes: Sequence[str],
    probabilities: NDArray[np.float32],
    known: bool,
) -> Prediction:
    """Sort the classes by their probability, highest first."""
    order = np.argsort(-probabilities, kind="stable")
    scores = {classes[i]: float(probabilities[i]) for i in order}
    label, probability = next(iter(scores.items()))
    return Prediction(image, label, probability, bool(known), scores)
