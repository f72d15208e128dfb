"""Tell whether a classifier answers here as it did where it was fitted.

The pictures to ask about are drawn by `fewshot.references`; the answers that they got are kept in
the classifier file.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fewshot.answering import Answering
from fewshot.errors import UsageError
from fewshot.images import ImageSource
from fewshot.prediction import Answers
from fewshot.references import reference_pictures

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
    """

    images: int
    same: int
    embedding_difference: float
    probability_difference: float

    @property
    def holds(self) -> bool:
        """Whether every answer is the same."""
        return self.same == self.images

    def summary(self) -> dict[str, Any]:
        """Describe it, and the machine, in types that JSON knows."""
        return {**asdict(self), "holds": self.holds, **machine()}


def verify(classifier: Answering) -> Agreement:
    """Replay the reference pictures.

    Parameters
    ----------
    classifier : FewShotClassifier or ExportedClassifier

    Returns
    -------
    Agreement
        Between what was kept and what is answered here. Probabilities that moved by more than
        `TOLERANCE` count as another answer.
    """
    found = classifier.answer(reference_pictures())
    return _agreement(classifier.references_, found, TOLERANCE)


def compare(
    first: Answering, second: Answering, images: Sequence[ImageSource], tolerance: float = 1.0
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
        If they do not know the same classes.
    ImageError
        For the first image that cannot be read.
    """
    if first.classes_ != second.classes_:
        raise UsageError(
            f"one knows {', '.join(first.classes_)}, the other {', '.join(second.classes_)}; "
            "compare a file with the classifier it was exported from"
        )
    return _agreement(first.answer(images), second.answer(images), tolerance)


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
    from importlib.metadata import version

    return {
        "onnxruntime": version("onnxruntime"),
        "python": platform.python_version(),
        "processor": _processor(),
    }


def _processor() -> str:
    """Name the processor as closely as the system does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{(named or [platform.processor()])[0]} {platform.machine()}".strip()
