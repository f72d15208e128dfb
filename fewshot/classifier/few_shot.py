"""The classifier that is fitted on a folder of images."""

from __future__ import annotations

import os
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot._estimator import Estimator
from fewshot._parallel import Progress
from fewshot.artifact import (
    Artifact,
    artifact_path,
    read_artifact,
    sha256_there,
)
from fewshot.classifier.base import Classifier
from fewshot.classifier.measurement import Measurement, warn_of
from fewshot.classifier.storage import Storage, place_of
from fewshot.classifier.updates import Updates
from fewshot.embedder import Embedder
from fewshot.errors import (
    NotFittedError,
)
from fewshot.heads.linear import HeadKind
from fewshot.heads.rejection import REJECT_RATE
from fewshot.images.preprocessing import Crop, NoFace
from fewshot.images.reference import reference_images
from fewshot.images.source import ImageSource
from fewshot.images.views import Views
from fewshot.prediction import Answer, Answers, Prediction

if TYPE_CHECKING:
    from fewshot.explain.activation_map import Explanation
    from fewshot.faces.cropper import FaceCropper
    from fewshot.images.files import PassedOver
    from fewshot.training.embed import EmbeddedSet
    from fewshot.training.support_set import Labels, Negatives, SupportData
    from fewshot.training.update import Update

_EMBEDDER_PARAMETERS = ("backbone", "models", "views", "image_size", "crop", "no_face", "threads")


class FewShotClassifier(Updates, Measurement, Storage, Estimator, Classifier):
    """Classify images after seeing a few of each class.

    A fitted classifier is one read-only `Artifact`: it can be shared between threads, and pickled
    to worker processes.

    Parameters
    ----------
    head : {"auto", "logistic", "discriminant", "centroid", "prototype"}
        A blend of the next two, logistic regression, a linear discriminant, nearest class
        centroid, or, for faces, how likely two are of the same person; "auto" is that for faces.
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
        head: HeadKind = "auto",
        backbone: str | os.PathLike[str] | None = None,
        *,
        embedder: Embedder | None = None,
        models: str | os.PathLike[str] | None = None,
        views: int = 1,
        image_size: int | None = None,
        crop: Crop = "whole",
        no_face: NoFace = "skip",
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

    _estimator_type = "classifier"  # for scikit-learn up to 1.5
    held_out_: NDArray[np.float32] | None = None
    embedded_: EmbeddedSet | None = None
    passed_over_: tuple[PassedOver, ...] = ()

    @property
    def class_names_(self) -> tuple[str, ...]:
        """The classes as text, as in predictions and files, in the order of `classes_`."""
        return self._fitted.classes

    @property
    def _label_type(self) -> str:
        return self._fitted.label_type

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
        from fewshot.heads.blend import check_kind
        from fewshot.training.fit import fit_artifact
        from fewshot.training.support_set import collect, warn_of_folders

        check_kind(self.head)  # before any image is opened
        self._files = {} if reuse is None else {place_of(reuse): sha256_there(reuse)}
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
        warn_of(self.skipped_)
        warn_of_folders(self.passed_over_, self.class_names_)
        return self

    def _keep_taught(self, earlier: Artifact) -> None:
        from fewshot.training.keep_taught import keep_taught

        update = keep_taught(self.artifact_, earlier)
        if update.held_out is not None:  # something was taught
            self.artifact_, self.held_out_, self.embedded_ = update.artifact, update.held_out, None

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
        warn_of(update.skipped, stacklevel=4)
        return updated

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "artifact_")

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn calls this, so it is imported already.
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(two_d_array=False, string=True),
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "embedded_": None}
