"""Tell whether a classifier answers here as it did where it was fitted."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fewshot.backbones.session import runtime_version
from fewshot.classifier.base import Classifier
from fewshot.errors import ImageError, UsageError
from fewshot.images.source import ImageSource
from fewshot.prediction import Answers, join_answers

# Probabilities that moved further than this are other answers, whatever label comes first.
TOLERANCE = 0.01


@dataclass(frozen=True)
class Agreement:
    """How alike two classifiers, or one on two machines, answer.

    Attributes
    ----------
    images : int
    same : int
        Images that get the same label and the same verdict of known or unknown.
    embedding_difference, probability_difference : float
        The largest absolute difference of any number.
    skipped : tuple of ImageError
        Images that could not be read.
    """

    images: int
    same: int
    embedding_difference: float
    probability_difference: float
    skipped: tuple[ImageError, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every answer is the same."""
        return self.same == self.images

    def to_dict(self) -> dict[str, Any]:
        """Describe it, and the machine, in types that JSON knows."""
        found = {**asdict(self), "skipped": [str(error) for error in self.skipped]}
        return {**found, "holds": self.holds, **machine()}


def verify(classifier: Classifier) -> Agreement:
    """Replay the reference images.

    Parameters
    ----------
    classifier : FewShotClassifier or ExportedClassifier

    Returns
    -------
    Agreement
        Between what was kept and what is answered here. Probabilities that moved by more than
        `TOLERANCE` count as another answer.
    """
    found = classifier.replay()
    return _agreement(classifier.references_, found, TOLERANCE)


def compare(
    first: Classifier, second: Classifier, images: Sequence[ImageSource], tolerance: float = 1.0
) -> Agreement:
    """Ask two classifiers about the same images.

    Parameters
    ----------
    first, second : FewShotClassifier or ExportedClassifier
    images : sequence of ImageSource
    tolerance : float
        By how much probabilities may differ in the same answer, in [0, 1].

    Returns
    -------
    Agreement

    Raises
    ------
    UsageError
        If they do not know the same classes, or there is no image that can be read.
    """
    if first.class_names_ != second.class_names_:
        raise UsageError(
            f"one knows {', '.join(first.class_names_)}, the other "
            f"{', '.join(second.class_names_)}; "
            "compare a file with the classifier it was exported from"
        )
    pairs, skipped = [], []
    for image in images:
        try:
            pairs.append((first._answer(image), second._answer(image)))
        except ImageError as error:
            skipped.append(error)
    if not pairs:
        reason = skipped[0] if skipped else "none was given"
        raise UsageError(f"no image to compare answers for ({reason}); give at least one")
    answers, others = (join_answers(part, first.class_names_) for part in zip(*pairs, strict=True))
    dim, other = answers.embeddings.shape[1], others.embeddings.shape[1]
    if dim != other:
        raise UsageError(
            f"one has embeddings of {dim} numbers, the other of {other}; "
            "compare classifiers over the same backbone"
        )
    return replace(_agreement(answers, others, tolerance), skipped=tuple(skipped))


def _agreement(expected: Answers, found: Answers, tolerance: float) -> Agreement:
    moved = np.abs(expected.probabilities - found.probabilities)
    same = (
        (expected.probabilities.argmax(axis=1) == found.probabilities.argmax(axis=1))
        & (expected.known == found.known)
        & (moved.max(axis=1) <= tolerance)
    )
    embeddings = np.abs(expected.embeddings - found.embeddings)
    return Agreement(len(same), int(same.sum()), float(embeddings.max()), float(moved.max()))


def machine() -> dict[str, str]:
    """Name what answers here: onnxruntime, Python and the processor."""
    return {
        "onnxruntime": runtime_version(),
        "python": platform.python_version(),
        "processor": _processor(),
    }


def _processor() -> str:
    """Name the processor as closely as the system does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    keys = ("model name", "Model")  # the latter on ARM
    named = [line.partition(":")[2].strip() for line in lines if line.startswith(keys)]
    return f"{(named or [platform.processor()])[0]} {platform.machine()}".strip()
