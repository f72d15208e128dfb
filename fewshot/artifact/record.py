"""All that a classifier file holds, as records whose parts fit together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot._class_names import are_of_type
from fewshot.artifact.support_record import SupportRecord
from fewshot.backbones.backbone import check_same_person
from fewshot.heads.decision import Decision
from fewshot.heads.linear import HEADS, PROTOTYPE
from fewshot.heads.rejection import NEVER
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.reference import N_IMAGES
from fewshot.prediction import Answers, Prediction, class_number, make_prediction

# What is written; 2 had no faces, 3 found them by OpenCV.
FORMAT = 4
_LARGEST = 1e9
# Below what is ever fitted, which is 1e-6 and more.
_SMALLEST_UNIT = 1e-7
_MEASURED = {"held_out_images", "held_out_correct", "accuracy_low", "accuracy_high"}


@dataclass(frozen=True)
class BackboneReference:
    """Which backbone a classifier was fitted with: file name, SHA-256, name and dimension."""

    file: str
    sha256: str
    name: str
    dim: int
    same_person: tuple[float, ...] = field(default=(), metadata={"since": 4})

    def __post_init__(self) -> None:
        """Refuse similarities that make no sense."""
        check_same_person(self.same_person)


@dataclass(frozen=True)
class Summary:
    """What a classifier is made of, without its arrays; ``classes`` is label to images."""

    format: int
    created: str
    classes: dict[str, int]
    negatives: int
    head: str
    temperature: float
    reject_rate: float
    rejects: bool
    backbone: BackboneReference
    preprocessing: Preprocessing
    measured: dict[str, float]
    versions: dict[str, str]
    label_type: str = field(default="str", metadata={"since": 4})

    def __post_init__(self) -> None:
        """Refuse one that lacks what was measured."""
        if not _are_measured(self.measured):
            raise ValueError("measured does not fit the rest")
        if not are_of_type(self.classes, self.label_type):
            raise ValueError("label_type does not fit the rest")


@dataclass(frozen=True, eq=False, repr=False)
class Artifact:
    """All that a classifier file holds. Its arrays are read-only.

    Attributes
    ----------
    classes : tuple of str
        In the order of the head's rows.
    decision : Decision
    backbone : BackboneReference
    preprocessing : Preprocessing
    support : SupportRecord
    references : Answers
        For the images of `fewshot.images.reference`, where it was fitted.
    measured : dict of str to float
        What was measured while fitting.
    versions : dict of str to str
        Of the libraries it was made with.
    created : str
        ISO 8601, UTC.
    format : int
        Of the file it was read from.
    label_type : {"str", "int", "bool"}
        What the labels were, of which `classes` are the texts.
    """

    classes: tuple[str, ...]
    decision: Decision
    backbone: BackboneReference
    preprocessing: Preprocessing
    support: SupportRecord
    references: Answers
    measured: dict[str, float]
    versions: dict[str, str]
    created: str
    format: int = FORMAT
    label_type: str = field(default="str", metadata={"since": 4})

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together, and close the arrays for writing."""
        for part, fits in self._fitting_parts().items():
            if not fits:
                raise ValueError(f"{part} does not fit the rest")
        arrays: list[NDArray[Any]] = [*self._numbers(), self.support.labels, self.references.known]
        for array in arrays:
            array.flags.writeable = False

    def _numbers(self) -> tuple[NDArray[np.float32], ...]:
        head, reject, seen = self.decision.head, self.decision.rejection, self.references
        learned = (head.weights, head.bias, reject.prototypes, reject.units)
        return (*learned, self.support.embeddings, seen.embeddings, seen.probabilities)

    def _fitting_parts(self) -> dict[str, bool]:
        """Tell of each part whether it fits the rest."""
        n_classes, n_images, dim = len(self.classes), len(self.support.names), self.backbone.dim
        head, reject, labels = self.decision.head, self.decision.rejection, self.support.labels
        kept, seen = self.support.embeddings, self.references
        n_labels, rows = n_classes + self.has_negatives, head.bias.size
        return {
            "classes": 1 <= n_classes == len(set(self.classes)),
            "label_type": are_of_type(self.classes, self.label_type),
            "backbone.name": _is_text(self.backbone.name),
            # A last row may be that of negatives, or of anybody else.
            "head.weights": head.weights.shape == (rows, dim)
            and rows >= 2
            and n_labels <= rows <= n_classes + 1,
            "head.bias": head.bias.shape == (rows,),
            "head.kind": head.kind in (*HEADS, PROTOTYPE),
            "temperature": 1e-6 < self.decision.temperature < 1e6,
            "measured": _are_measured(self.measured),
            "rejection.prototypes": reject.prototypes.shape == (n_classes, dim),
            "rejection.rate": 0 <= reject.rate < 1,
            "rejection.units": bool((reject.units >= _SMALLEST_UNIT).all())
            and reject.units.shape == (2 + rows - n_classes,),
            "rejection.threshold": math.isfinite(reject.threshold),
            # Products of two stay finite, and NaN fails.
            "numbers": all((np.abs(array) <= _LARGEST).all() for array in self._numbers()),
            "support.embeddings": kept.shape == (n_images, dim) and _are_unit(kept),
            "support.labels": labels.shape == (n_images,)
            and set(labels.tolist()) == set(range(n_labels)),
            "references": seen.known.shape == (N_IMAGES,)
            and seen.embeddings.shape == (N_IMAGES, dim)
            and seen.probabilities.shape == (N_IMAGES, n_classes)
            and _are_unit(seen.embeddings),
            "support.hashes": len(self.support.hashes) == n_images,
            "support.groups": self.support.groups.shape == (n_images,),
            "backbone.file": Path(self.backbone.file).name == self.backbone.file
            and "\\" not in self.backbone.file
            and self.backbone.file.endswith(".onnx"),
        }

    def __repr__(self) -> str:
        made = f"backbone {self.backbone.name!r}, head {self.decision.head.kind!r}"
        return f"<Artifact, {len(self.classes)} classes, {len(self.support.names)} images, {made}>"

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Close the arrays again after unpickling, which opens them."""
        self.__dict__.update(state)
        self.__post_init__()

    def list_images(self) -> list[dict[str, str | None]]:
        """List the images it was fitted on: name, label (None for negatives) and SHA-256."""
        names = (*self.classes, None)
        support = self.support
        rows = zip(support.names, support.labels.tolist(), support.hashes, strict=True)
        return [
            {"image": image, "label": names[label], "sha256": sha256}
            for image, label, sha256 in sorted(rows, key=lambda row: (row[1], row[0]))
        ]

    def predict(self, embedding: NDArray[np.float32], image: str) -> Prediction:
        """Classify an embedding, float32 (dim,), of an image of that name."""
        probabilities, known = self.decision.decide_one(embedding)
        answer = make_prediction(image, self.classes, probabilities, known)
        given = int(probabilities.argmax())
        evidence = self.support.nearest(self.classes, embedding, given)
        return replace(answer, evidence=evidence)

    def number_of(self, label: str) -> int:
        """Return the position of a class; UsageError if there is none."""
        return class_number(self.classes, label)

    @property
    def has_negatives(self) -> bool:
        """Whether it was also fitted on images that are of none of the classes."""
        return bool((self.support.labels == len(self.classes)).any())

    def summary(self) -> dict[str, Any]:
        """Describe it without its arrays, in types that JSON knows.

        Returns
        -------
        dict
            The fields of `Summary`.
        """
        shots = np.bincount(self.support.labels).tolist()[: len(self.classes)]
        summary = Summary(
            format=self.format,
            created=self.created,
            classes=dict(zip(self.classes, shots, strict=True)),
            negatives=int((self.support.labels == len(self.classes)).sum()),
            head=self.decision.head.kind,
            temperature=self.decision.temperature,
            reject_rate=self.decision.rejection.rate,
            rejects=self.decision.rejection.threshold > NEVER,
            backbone=self.backbone,
            preprocessing=self.preprocessing,
            measured=self.measured,
            versions=self.versions,
            label_type=self.label_type,
        )
        return asdict(summary)


def _are_measured(numbers: Mapping[str, float]) -> bool:
    """Tell whether all is there, and finite; none of it can be negative."""
    return set(numbers) >= _MEASURED and all(0 <= n < math.inf for n in numbers.values())


def _are_unit(embeddings: NDArray[np.float32]) -> bool:
    """Tell whether all have length 1, or 0 where nothing was active."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(embeddings, axis=1)
    return bool((np.isclose(lengths, 1, atol=1e-3) | (lengths == 0)).all())


def _is_text(name: str) -> bool:
    """Tell whether a text can be encoded, as it must be in an exported file."""
    return not any("\ud800" <= character <= "\udfff" for character in name)
