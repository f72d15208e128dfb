"""The classifier file: its content, reading and writing."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot._files import replacing
from fewshot._safe_pickle import decode, encode, pickle_sealed, unpickle_sealed
from fewshot.errors import ArtifactError, MissingFileError, UsageError
from fewshot.heads.decision import Decision
from fewshot.heads.linear import HEADS
from fewshot.heads.rejection import NEVER
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.reference import N_IMAGES
from fewshot.prediction import (
    Answers,
    Evidence,
    Neighbour,
    Prediction,
    class_number,
    make_prediction,
)

# What is written, and what is read: 2 had no face crops.
FORMAT = 3
_READABLE = (2, FORMAT)
FILE_NAME = "classifier.pkl"
_NEAREST = 3
_LARGEST = 1e9
_MEASURED = {"held_out_images", "held_out_correct", "accuracy_low", "accuracy_high"}


@dataclass(frozen=True)
class BackboneReference:
    """Which backbone a classifier was fitted with: file name, SHA-256, name and dimension."""

    file: str
    sha256: str
    name: str
    dim: int


@dataclass(frozen=True, eq=False)
class SupportRecord:
    """The support set as it is stored: embeddings instead of images.

    Attributes
    ----------
    embeddings : ndarray of float32, shape (n_images, dim)
        Of length 1.
    labels : ndarray of int64, shape (n_images,)
        Positions in the classes; one past the last for negatives.
    names : tuple of str
        Names of the images.
    hashes : tuple of str
        SHA-256 of their contents.
    faceless : tuple of str
        Those of the hashes that are of images without a face, which were embedded whole.
    """

    embeddings: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    hashes: tuple[str, ...]
    faceless: tuple[str, ...] = field(default=(), metadata={"since": 3})

    def nearest(
        self, classes: Sequence[str], embedding: NDArray[np.float32], given: int
    ) -> Evidence:
        """Return the support images most similar to an embedding that was classified.

        Parameters
        ----------
        classes : sequence of str
            What `labels` are positions in.
        embedding : ndarray of float32, shape (dim,)
            Of length 1.
        given : int
            The position of the class that was answered.
        """
        # Not by BLAS, whose threads would compete with those that classify other images.
        similarities = np.einsum("nd,d->n", self.embeddings, embedding)

        def neighbour(row: int) -> Neighbour:
            number = int(self.labels[row])
            name = classes[number] if number < len(classes) else None
            return Neighbour(self.names[row], name, float(similarities[row]))

        order = np.argsort(-similarities, kind="stable")
        labels = self.labels[order]
        others = order[(labels != given) & (labels < len(classes))]
        return Evidence(
            tuple(neighbour(row) for row in order[:_NEAREST]),
            neighbour(others[0]) if len(others) else None,
        )

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> SupportRecord:
        """Return some of the images, in the order of the rows; a mask will do, too."""
        rows = np.arange(len(self.names))[rows]
        return SupportRecord(
            self.embeddings[rows],
            self.labels[rows],
            tuple(self.names[row] for row in rows),
            tuple(self.hashes[row] for row in rows),
            tuple(sorted({self.hashes[row] for row in rows} & set(self.faceless))),
        )


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

    def __post_init__(self) -> None:
        """Refuse one that lacks what was measured."""
        numbers = (*self.measured.values(), self.temperature, self.reject_rate)
        if not set(self.measured) >= _MEASURED or not all(map(math.isfinite, numbers)):
            raise ValueError("measured does not fit the rest")


@dataclass(frozen=True, eq=False)
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
        For the pictures of `fewshot.classifier.verification`, where it was fitted.
    measured : dict of str to float
        What was measured while fitting.
    versions : dict of str to str
        Of the libraries it was made with.
    created : str
        ISO 8601, UTC.
    format : int
        Of the file it was read from.
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

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together, and close the arrays for writing."""
        n_classes, n_images, dim = len(self.classes), len(self.support.names), self.backbone.dim
        head, reject, labels = self.decision.head, self.decision.rejection, self.support.labels
        kept = self.support.embeddings
        seen = self.references
        learned = (head.weights, head.bias, reject.prototypes, reject.units)
        arrays = (*learned, kept, seen.embeddings, seen.probabilities)
        rows = n_classes + self.has_negatives
        sound = {
            "classes": 1 <= n_classes == len(set(self.classes)) and rows >= 2,
            "head.weights": head.weights.shape == (rows, dim),
            "head.bias": head.bias.shape == (rows,),
            "head.kind": head.kind in HEADS,
            "temperature": 1e-6 < self.decision.temperature < 1e6,
            "measured": set(self.measured) >= _MEASURED
            and all(map(math.isfinite, self.measured.values())),
            "rejection.prototypes": reject.prototypes.shape == (n_classes, dim),
            "rejection.rate": 0 <= reject.rate < 1,
            "rejection.units": (reject.units > 0).all()
            and reject.units.shape == (2 + self.has_negatives,),
            "rejection.threshold": math.isfinite(reject.threshold),
            # Products of two stay finite, and NaN fails.
            "numbers": all((np.abs(array) <= _LARGEST).all() for array in arrays),
            "support.embeddings": self.support.embeddings.shape == (n_images, dim),
            "support.labels": labels.shape == (n_images,)
            and set(labels.tolist()) == set(range(rows)),
            "references": seen.known.shape == (N_IMAGES,)
            and seen.embeddings.shape == (N_IMAGES, dim)
            and seen.probabilities.shape == (N_IMAGES, n_classes),
            "support.hashes": len(self.support.hashes) == n_images,
            "backbone.file": Path(self.backbone.file).name == self.backbone.file
            and "\\" not in self.backbone.file
            and self.backbone.file.endswith(".onnx"),
        }
        for part, fits in sound.items():
            if not fits:
                raise ValueError(f"{part} does not fit the rest")
        for array in (*arrays, labels, seen.known):
            array.flags.writeable = False

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
        )
        return asdict(summary)


