"""Read and write the classifier file: what it holds, and what is refused.

It is a pickle of built-in types only, so reading one runs no code of whoever made it. How records
become such types is left to `fewshot.packing`, fitting what goes in to `fewshot.fitting`.
"""

from __future__ import annotations

import math
import os
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot.confidence import Confidence
from fewshot.errors import ArtifactError, MissingFileError
from fewshot.files import replacing
from fewshot.heads import LinearHead
from fewshot.images import Preprocessing
from fewshot.packing import decode, encode, unpickle

FORMAT = 1
FILE_NAME = "classifier.pkl"


@dataclass(frozen=True)
class BackboneReference:
    """Which backbone a classifier was fitted with: file name, SHA-256, name and dimension."""

    file: str
    sha256: str
    name: str
    dim: int


@dataclass(frozen=True)
class SupportRecord:
    """The support set as it is kept: embeddings instead of photographs.

    Attributes
    ----------
    embeddings : ndarray of float32, shape (n_images, dim)
        As the backbone returned them.
    labels : ndarray of int64, shape (n_images,)
        Positions in the classes.
    names : tuple of str
        What the images were called.
    hashes : tuple of str
        SHA-256 of their contents.
    """

    embeddings: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class Artifact:
    """All that a classifier file holds. Its arrays are read-only.

    Attributes
    ----------
    classes : tuple of str
        In the order of the head's rows.
    head : LinearHead
    confidence : Confidence
    backbone : BackboneReference
    preprocessing : Preprocessing
    support : SupportRecord
    measured : dict of str to float
        What was measured while fitting.
    versions : dict of str to str
        Of the libraries it was made with.
    created : str
        ISO 8601, UTC.
    """

    classes: tuple[str, ...]
    head: LinearHead
    confidence: Confidence
    backbone: BackboneReference
    preprocessing: Preprocessing
    support: SupportRecord
    measured: dict[str, float]
    versions: dict[str, str]
    created: str

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together, and close the arrays for writing."""
        n_classes, n_images, dim = len(self.classes), len(self.support.names), self.backbone.dim
        labels, arrays = self.support.labels, (self.head.weights, self.head.bias)
        sound = {
            "classes": n_classes >= 2 and len(set(self.classes)) == n_classes,
            "head.weights": self.head.weights.shape == (n_classes, dim),
            "head.bias": self.head.bias.shape == (n_classes,),
            "head": all(np.isfinite(array).all() for array in arrays),
            "confidence.temperature": 0 < self.confidence.temperature < math.inf,
            "support.embeddings": self.support.embeddings.shape == (n_images, dim),
            "support.labels": labels.shape == (n_images,)
            and bool(np.isin(labels, range(n_classes)).all()),
            "support.hashes": len(self.support.hashes) == n_images,
            "backbone.file": Path(self.backbone.file).name == self.backbone.file
            and "\\" not in self.backbone.file,
        }
        for part, fits in sound.items():
            if not fits:
                raise ValueError(f"{part} does not fit the rest")
        for array in (*arrays, self.support.embeddings, labels):
            array.flags.writeable = False

    def summary(self) -> dict[str, Any]:
        """Describe it without its arrays, in types that JSON knows.

        Returns
        -------
        dict
            Keys ``format created classes head confidence backbone preprocessing measured
            versions``; ``classes`` maps each label to its number of images.
        """
        shots = np.bincount(self.support.labels, minlength=len(self.classes)).tolist()
        return {
            "format": FORMAT,
            "created": self.created,
            "classes": dict(zip(self.classes, shots, strict=True)),
            "head": self.head.kind,
            "confidence": asdict(self.confidence),
            "backbone": asdict(self.backbone),
            "preprocessing": asdict(self.preprocessing),
            "measured": self.measured,
            "versions": self.versions,
        }


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
    ArtifactError
        If it names a global, is damaged, or is of another format.
    """
    file = artifact_path(path)
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
        record = unpickle(data)
    except ArtifactError as error:
        raise ArtifactError(f"{file}: {error}") from error
    except Exception as error:  # damaged pickles raise nearly anything
        raise ArtifactError(
            f"{file}: not a classifier file, or a damaged one ({error}); fit it again"
        ) from error
    return _from_record(record, file)


def write_artifact(artifact: Artifact, path: str | os.PathLike[str]) -> Path:
    """Write a classifier file: whole or not at all.

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
    record = {"format": FORMAT, **encode(artifact)}
    with replacing(file) as stream:
        pickle.dump(record, stream, protocol=4)
    return file


def _from_record(record: object, file: Path) -> Artifact:
    """Check what was unpickled and make records of it."""
    found = record.get("format") if isinstance(record, dict) else None
    if type(found) is not int:
        raise ArtifactError(f"{file}: not a fewshot classifier file; fit one with 'fewshot fit'")
    if found != FORMAT:
        raise ArtifactError(
            f"{file}: classifier format {found}; this fewshot reads format {FORMAT}: "
            "fit again, or install the fewshot that wrote it"
        )
    try:
        return decode(record, Artifact, "record")  # type: ignore[no-any-return]
    except ValueError as error:
        raise ArtifactError(f"{file}: damaged classifier file ({error}); fit it again") from error
