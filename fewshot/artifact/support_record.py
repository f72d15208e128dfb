"""The support set as a classifier file holds it: embeddings instead of images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fewshot.prediction import Evidence, Neighbour

_NEAREST = 3


@dataclass(frozen=True, eq=False, repr=False)
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
    taught : tuple of str
        Those of the hashes that were added or labelled anew since the last fit.
    removed : tuple of str
        SHA-256 of images that were removed since then.
    groups : ndarray of int64, shape (n_images,)
        The same number for near duplicates. In files of earlier formats, for equal embeddings.
    """

    embeddings: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    hashes: tuple[str, ...]
    faceless: tuple[str, ...] = field(default=(), metadata={"since": 3})
    taught: tuple[str, ...] = field(default=(), metadata={"since": 4})
    removed: tuple[str, ...] = field(default=(), metadata={"since": 4})
    groups: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(0, np.int64), metadata={"since": 4}
    )

    def __post_init__(self) -> None:
        """Group copies where nothing is known of near duplicates."""
        if len(self.groups) == 0 and len(self.names):
            from fewshot.heads.folds import group_copies

            object.__setattr__(self, "groups", group_copies(self.embeddings))

    def __repr__(self) -> str:
        return f"<SupportRecord, {len(self.names)} images>"

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
        hashes = tuple(self.hashes[row] for row in rows)
        return SupportRecord(
            self.embeddings[rows],
            self.labels[rows],
            tuple(self.names[row] for row in rows),
            hashes,
            tuple(sorted(set(hashes) & set(self.faceless))),
            tuple(sorted(set(hashes) & set(self.taught))),
            self.removed,
            self.groups[rows],
        )

    def join(self, other: SupportRecord) -> SupportRecord:
        """Put the images of another record after these; its labels must mean the same."""
        notes = {
            part: tuple(sorted({*getattr(self, part), *getattr(other, part)}))
            for part in ("faceless", "taught", "removed")
        }
        return SupportRecord(
            np.concatenate([self.embeddings, other.embeddings]),
            np.concatenate([self.labels, other.labels]),
            self.names + other.names,
            self.hashes + other.hashes,
            groups=np.concatenate([self.groups, other.groups + self.groups.max(initial=-1) + 1]),
            **notes,
        )

    def mark(self, taught: Iterable[str] = (), removed: Iterable[str] = ()) -> SupportRecord:
        """Note images, by their hashes, that were taught or removed."""
        removed = {*self.removed, *removed} - {*taught}
        taught = {*self.taught, *taught} - removed
        return replace(self, taught=tuple(sorted(taught)), removed=tuple(sorted(removed)))
