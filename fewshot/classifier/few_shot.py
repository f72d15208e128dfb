"""The classifier that is fitted on a folder of images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot._files import file_sha256
from fewshot._parallel import Progress
from fewshot.artifact import (
    Artifact,
    artifact_path,
    changing,
    read_artifact,
    read_with_sha256,
    sha256_there,
)
from fewshot.backbones.find import find_backbone, models_folder, place_network
from fewshot.classifier.base import Classifier
from fewshot.classifier.updates import Updates
from fewshot.embedder import Embedder
from fewshot.errors import (
    ArtifactError,
    BackboneError,
    FewShotWarning,
    ImageError,
    NoFaceError,
    NotFittedError,
    SkippedWarning,
    SupportError,
)
from fewshot.heads.rejection import REJECT_RATE
from fewshot.images.reference import reference_images
from fewshot.images.source import ImageSource
from fewshot.images.views import Views
from fewshot.prediction import Answer, Answers, Prediction
from fewshot.training.support_set import Labels, Negatives, SupportData, warn_of_folders

if TYPE_CHECKING:
    from fewshot.artifact import SupportRecord
    from fewshot.evaluation.cross_validation import Evaluation
    from fewshot.explain.activation_map import Explanation
    from fewshot.faces.cropper import FaceCropper
    from fewshot.images.files import PassedOver
    from fewshot.training.fit import EmbeddedSet
    from fewshot.training.update import Update

_EMBEDDER_PARAMETERS = ("backbone", "models", "views", "image_size", "crop", "no_face", "threads")


class FewShotClassifier(Updates, Classifier):
    """Classify images after seeing a few of each class.

    A fitted classifier is one read-only `Artifact`: it can be shared between threads, and pickled
    to worker processes.

    Parameters
    ----------
    head : {"auto", "logistic", "discriminant", "centroid"}
        A blend of the next two, logistic regression, a linear discriminant, or nearest class
        centroid.
    backbone, models, views, image_size, crop, no_face, detector, threads
        As for `fewshot.Embedder`; ignored if there is an `embedder`.
    embedder : Embedder, optional
        How images become embeddings.
    reject_rate : float, default 0.05
        Target false rejection rate: the fraction of images of the classes that may be called
        unknown, in [0, 1); 0 disables rejection.

    Attributes
    ----------
    artifact_ : Artifact
        All that was fitted: classes, head, rejection, support embeddings, measurements.
    embedder_ : Embedder
        The opened backbone.
    skipped_ : tuple of ImageError
        Images that could not be read while fitting.
    passed_over_ : tuple of PassedOver
        What in the folders was not used: other files, folders without images, what may not be read.
    held_out_ : ndarray of float32, shape (n_images, n_rows), or None
        After `fit` or an update: calibrated scores of each image from a head fitted without it,
        with a last column for negatives if there were any; rows of NaN for what could not be held
        out.

    Examples
    --------
    >>> from fewshot import FewShotClassifier
    >>> classifier = FewShotClassifier().fit("data/")  # doctest: +SKIP
    >>> classifier.classify("new.jpg").label  # doctest: +SKIP
    'rose'
    """

    def __init__(
        self,
        head: str = "auto",
        backbone: str | os.PathLike[str] | None = None,
        *,
        embedder: Embedder | None = None,
        models: str | os.PathLike[str] | None = None,
        views: int = 1,
        image_size: int | None = None,
        crop: str = "whole",
        no_face: str = "skip",
        detector: str | os.PathLike[str] | None = None,
        reject_rate: float = REJECT_RATE,
        threads: int | None = None,
    ) -> None:
        self.head = head
        self.backbone = backbone
        self.embedder = embedder
        self.models = models
        self.views = views
        self.image_size = image_size
        self.crop = crop
        self.no_face = no_face
        self.detector = detector
        self.reject_rate = reject_rate
        self.threads = threads

    held_out_: NDArray[np.float32] | None = None
    embedded_: EmbeddedSet | None = None
    passed_over_: tuple[PassedOver, ...] = ()
    # SHA-256 of the files that this classifier was read from or written to, "" for none there.
    _files: Mapping[Path, str] = MappingProxyType({})

    @property
    def classes_(self) -> tuple[str, ...]:
        """The classes, in the order of `predict_proba`'s columns."""
        return self._fitted.classes

    @property
    def references_(self) -> Answers:
        """Its answers for the reference images where it was fitted."""
        return self._fitted.references

    def fit(
        self,
        data: SupportData,
        labels: Labels | None = None,
        *,
        negatives: Negatives | None = None,
        reuse: str | os.PathLike[str] | None = None,
        keep_taught: bool = False,
        progress: Progress | None = None,
    ) -> FewShotClassifier:
        """Fit on labelled images.

        Parameters
        ----------
        data : path, mapping, or sequence of ImageSource
            A folder with one folder per class; or label to images; or images, with `labels`.
        labels : sequence, optional
            One label for each image of a sequence.
        negatives : path or sequence of ImageSource, optional
            Images that are of none of the classes; with them one class is enough.
        reuse : path, optional
            An earlier classifier's folder or file, if there is one: images of unchanged content
            are not embedded again.
        keep_taught : bool
            Whether images that were added, relabelled or removed since the classifier of `reuse`
            was fitted stay so.
        progress : callable, optional
            Called with how many images are done, and how many there are.

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
        """
        from fewshot.training.fit import fit_artifact
        from fewshot.training.support_set import collect

        self._files = {} if reuse is None else {_place(reuse): sha256_there(reuse)}
        embedder = self.embedder or Embedder(
            detector=self.detector, **{name: getattr(self, name) for name in _EMBEDDER_PARAMETERS}
        )
        # Of faces, one class is enough.
        support = collect(data, labels, negatives, one_class=lambda: embedder.tells_people_apart_)
        self.artifact_, self.embedded_, self.held_out_ = fit_artifact(
            support, embedder, self.head, self.reject_rate, reuse=reuse, progress=progress
        )
        self.embedder_, self.skipped_ = embedder, self.embedded_.skipped
        self.passed_over_ = support.passed_over
        if keep_taught and reuse is not None and artifact_path(reuse).exists():
            self._keep_taught(read_artifact(reuse))
        _warn_of(self.skipped_)
        warn_of_folders(self.passed_over_, self.classes_)
        return self

    def _keep_taught(self, earlier: Artifact) -> None:
        from fewshot.training.keep_taught import keep_taught

        update = keep_taught(self.artifact_, earlier)
        if update.held_out is not None:  # something was taught
            self.artifact_, self.held_out_, self.embedded_ = update.artifact, update.held_out, None

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
        _warn_of(skipped)
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
        from fewshot.training.fit import embed_support
        from fewshot.training.support_set import gather

        query, artifact, where = gather(data, labels), self._fitted, _name_of(data)
        if not query.images:
            raise SupportError(f"{where}: no image to measure on")
        found = embed_support(query, artifact.classes, self.embedder_, artifact.support, progress)
        record, fitted_on = leave_out_fitted(found.record, artifact.support, where)
        return record, fitted_on, found.skipped

    def explain(self, image: ImageSource, label: str | None = None) -> Explanation:
        """Show where in an image the score of a class comes from.

        Parameters
        ----------
        image : path, bytes, binary file, PIL image or uint8 array
        label : str, optional
            One of the classes; by default the most probable.

        Returns
        -------
        fewshot.explain.activation_map.Explanation
            To be drawn by `fewshot.explain.heatmap.draw_explanation`.

        Raises
        ------
        ImageError
            If the image cannot be read.
        UsageError
            If there is no such class, or the backbone gives no feature map.
        """
        from fewshot.explain.activation_map import explain

        return explain(self._fitted, self.embedder_, image, label)

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
            The classifier file. The one that was there before is kept beside it, for
            `fewshot.artifact.restore_previous`.

        Raises
        ------
        ArtifactError
            If a file that is not a classifier is in the way, or the one there was changed since
            this classifier was loaded from it.
        """
        artifact, backbone = self._fitted, self.embedder_.backbone_
        file, recipe = artifact_path(models_folder(path)), artifact.preprocessing
        place = _place(file)
        with changing(file, self._files.get(place)) as write:
            name = place_network(backbone.path, backbone.sha256, file.parent, backbone.appendix)
            if recipe.crop == "face":
                detector = self.embedder_.detector_.network
                placed = place_network(detector.path, detector.sha256, file.parent)
                recipe = replace(recipe, detector=placed)
            reference = replace(artifact.backbone, file=name)
            sha256 = write(replace(artifact, backbone=reference, preprocessing=recipe))
        self._files = {**self._files, place: sha256}
        return file

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
        artifact, sha256 = read_with_sha256(file)
        recipe = artifact.preprocessing
        beside = file.parent / artifact.backbone.file
        backbone = beside if beside.exists() else find_backbone(beside.stem)
        detector = _find_detector(artifact, file) if recipe.crop == "face" else None
        embedder = Embedder(backbone, detector=detector, preprocessing=recipe, threads=threads)
        _require_same_backbone(embedder, artifact, file)
        embedder.expect_dim(artifact.backbone.dim)
        self = cls(
            artifact.decision.head.kind,
            backbone,
            views=recipe.views,
            image_size=recipe.image_size,
            crop=recipe.crop,
            no_face=recipe.no_face,
            detector=detector,
            reject_rate=artifact.decision.rejection.rate,
            threads=threads,
        )
        self.artifact_, self.embedder_, self.skipped_ = artifact, embedder, ()
        self._files = {_place(file): sha256}
        return self

    def replay(self) -> Answers:
        """Answer for the reference images, as fitting did."""
        from fewshot.training.fit import answer_references

        embeddings = self.embedder_.embed_references(reference_images())
        return answer_references(embeddings, self._fitted.decision)

    def _load_views(self, image: ImageSource) -> Views:
        _ = self._fitted
        return self.embedder_.load_views(image)

    def _answer_views(self, views: Views) -> Answer:
        embedding = self.embedder_.embed_views(views)
        return Answer(embedding, *self._fitted.decision.decide_one(embedding))

    def _predict(self, views: Views, name: str) -> Prediction:
        return self._fitted.predict(self.embedder_.embed_views(views), name)

    @property
    def _cropper(self) -> FaceCropper | None:
        is_face = self._fitted.preprocessing.crop == "face"
        return self.embedder_.cropper_ if is_face else None

    @property
    def _fitted(self) -> Artifact:
        if not hasattr(self, "artifact_"):
            raise NotFittedError("this classifier knows no classes yet; call fit() or load() first")
        return self.artifact_

    def _updated(self, update: Update) -> FewShotClassifier:
        updated = copy(self)
        updated.artifact_, updated.skipped_ = update.artifact, update.skipped
        updated.held_out_, updated.embedded_ = update.held_out, None
        updated.passed_over_ = ()
        _warn_of(update.skipped, stacklevel=4)
        return updated

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "embedded_": None}


def _place(path: str | os.PathLike[str]) -> Path:
    return Path(os.path.realpath(artifact_path(path)))


def _name_of(data: SupportData) -> str:
    return os.fspath(data) if isinstance(data, (str, os.PathLike)) else "images"


def _warn_of(skipped: Sequence[ImageError], stacklevel: int = 3) -> None:
    for error in skipped:
        warnings.warn(f"{error}; left out", SkippedWarning, stacklevel=stacklevel)


def _require_same_backbone(embedder: Embedder, artifact: Artifact, file: Path) -> None:
    """Refuse a backbone that the classifier was not fitted with."""
    expected, network = artifact.backbone, embedder.network_
    sha256 = network.sha256
    if sha256 != expected.sha256 and network.path.with_suffix(".json").exists():
        sha256 = embedder.backbone_.sha256  # with its sidecar
    if sha256 != expected.sha256:
        raise BackboneError(
            f"{file}: fitted with backbone {expected.file} (sha256 {expected.sha256[:12]}), but "
            f"{network.path} is another (sha256 {sha256[:12]}); "
            "put the first one there, or fit again"
        )


def _find_detector(artifact: Artifact, file: Path) -> Path:
    """Find the face detector that a classifier was fitted with, beside it or built in."""
    recipe = artifact.preprocessing
    if artifact.format < 4:
        raise ArtifactError(
            f"{file}: its faces were found by OpenCV, as earlier versions did; this one finds them "
            "by a network of its own: fit again, with 'fewshot fit DATA --crop face'"
        )
    beside = file.parent / recipe.detector
    path = beside if beside.exists() else find_backbone(Path(recipe.detector).stem)
    sha256 = file_sha256(path)
    if sha256 != recipe.detector_sha256:
        raise BackboneError(
            f"{file}: fitted with face detector {recipe.detector} (sha256 "
            f"{recipe.detector_sha256[:12]}), but {path} is another (sha256 {sha256[:12]}); put "
            "the first one there, or fit again"
        )
    return path
