"""The methods that measure a fitted classifier."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fewshot._parallel import Progress
from fewshot.errors import FewShotWarning, ImageError, NoFaceError, SkippedWarning, SupportError

if TYPE_CHECKING:
    from fewshot.artifact import Artifact, SupportRecord
    from fewshot.embedder import Embedder
    from fewshot.evaluation.cross_validation import Evaluation
    from fewshot.training.support_set import Labels, SupportData


class Measurement:
    """Measurements on images that were not fitted on, for `FewShotClassifier`."""

    if TYPE_CHECKING:  # what `FewShotClassifier` has
        embedder_: Embedder

        @property
        def _fitted(self) -> Artifact: ...

    def evaluate(
        self,
        data: SupportData | None = None,
        labels: Labels | None = None,
        *,
        progress: Progress | None = None,
    ) -> Evaluation:
        """Measure on images that were not fitted on.

        Parameters
        ----------
        data, labels : as for `fit`, optional
            Other labelled images; those of classes that were not fitted on should be unknown, and
            images that were fitted on are not counted. By default the images fitted on are held
            out in turn.
        progress : callable, optional
            Called with how many images or fits are done, and how many there are.

        Returns
        -------
        fewshot.evaluation.cross_validation.Evaluation

        Raises
        ------
        SupportError
            If there is nothing to measure with.
        """
        from fewshot.evaluation.cross_validation import cross_validate, evaluate_on
        from fewshot.evaluation.unseen import fitted_on_text

        artifact = self._fitted
        if data is None:
            return cross_validate(artifact, progress)
        record, fitted_on, skipped = self._embed_unseen(data, labels, progress)
        title = f"{_name_of(data)}, {len(record.names)} images"
        evaluation = evaluate_on(artifact, record, title)
        warn_of(skipped)
        if fitted_on:
            total = len(fitted_on) + len(record.names)
            warnings.warn(fitted_on_text(len(fitted_on), total), FewShotWarning, stacklevel=2)
        return replace(evaluation, skipped=skipped, fitted_on=fitted_on)

    def score(self, data: SupportData, labels: Labels | None = None) -> float:
        """Return the part of labelled images that get their own label, in [0, 1].

        Parameters
        ----------
        data, labels
            As for `fit`. Images that were fitted on are not counted.

        Raises
        ------
        SupportError
            If there is no other image.
        ImageError
            For the first image that cannot be read.
        """
        record, _, skipped = self._embed_unseen(data, labels)
        for error in skipped:
            if not isinstance(error, NoFaceError):
                raise error
        probabilities, _ = self._fitted.decision.decide(record.embeddings)
        right = probabilities.argmax(axis=1) == record.labels
        return float(right.sum() / (len(right) + len(skipped)))

    def _embed_unseen(
        self, data: SupportData, labels: Labels | None, progress: Progress | None = None
    ) -> tuple[SupportRecord, tuple[str, ...], tuple[ImageError, ...]]:
        """Embed labelled images; return also the names of those fitted on, and unreadable ones."""
        from fewshot.evaluation.unseen import leave_out_fitted
        from fewshot.training.embed import embed_support
        from fewshot.training.support_set import gather

        query, artifact, where = gather(data, labels), self._fitted, _name_of(data)
        if not query.images:
            raise SupportError(f"{where}: no image to measure on")
        found = embed_support(query, artifact.classes, self.embedder_, artifact, progress)
        record, fitted_on = leave_out_fitted(found.record, artifact.support, where)
        return record, fitted_on, found.skipped


def _name_of(data: SupportData) -> str:
    return os.fspath(data) if isinstance(data, (str, os.PathLike)) else "images"


def warn_of(skipped: Sequence[ImageError], stacklevel: int = 3) -> None:
    """Warn the caller's caller of images that are left out."""
    for error in skipped:
        warnings.warn(f"{error}; left out", SkippedWarning, stacklevel=stacklevel)