def artifact_path(path: str | os.PathLike[str]) -> Path:
    """Return the classifier file that a path means: itself if it ends in .pkl, else inside it."""
    return Path(path) if Path(path).suffix == ".pkl" else Path(path) / FILE_NAME


def read_artifact(path: str | os.PathLike[str]) -> Artifact:
    """Read a classifier file without running anything in it.

    Parameters
    ----------
    path : path
        A ``.pkl`` file, or the folder that holds ``classifier.pkl``.

    Returns
    -------
    Artifact

    Raises
    ------
    MissingFileError
        If there is no such file.
    UsageError
        If it is a single file that was exported.
    ArtifactError
        If it names a global, is damaged, or is of another format.
    """
    file = artifact_path(path)
    if file.parent.suffix == ".onnx":
        raise UsageError(f"{file.parent}: a single file; give the folder it was exported from")
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise MissingFileError(
            f"{file}: no classifier there; make one with 'fewshot fit DATA', "
            "or say where one is with --models"
        ) from error
    except OSError as error:
        raise ArtifactError(f"{file}: cannot be read ({error.strerror})") from error
    try:
        record = unpickle_sealed(data)
    except ArtifactError as error:
        raise ArtifactError(f"{file}: {error}") from error
    except Exception as error:  # damaged pickles raise nearly anything
        raise ArtifactError(
            f"{file}: not a classifier file, or a damaged one ({error}); move it away and fit again"
        ) from error
    return _from_record(record, file)


def write_artifact(artifact: Artifact, path: str | os.PathLike[str]) -> Path:
    """Write a classifier file: whole or not at all, keeping the one it replaces.

    One that differs by its date alone is not worth keeping.

    Parameters
    ----------
    artifact : Artifact
    path : path
        A ``.pkl`` file, or the folder to put ``classifier.pkl`` in.

    Returns
    -------
    Path
        The file written.
    """
    file = artifact_path(path)
    earlier = file.read_bytes() if file.exists() else None
    if earlier is not None and _differ_by_date(artifact, file, earlier):
        earlier = None
    with replacing(file) as stream:
        stream.write(_pickled(artifact))
        if earlier is not None:  # the new one is about to take its place
            _write(previous_path(file), earlier)
    return file


def previous_path(path: str | os.PathLike[str]) -> Path:
    """Return where the classifier is kept that was there before the present one."""
    return artifact_path(path).with_suffix(".previous.pkl")


def restore_previous(path: str | os.PathLike[str]) -> tuple[Artifact, Artifact]:
    """Put the previous classifier file back, and keep the present one as the previous.

    Parameters
    ----------
    path : path
        A ``.pkl`` file, or the folder that holds ``classifier.pkl``.

    Returns
    -------
    before, after : Artifact
        What was there, and what is there now.

    Raises
    ------
    MissingFileError
        If there is no classifier, or nothing to go back to.
    ArtifactError
        If the previous one is damaged.
    """
    file, previous = artifact_path(path), previous_path(path)
    before = read_artifact(file)
    if not previous.is_file():
        raise MissingFileError(f"{previous}: no previous classifier there, so nothing to undo")
    after = read_artifact(previous)
    data, earlier = file.read_bytes(), previous.read_bytes()
    # In this order: if only the first is done, no classifier is lost but one that was undone.
    _write(file, earlier)
    _write(previous, data)
    return before, after


def _pickled(artifact: Artifact) -> bytes:
    """Return the content of the file of an artifact."""
    return pickle_sealed({**encode(artifact), "format": FORMAT})


def _differ_by_date(artifact: Artifact, file: Path, content: bytes) -> bool:
    """Tell whether a file holds an artifact, but for when it was made."""
    try:
        created = read_artifact(file).created
    except ArtifactError:  # something else
        return False
    return _pickled(replace(artifact, created=created)) == content


def _write(file: Path, data: bytes) -> None:
    """Write bytes, whole or not at all."""
    with replacing(file) as stream:
        stream.write(data)


def _from_record(record: object, file: Path) -> Artifact:
    """Check what was unpickled and make records of it."""
    found = record.get("format") if isinstance(record, dict) else None
    if type(found) is not int:
        raise ArtifactError(f"{file}: not a fewshot classifier file; fit one with 'fewshot fit'")
    if found not in _READABLE:
        raise ArtifactError(
            f"{file}: classifier format {found}; this fewshot reads format {FORMAT}: "
            "move it away and fit again, or install the fewshot that wrote it"
        )
    try:
        return decode(record, Artifact, "record")  # type: ignore[no-any-return]
    except (ValueError, OverflowError) as error:
        raise ArtifactError(
            f"{file}: damaged classifier file ({error}); move it away and fit again"
        ) from error
