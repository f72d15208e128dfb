"""The classifier as a user meets it: fit, classify, save, load.

It joins the other modules and leaves their work to them: fitting to `fewshot.fitting`, the file to
`fewshot.artifact`, printing to `fewshot.cli`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import tee
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import Artifact, artifact_path, read_artifact, write_artifact
from fewshot.backbones import (
    DEFAULT_BACKBONE,
    Backbone,
    find_backbone,
    models_folder,
    place_backbone,
)
from fewshot.embedder import Embedder
from fewshot.errors import BackboneError, ImageError, NotFittedError
from fewshot.fitting import Progress, fit_artifact
from fewshot.images import ImageSource, describe
from fewshot.support import SupportData, collect


@dataclass(frozen=True)
class Prediction:
    """The answer for one image.

    Attributes
    ----------
    image : str
        Path or description of the image.
    label : str
        The most probable class, even when `known` is False.
    probability : float
        Of that class, in [0, 1].
    known : bool
        False if the image looks like none of the classes.
    scores : dict of str to float
        The probability of each class, highest first; they sum to 1.
    """

    image: str
    label: str
    probability: float
    known: bool
    scores: dict[str, float]


class FewShotClassifier:
    """Tell classes of images apart after seeing a few of each.

    What `fit` or `load` leaves behind is one read-only `Artifact`, replaced whole if at all; so a
    classifier can be shared between threads, and pickled to worker processes.

    Parameters
    ----------
    head : {"logistic", "centroid"}
        Logistic regression, or nearest class centroid.
    backbone : str or path, default "mobilenet_v2"
        A name, or the path of an ``.onnx`` file.
    models : path, optional
        Folder where a backbone name is looked up first.
    threads : int, optional
        Images worked on at the same time; by default one for each processor at hand.

    Attributes
    ----------
    artifact_ : Artifact
        All that was learned: classes, head, confidence, support embeddings, measurements.
    embedder_ : Embedder
        The opened backbone.
    skipped_ : tuple of ImageError
        Images that could not be read while fitting.

    Examples
    --------
    >>> from fewshot import FewShotClassifier
    >>> classifier = FewShotClassifier().fit("data/")  # doctest: +SKIP
    >>> classifier.classify("new.jpg").label  # doctest: +SKIP
    'rose'
    """

    def __init__(
        self,
        head: str = "logistic",
        backbone: str | os.PathLike[str] = DEFAULT_BACKBONE,
        *,
        models: str | os.PathLike[str] | None = None,
        threads: int | None = None,
    ) -> None:
        self.head = head
        self.backbone = backbone
        self.models = models
        self.threads = threads

    @property
    def classes_(self) -> tuple[str, ...]:
        """The classes, in the order of `predict_proba`'s columns."""
        return self._fitted.classes

    def fit(
        self,
        data: SupportData,
        labels: Sequence[object] | None = None,
        *,
        reuse: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> FewShotClassifier:
        """Fit on a support set.

        Parameters
        ----------
        data : path, mapping, or sequence of ImageSource
            A folder with one folder per class; or label to images; or images, with `labels`.
        labels : sequence, optional
            One label for each image of a sequence.
        reuse : path, optional
            An earlier classifier's folder or file, if there is one: images of unchanged content
            are not embedded again.
        progress : callable, optional
            Called with how many images are embedded, and how many there are to embed.

        Returns
        -------
        FewShotClassifier
            Itself. Images that cannot be read are left out, with a `FewShotWarning` each, and
            kept in `skipped_`.

        Raises
        ------
        SupportError
            If there are fewer than two classes, or a class without a readable image.
        MissingFileError, BackboneError
            If the backbone is not found, or is not one.
        ArtifactError
            If `reuse` exists but is no classifier file.
        """
        support = collect(data, labels)
        embedder = Embedder(self.backbone, models=self.models, threads=self.threads)
        self.artifact_, self.skipped_ = fit_artifact(
            support, embedder, self.head, reuse=reuse, progress=progress
        )
        self.embedder_ = embedder
        return self

    def classify(self, image: ImageSource) -> Prediction:
        """Classify one image.

        Parameters
        ----------
        image : path, bytes, binary file, PIL image or uint8 array

        Returns
        -------
        Prediction

        Raises
        ------
        ImageError
            If the image cannot be read.
        NotFittedError
            Before `fit` or `load`.
        """
        return self._predict(describe(image), self._fitted_embedder.embed_one(image))

    def stream(self, images: Iterable[ImageSource]) -> Iterator[Prediction | ImageError]:
        """Classify images one after another, in order, without holding them all.

        Parameters
        ----------
        images : iterable of ImageSource

        Yields
        ------
        Prediction or ImageError
            The answer, or why the image could not be read.
        """
        sources, named = tee(images)
        embedded = self._fitted_embedder.stream(sources)
        for image, result in zip(named, embedded, strict=True):
            if isinstance(result, ImageError):
                yield result
            else:
                yield self._predict(describe(image), result)

    def predict(self, images: Sequence[ImageSource]) -> list[str]:
        """Return the most probable class of each image.

        Parameters
        ----------
        images : sequence of ImageSource

        Returns
        -------
        list of str

        Raises
        ------
        ImageError
            For the first image that cannot be read.
        """
        return [self.classes_[i] for i in self.predict_proba(images).argmax(axis=1)]

    def predict_proba(self, images: Sequence[ImageSource]) -> NDArray[np.float32]:
        """Return the probability of each class for each image.

        Parameters
        ----------
        images : sequence of ImageSource

        Returns
        -------
        ndarray of float32, shape (n_images, n_classes)
            In [0, 1], rows summing to 1; columns in the order of `classes_`.

        Raises
        ------
        ImageError
            For the first image that cannot be read.
        """
        return self._probabilities(self._fitted_embedder.embed(images))

    def score(self, data: SupportData, labels: Sequence[object] | None = None) -> float:
        """Return the part of labelled images that get their own label, in [0, 1].

        Parameters
        ----------
        data, labels
            As for `fit`; images other than those fitted on, to mean anything.
        """
        query = collect(data, labels)
        given = self.predict(query.images)
        return sum(map(str.__eq__, given, query.labels)) / len(query)

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the classifier, and put its backbone beside it, so that the folder is complete.

        Parameters
        ----------
        path : path, optional
            A folder, to hold ``classifier.pkl``, or a ``.pkl`` file; by default
            ``FEWSHOT_MODELS`` or ``./models``.

        Returns
        -------
        Path
            The classifier file. What was there before stays until the new one is complete.

        Raises
        ------
        ArtifactError
            If a file that is not a classifier is in the way.
        """
        artifact, backbone = self._fitted, self._fitted_embedder.backbone_
        file = artifact_path(models_folder(path))
        if file.exists():
            read_artifact(file)
        name = place_backbone(backbone, file.parent)
        reference = replace(artifact.backbone, file=name)
        return write_artifact(replace(artifact, backbone=reference), file)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str] | None = None, *, threads: int | None = None
    ) -> FewShotClassifier:
        """Open a classifier that `save` wrote.

        Parameters
        ----------
        path : path, optional
            Its folder, or the ``.pkl`` file; by default ``FEWSHOT_MODELS`` or ``./models``.
        threads : int, optional
            As for the constructor.

        Returns
        -------
        FewShotClassifier

        Raises
        ------
        MissingFileError
            If the classifier or its backbone is not there.
        ArtifactError
            If the file is damaged, unsafe, or of another format.
        BackboneError
            If the backbone is not the one the classifier was fitted with.
        """
        file = artifact_path(models_folder(path))
        artifact = read_artifact(file)
        beside = file.parent / artifact.backbone.file
        backbone = beside if beside.exists() else find_backbone(beside.stem)
        self = cls(artifact.head.kind, backbone, threads=threads)
        self.embedder_ = Embedder(backbone, preprocessing=artifact.preprocessing, threads=threads)
        _require_same(self.embedder_.backbone_, artifact, file)
        self.artifact_, self.skipped_ = artifact, ()
        return self

    @property
    def _fitted(self) -> Artifact:
        """The artifact, once there is one."""
        if not hasattr(self, "artifact_"):
            raise NotFittedError("this classifier knows no classes yet; call fit() or load() first")
        return self.artifact_

    @property
    def _fitted_embedder(self) -> Embedder:
        """The embedder, once there is one."""
        _ = self._fitted
        return self.embedder_

    def _predict(self, image: str, embedding: NDArray[np.float32]) -> Prediction:
        """Answer for one embedding, the same whatever else is asked with it."""
        probabilities = self._probabilities(embedding[np.newaxis])[0]
        order = np.argsort(-probabilities, kind="stable")
        scores = {self.classes_[i]: float(probabilities[i]) for i in order}
        label, probability = next(iter(scores.items()))
        known = probability >= self._fitted.confidence.threshold
        return Prediction(image, label, probability, known, scores)

    def _probabilities(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score embeddings and calibrate."""
        fitted = self._fitted
        return fitted.confidence.probabilities(fitted.head.scores(embeddings))


def _require_same(found: Backbone, artifact: Artifact, file: Path) -> None:
    """Refuse a backbone other than the one a classifier was fitted with."""
    expected = artifact.backbone
    if found.sha256 != expected.sha256:
        raise BackboneError(
            f"{file}: fitted with backbone {expected.file} (sha256 {expected.sha256[:12]}), but "
            f"{found.path} is another (sha256 {found.sha256[:12]}); "
            "put the first one there, or fit again"
        )
