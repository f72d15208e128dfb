"""What a fitted classifier can be taught: each lesson makes a new classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from fewshot.artifact import Artifact
from fewshot.embedder import Embedder
from fewshot.errors import ImageError
from fewshot.images.decode import ImageSource, require_several
from fewshot.training.fit import Progress
from fewshot.training.support_set import SupportData, gather

Self = TypeVar("Self", bound="Teachable")


class Teachable(ABC):
    """A classifier that can be changed without its photographs.

    The one asked to learn stays as it is, as others may be using it; what comes back is the very
    classifier that fitting on the changed images from the beginning would give.
    """

    @property
    @abstractmethod
    def _fitted(self) -> Artifact:
        """The artifact, once there is one."""

    @property
    @abstractmethod
    def _fitted_embedder(self) -> Embedder:
        """The embedder, once there is one."""

    @abstractmethod
    def _taught(self: Self, artifact: Artifact, skipped: tuple[ImageError, ...] = ()) -> Self:
        """Return a classifier like this one, of another artifact."""

    def partial_fit(
        self: Self,
        data: SupportData,
        labels: Sequence[object] | None = None,
        *,
        progress: Progress | None = None,
    ) -> Self:
        """Add images, of classes it knows or of new ones; only these are embedded.

        Parameters
        ----------
        data, labels
            As for `FewShotClassifier.fit`; a label of None makes a negative. Images that it holds
            under the same label are passed over.
        progress : callable, optional
            Called with how many images are embedded, and how many there are to embed.

        Returns
        -------
        FewShotClassifier
            A new one, with the weights that fitting on all images at once gives, copies left out.
            Images that cannot be read, or that it holds under another label, are left out, with a
            `FewShotWarning` each, and kept in `skipped_`.
        """
        from fewshot.training import update as teaching

        support = gather(data, labels)
        return self._taught(*teaching.add(self._fitted, support, self._fitted_embedder, progress))

    def remove(
        self: Self,
        *,
        label: str | None = None,
        images: Sequence[ImageSource] = (),
        negatives: bool = False,
    ) -> Self:
        """Forget a class, or single images; a class without any left is gone.

        Parameters
        ----------
        label : str, optional
        images : sequence of ImageSource
            Photographs, or the names they were fitted under.
        negatives : bool
            Whether all images that are of none of the classes go, too.

        Returns
        -------
        FewShotClassifier
            A new one.

        Raises
        ------
        UsageError
            If there is no such class.
        SupportError
            If an image is not among those fitted on, or too little would be left.
        """
        from fewshot.training import update as teaching

        artifact = self._fitted
        rows = teaching.find_rows(artifact, images)
        if label is not None:
            own = np.flatnonzero(artifact.support.labels == artifact.number_of(label))
            rows = np.union1d(rows, own)
        if negatives:
            none = np.flatnonzero(artifact.support.labels == len(artifact.classes))
            rows = np.union1d(rows, none)
        return self._taught(teaching.remove(artifact, rows))

    def relabel(self: Self, images: Sequence[ImageSource], label: str) -> Self:
        """Put images into another class, or into a new one.

        Parameters
        ----------
        images : sequence of ImageSource
            Photographs it was fitted on, or the names they were fitted under.
        label : str

        Returns
        -------
        FewShotClassifier
            A new one.

        Raises
        ------
        SupportError
            If an image is not among those fitted on, or too little would be left.
        """
        from fewshot.training import update as teaching

        rows = teaching.find_rows(self._fitted, images)
        return self._taught(teaching.relabel(self._fitted, rows, label))

    def rename(self: Self, old: str, new: str) -> Self:
        """Give a class another name.

        Parameters
        ----------
        old, new : str

        Returns
        -------
        FewShotClassifier
            A new one.

        Raises
        ------
        UsageError
            If there is no class of the old name, or already one of the new.
        """
        from fewshot.training import update as teaching

        return self._taught(teaching.rename(self._fitted, old, new))

    def correct(self: Self, images: Sequence[ImageSource], label: str) -> Self:
        """Teach what images show, whether or not it was fitted on them.

        Parameters
        ----------
        images : sequence of ImageSource
        label : str
            Their class; it may be a new one.

        Returns
        -------
        FewShotClassifier
            A new one.

        Raises
        ------
        ImageError
            If an image cannot be read.
        SupportError
            If too little would be left of another class.
        """
        from fewshot.training import update as teaching

        require_several(images)
        embedder = self._fitted_embedder
        return self._taught(teaching.correct(self._fitted, images, label, embedder))
