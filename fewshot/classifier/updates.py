"""The methods that update a fitted classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fewshot._parallel import Progress
from fewshot.images.source import ImageSource, require_several

if TYPE_CHECKING:
    from fewshot.artifact import Artifact
    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.embedder import Embedder
    from fewshot.training.support_set import Labels, SupportData
    from fewshot.training.update import Update


class Updates:
    """Updates of `FewShotClassifier`, from its stored embeddings.

    Each method returns a new classifier, the same as fitting on the changed images from the
    beginning gives; the old one may be in use elsewhere and does not change.
    """

    if TYPE_CHECKING:  # what `FewShotClassifier` has
        embedder_: Embedder

        @property
        def _fitted(self) -> Artifact: ...

        def _updated(self, update: Update) -> FewShotClassifier: ...

    def partial_fit(
        self,
        data: SupportData,
        labels: Labels | None = None,
        *,
        progress: Progress | None = None,
    ) -> FewShotClassifier:
        """Add images, of its classes or of new ones; only these are embedded.

        Unlike scikit-learn's, it does not change the object.

        Parameters
        ----------
        data, labels
            As for `fit`; a label of None makes a negative. Images that it holds under the same
            label, and copies, are left out.
        progress : callable, optional
            Called with how many images are done, and how many there are.

        Returns
        -------
        FewShotClassifier
            Images that cannot be read, or that it holds under another label, are left out, with a
            `FewShotWarning` each, and kept in `skipped_`.
        """
        from fewshot.training import update
        from fewshot.training.support_set import gather, warn_of_folders

        support = gather(data, labels)
        updated = self._updated(update.add(self._fitted, support, self.embedder_, progress))
        updated.passed_over_ = support.passed_over
        warn_of_folders(support.passed_over, updated.class_names_, self._fitted.classes)
        return updated

    def remove(
        self,
        *,
        label: str | None = None,
        images: Sequence[ImageSource] = (),
        negatives: bool = False,
    ) -> FewShotClassifier:
        """Remove a class, or single images; a class without images is removed.

        Parameters
        ----------
        label : str, optional
        images : sequence of ImageSource
            Images, or the names they were fitted under.
        negatives : bool
            Whether to remove all negatives, too.

        Raises
        ------
        UsageError
            If there is no such class.
        SupportError
            If an image is not among those fitted on, or fewer than two classes would remain.
        """
        from fewshot.training import update

        artifact = self._fitted
        rows = update.find_rows(artifact, images)
        if label is not None:
            own = np.flatnonzero(artifact.support.labels == artifact.number_of(label))
            rows = np.union1d(rows, own)
        if negatives:
            none = np.flatnonzero(artifact.support.labels == len(artifact.classes))
            rows = np.union1d(rows, none)
        return self._updated(update.remove(artifact, rows))

    def relabel(self, images: Sequence[ImageSource], label: str) -> FewShotClassifier:
        """Move images to another class, or to a new one.

        Parameters
        ----------
        images : sequence of ImageSource
            Images it was fitted on, or the names they were fitted under.
        label : str

        Raises
        ------
        SupportError
            If an image is not among those fitted on, or fewer than two classes would remain.
        """
        from fewshot.training import update

        rows = update.find_rows(self._fitted, images)
        return self._updated(update.relabel(self._fitted, rows, label))

    def rename(self, old: str, new: str) -> FewShotClassifier:
        """Rename a class.

        Raises
        ------
        UsageError
            If there is no class of the old name, or already one of the new.
        """
        from fewshot.training import update

        return self._updated(update.rename(self._fitted, old, new))

    def correct(self, images: Sequence[ImageSource], label: str) -> FewShotClassifier:
        """Set the class of images: those it holds are relabelled, others added.

        Parameters
        ----------
        images : sequence of ImageSource
        label : str
            Their class; it may be a new one.

        Raises
        ------
        ImageError
            If an image cannot be read.
        SupportError
            If fewer than two classes would remain.
        """
        from fewshot.training import update

        require_several(images)
        return self._updated(update.correct(self._fitted, images, label, self.embedder_))
