"""The classifier as a user meets it: fit, classify, save, load."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import Artifact, artifact_path, read_artifact, write_artifact
from fewshot.backbones.find import (
    DEFAULT_BACKBONE,
    find_backbone,
    models_folder,
    place_backbone,
)
from fewshot.classifier.base import Answering
from fewshot.classifier.updates import Teachable
from fewshot.embedder import Embedder
from fewshot.errors import (
    BackboneError,
    ImageError,
    NotFittedError,
    SkippedWarning,
)
from fewshot.explain.evidence import find_evidence
from fewshot.heads.rejection import REJECT_RATE
from fewshot.images.decode import ImageSource
from fewshot.images.reference import reference_pictures
from fewshot.prediction import Answers, Evidence
from fewshot.training.fit import Progress, answer_references, embed_support, fit_artifact
from fewshot.training.support_set import Negatives, SupportData, collect, gather

if TYPE_CHECKING:
    from fewshot.classifier.exported import ExportedClassifier
    from fewshot.classifier.faces import FacePrediction
    from fewshot.evaluation.cross_validation import Evaluation
    from fewshot.explain.activation_map import Explanation


class FewShotClassifier(Answering, Teachable):
    """Tell classes of images apart after seeing a few of each.

    What `fit` or `load` leaves behind is one read-only `Artifact`, replaced whole if at all; so a
    classifier can be shared between threads, and pickled to worker processes.

    Parameters
    ----------
    head : {"auto", "logistic", "discriminant", "centroid"}
        A blend of the next two, logistic regression, a linear discriminant, or nearest class
        centroid.
    backbone : str or path, default "mobilenet_v2"
        A name, or the path of an ``.onnx`` file.
    models : path, optional
        Folder where a backbone name is looked up first.
    views : int, default 1
        How many looks are taken at each image, 1 to 8: more accurate, and that much slower.
    image_size : int, optional
        Height and width in pixels that images are brought to, 32 or more; by default what the
        backbone was made for. Smaller is faster, and not every backbone takes another.
    crop : {"whole", "face"}
        What of each image is looked at: all of it, or its largest face, which takes OpenCV.
    no_face : {"whole", "skip", "error"}
        What happens to an image without a face: it is taken whole, it counts as unreadable, or
        `fit` raises SupportError.
    detector : path, optional
        A YuNet file that finds faces, instead of the cascades that OpenCV brings.
    reject_rate : float, default 0.05
        The part of genuine images that may be called unknown, so that others are too; 0 calls
        nothing unknown.
    threads : int, optional
        Images worked on at the same time; by default one for each processor at hand.

    Attributes
    ----------
    artifact_ : Artifact
        All that was learned: classes, head, rejection, support embeddings, measurements.
    embedder_ : Embedder
        The opened backbone.
    skipped_ : tuple of ImageError
        Images that could not be read while fitting.
    held_out_ : ndarray of float32, shape (n_images, n_rows), or None
        After `fit`: calibrated scores of each image from a head fitted without it, with a last
        column for negatives if there were any; rows of NaN for what could not be left out.

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
        backbone: str | os.PathLike[str] = DEFAULT_BACKBONE,
        *,
        models: str | os.PathLike[str] | None = None,
        views: int = 1,
        image_size: int | None = None,
        crop: str = "whole",
        no_face: str = "whole",
        detector: str | os.PathLike[str] | None = None,
        reject_rate: float = REJECT_RATE,
        threads: int | None = None,
    ) -> None:
        self.head = head
        self.backbone = backbone
        self.models = models
        self.views = views
        self.image_size = image_size
        self.crop = crop
        self.no_face = no_face
        self.detector = detector
        self.reject_rate = reject_rate
        self.threads = threads
        self.held_out_: NDArray[np.float32] | None = None

    @property
    def classes_(self) -> tuple[str, ...]:
        """The classes, in the order of `predict_proba`'s columns."""
        return self._fitted.classes

    @property
    def references_(self) -> Answers:
        """What it said of the reference pictures where it was fitted."""
        return self._fitted.references

    def fit(
        self,
        data: SupportData,
        labels: Sequence[object] | None = None,
        *,
        negatives: Negatives | None = None,
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
        negatives : path or sequence of ImageSource, optional
            Images of things that are none of the classes; with them one class is enough.
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
        support = collect(data, labels, negatives)
        embedder = Embedder(
            self.backbone,
            models=self.models,
            views=self.views,
            image_size=self.image_size,
            crop=self.crop,
            no_face=self.no_face,
            detector=self.detector,
            threads=self.threads,
        )
        self.artifact_, self.skipped_, self.held_out_ = fit_artifact(
            support, embedder, self.head, self.reject_rate, reuse=reuse, progress=progress
        )
        self.embedder_ = embedder
        _warn_of(self.skipped_)
        return self

    def evaluate(
        self,
        data: SupportData | None = None,
        labels: Sequence[object] | None = None,
        *,
        progress: Progress | None = None,
    ) -> Evaluation:
        """Measure on images that were not fitted on.

        Parameters
        ----------
        data, labels : as for `fit`, optional
            Other labelled images; those of classes that were not fitted on are strangers. By
            default the images fitted on are left out in turn.
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

        artifact = self._fitted
        if data is None:
            return cross_validate(artifact, progress)
        query = gather(data, labels)
        record, skipped = embed_support(
            query, artifact.classes, self._fitted_embedder, None, progress
        )
        where = os.fspath(data) if isinstance(data, (str, os.PathLike)) else "images"
        evaluation = evaluate_on(artifact, record, f"{where}, {len(record.names)} images")
        _warn_of(skipped)
        return replace(evaluation, skipped=skipped)

    def explain(self, image: ImageSource, label: str | None = None) -> Explanation:
        """Find where in a picture the evidence for a class lies.

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

        return explain(self._fitted, self._fitted_embedder, image, label)

    def classify_faces(self, image: ImageSource) -> tuple[FacePrediction, ...]:
        """Classify every face in a picture, if this was fitted with ``crop="face"``.

        Parameters
        ----------
        image : path, bytes, binary file, PIL image or uint8 array

        Returns
        -------
        tuple of fewshot.classifier.faces.FacePrediction
            From left to right; empty if there is no face.

        Raises
        ------
        ImageError
            If the image cannot be read.
        UsageError
            If it was fitted on whole pictures, or OpenCV is missing.
        """
        from fewshot.classifier.faces import classify_faces

        return classify_faces(self._fitted, self._fitted_embedder, image)

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
            If a file that is not a classifier is in the way.
        """
        artifact, backbone = self._fitted, self._fitted_embedder.backbone_
        file = artifact_path(models_folder(path))
        if file.exists():
            read_artifact(file)
        name = place_backbone(backbone, file.parent)
        if artifact.preprocessing.crop == "face":
            from fewshot.faces.crop import place_detector

            place_detector(artifact.preprocessing, self.embedder_.detector_, file.parent)
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
        self = cls(
            artifact.decision.head.kind,
            backbone,
            views=artifact.preprocessing.views,
            image_size=artifact.preprocessing.image_size,
            crop=artifact.preprocessing.crop,
            no_face=artifact.preprocessing.no_face,
            detector=_find_detector(artifact, file.parent),
            reject_rate=artifact.decision.rejection.rate,
            threads=threads,
        )
        self.embedder_ = Embedder(
            backbone,
            detector=self.detector,
            preprocessing=artifact.preprocessing,
            threads=threads,
        )
        _require_same(self.embedder_, artifact, file)
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

    def _taught(
        self, artifact: Artifact, skipped: tuple[ImageError, ...] = ()
    ) -> FewShotClassifier:
        taught = copy(self)
        taught.artifact_, taught.skipped_, taught.held_out_ = artifact, skipped, None
        _warn_of(skipped, stacklevel=4)
        return taught

    def _ask(self, image: ImageSource) -> Answers:
        decision = self._fitted.decision
        embeddings = self._fitted_embedder.embed_one(image)[np.newaxis]
        return Answers(embeddings, *decision.decide(embeddings))

    def replay(self) -> Answers:
        """Answer for the reference pictures, as fitting did."""
        embeddings = self._fitted_embedder.embed_references(reference_pictures())
        return answer_references(embeddings, self._fitted.decision)

    def _evidence(self, answers: Answers) -> Evidence:
        given = int(answers.probabilities[0].argmax())
        return find_evidence(self._fitted.support, self.classes_, answers.embeddings[0], given)


def load_classifier(
    path: str | os.PathLike[str] | None = None, *, threads: int | None = None
) -> ExportedClassifier | FewShotClassifier:
    """Open a classifier, be it a folder or a single ``.onnx`` file.

    Parameters
    ----------
    path : path, optional
        A folder, a ``.pkl`` or an ``.onnx`` file; by default ``FEWSHOT_MODELS`` or ``./models``.
    threads : int, optional
        Images worked on at the same time; by default one for each processor at hand.

    Raises
    ------
    MissingFileError, ArtifactError, BackboneError
        If it is not there, or not to be used.
    """
    place = models_folder(path)
    if place.suffix != ".onnx":
        return FewShotClassifier.load(place, threads=threads)
    from fewshot.classifier.exported import ExportedClassifier

    return ExportedClassifier(place, threads=threads)


def _find_detector(artifact: Artifact, folder: Path) -> Path | None:
    """Find the file that finds faces beside a classifier, if one does."""
    if artifact.preprocessing.crop != "face":
        return None
    from fewshot.faces.crop import find_detector

    return find_detector(artifact.preprocessing, folder)


def _warn_of(skipped: Sequence[ImageError], stacklevel: int = 3) -> None:
    """Warn of images left out, at the line that called for them."""
    for error in skipped:
        warnings.warn(f"{error}; left out", SkippedWarning, stacklevel=stacklevel)


def _require_same(embedder: Embedder, artifact: Artifact, file: Path) -> None:
    """Refuse a backbone other than the one a classifier was fitted with."""
    expected, (path, sha256) = artifact.backbone, embedder.file_
    if sha256 != expected.sha256 and path.with_suffix(".json").exists():
        sha256 = embedder.backbone_.sha256  # with what is stated beside it
    if sha256 != expected.sha256:
        raise BackboneError(
            f"{file}: fitted with backbone {expected.file} (sha256 {expected.sha256[:12]}), but "
            f"{path} is another (sha256 {sha256[:12]}); "
            "put the first one there, or fit again"
        )
