"""Predictions and their evidence, and how they become JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot._class_names import find_class
from fewshot.errors import UsageError

# How many classes a message lists.
_NAMED = 20


@dataclass(frozen=True)
class Neighbour:
    """A similar support image.

    Attributes
    ----------
    image : str
        Its name in the training data.
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
    """The most similar support images.

    Attributes
    ----------
    nearest : tuple of Neighbour
        The three most similar ones, the closest first; none from an exported file, which holds
        no images.
    other : Neighbour or None
        The most similar one of a class other than the predicted one; None if there is no other.
    """

    nearest: tuple[Neighbour, ...] = ()
    other: Neighbour | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as types that JSON knows."""
        return {
            "nearest": [asdict(neighbour) for neighbour in self.nearest],
            "other": asdict(self.other) if self.other else None,
        }


@dataclass(frozen=True, repr=False)
class Prediction:
    """The prediction for one image.

    Attributes
    ----------
    image : str
        Path or description of the image.
    label : str
        The most probable class, even when `known` is False; empty if nothing was classified, as
        there was no face.
    probability : float
        Of that class, in [0, 1].
    known : bool
        False if the image is rejected as unknown.
    scores : dict of str to float
        The probability of each class, highest first; they sum to 1, less the probability of the
        negatives if the classifier was fitted with any.
    evidence : Evidence
        The most similar support images.
    face_found : bool
        False for an image without a face where faces are classified: it is not looked at any
        further, or was used whole if the classifier was fitted so.
    """

    image: str
    label: str
    probability: float
    known: bool
    scores: dict[str, float]
    evidence: Evidence = Evidence()
    face_found: bool = True

    def __repr__(self) -> str:
        found = f"{self.label!r}, probability={self.probability:.3f}, known={self.known}"
        return f"{type(self).__name__}(image={self.image!r}, label={found})"

    def matches(self, label: str) -> bool:
        """Tell whether the image is of a class.

        Parameters
        ----------
        label : str
            One of the classes.

        Returns
        -------
        bool
            True if the image is not unknown, the class has a probability of at least 0.5, and a
            face was found where one is looked for.

        Raises
        ------
        UsageError
            If there is no such class.
        """
        classes = list(self.scores)
        probability = self.scores[classes[class_number(classes, label)]]
        return self.known and self.face_found and probability >= 0.5

    def to_dict(self, top: int | None = None, evidence: bool = False) -> dict[str, Any]:
        """Return the prediction as types that JSON knows.

        Parameters
        ----------
        top : int, optional
            How many classes `scores` has; by default all.
        evidence : bool
            Whether ``evidence`` is among the keys; None where there is none.

        Returns
        -------
        dict
            Keys ``image label probability known scores``, ``evidence`` if asked for, and
            ``face_found`` if none was. The label is None if nothing was classified.
        """
        record: dict[str, Any] = {
            "image": self.image,
            "label": self.label or None,
            "probability": self.probability,
            "known": self.known,
            "scores": dict(list(self.scores.items())[:top]),
        }
        if not self.face_found:
            record["face_found"] = False
        if evidence:
            record["evidence"] = self.evidence.to_dict() if self.evidence.nearest else None
        return record


@dataclass(frozen=True, repr=False)
class FacePrediction(Prediction):
    """The prediction for one face.

    Attributes
    ----------
    box : tuple of int
        Left, top, right and bottom, in pixels of the upright image.
    landmarks : tuple of (x, y)
        Eyes, nose and corners of the mouth, from left to right in the image, in pixels.
    """

    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    landmarks: tuple[tuple[float, float], ...] = ()

    def to_dict(self, top: int | None = None, evidence: bool = False) -> dict[str, Any]:
        """Return it as types that JSON knows: ``box landmarks`` instead of ``image``."""
        record = super().to_dict(top, evidence)
        del record["image"]
        return {"box": self.box, "landmarks": self.landmarks, **record}


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
    """The answers for several images, as arrays.

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
    """Return the position of a class, whatever form of Unicode its name is in.

    Raises
    ------
    UsageError
        If there is no such class; of many the message lists those that read most like it.
    """
    if (found := find_class(classes, label)) is not None:
        return found
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


def no_face_prediction(image: str, classes: Sequence[str]) -> Prediction:
    """Return the prediction for an image in which no face was found."""
    return Prediction(image, "", 0.0, False, dict.fromkeys(classes, 0.0), face_found=False)
