"""What a fitted and an exported classifier have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot._class_names import as_labels_were, class_name
from fewshot._parallel import in_order
from fewshot.errors import ImageError, NoFaceError, SupportError, UsageError
from fewshot.images.reference import reference_images
from fewshot.images.source import ImageSource, describe, load_image, require_several
from fewshot.images.views import Views
from fewshot.prediction import (
    Answer,
    Answers,
    FacePrediction,
    Prediction,
    class_number,
    join_answers,
    make_prediction,
    no_face_prediction,
)

if TYPE_CHECKING:
    from fewshot.faces.cropper import FaceCropper
    from fewshot.training.support_set import Labels, SupportData


class Classifier(ABC):
    """A classifier that can be asked about images."""

    threads: int | None

    @property
    @abstractmethod
    def class_names_(self) -> tuple[str, ...]:
        """The classes as text, as in predictions and files, in the order of `classes_`."""

    @property
    @abstractmethod
    def _label_type(self) -> str:
        """What the labels were that it was fitted on: "str", "int" or "bool"."""

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, (n_classes,), in the order of `predict_proba`'s columns.

        Integers if it was fitted on integers, else text.
        """
        return as_labels_were(self.class_names_, self._label_type)

    @property
    @abstractmethod
    def references_(self) -> Answers:
        """Its answers for the reference images where it was fitted."""

    @abstractmethod
    def _load_views(self, image: ImageSource) -> Views:
        """Decode an image, and bring what is classified of it to size."""

    @abstractmethod
    def _answer_views(self, views: Views) -> Answer:
        """Answer for one image, independently of other images."""

    @property
    @abstractmethod
    def _cropper(self) -> FaceCropper | None:
        """What finds faces, if faces are classified."""

    def classify(self, image: ImageSource, label: str | None = None) -> Prediction:
        """Classify one image.

        Parameters
        ----------
        image : path, bytes, binary file, PIL image or uint8 array
        label : str, optional
            A class that is looked for: of several faces the one most like it is classified, by
            default the largest. It makes no difference to whole images.

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
        seek = None
        if self._cropper is not None and label is not None:
            seek = self.class_names_[class_number(self.class_names_, label)]
        image, name = load_image(image), describe(image)
        try:
            views = self._load_views(image)
        except NoFaceError:  # there may be small ones
            prediction = no_face_prediction(name, self.class_names_)
        else:
            prediction = self._predict(views, name)
            if not views.face_found:
                prediction = replace(prediction, face_found=False)
        if seek is None or prediction.matches(seek):
            return prediction
        found: list[Prediction] = [prediction, *self.classify_faces(image)]
        return max(found, key=lambda p: (p.matches(seek), p.face_found, p.scores[seek]))

    def classify_faces(self, image: ImageSource) -> tuple[FacePrediction, ...]:
        """Classify every face in an image, if the classifier was fitted with ``crop="face"``.

        Parameters
        ----------
        image : path, bytes, binary file, PIL image or uint8 array

        Returns
        -------
        tuple of FacePrediction
            From left to right; empty if there is no face.

        Raises
        ------
        ImageError
            If the image cannot be read.
        UsageError
            If it was fitted on whole images.
        """
        predictions = []
        for face, views in self.require_faces().load_faces(image, small=True):
            found = self._predict(views, describe(image))
            left, top, right, bottom = (max(0, round(side)) for side in face.box)
            points = tuple((round(x, 1), round(y, 1)) for x, y in face.landmarks.tolist())
            box = left, top, right, bottom
            predictions.append(FacePrediction(**vars(found), box=box, landmarks=points))
        return tuple(sorted(predictions, key=lambda each: each.box))

    def require_faces(self) -> FaceCropper:
        """Return what finds faces; UsageError if whole images are classified."""
        if self._cropper is None:
            raise UsageError(
                "this classifier was fitted on whole images, so it cannot tell faces apart; "
                "fit one with: fewshot fit DATA --crop face"
            )
        return self._cropper

    def _predict(self, views: Views, name: str) -> Prediction:
        answer = self._answer_views(views)
        return make_prediction(name, self.class_names_, answer.probabilities, answer.known)

    def _answer(self, image: ImageSource) -> Answer:
        try:
            return self._answer_views(self._load_views(image))
        except NoFaceError:
            dim, n_classes = self.references_.embeddings.shape[1], len(self.class_names_)
            nothing = np.zeros(dim + n_classes, np.float32)
            return Answer(nothing[:dim], nothing[dim:], False)

    def stream(self, images: Iterable[ImageSource]) -> Iterator[Prediction | ImageError]:
        """Classify images one after another, in order, without holding them all.

        Parameters
        ----------
        images : iterable of ImageSource

        Returns
        -------
        iterator of Prediction or ImageError
            The answer, or why the image could not be read.
        """
        require_several(images)
        return in_order(self._classify_or_error, images, self.threads)

    def answer(self, images: Iterable[ImageSource]) -> Answers:
        """Return embeddings, probabilities and verdicts for images.

        Parameters
        ----------
        images : iterable of ImageSource

        Returns
        -------
        Answers

        Raises
        ------
        ImageError
            For the first image that cannot be read.
        """
        require_several(images)
        return join_answers(list(in_order(self._answer, images, self.threads)), self.class_names_)

    def replay(self) -> Answers:
        """Answer for the reference images, to be compared with `references_`."""
        return self.answer(reference_images())

    def predict(self, images: Iterable[ImageSource]) -> NDArray[Any]:
        """Return the most probable class of each image.

        Parameters
        ----------
        images : iterable of ImageSource

        Returns
        -------
        ndarray, shape (n_images,)
            Of `classes_`.

        Raises
        ------
        ImageError
            For the first image that cannot be read.
        """
        return np.asarray(self.classes_[self.predict_proba(images).argmax(axis=1)])

    def predict_proba(self, images: Iterable[ImageSource]) -> NDArray[np.float32]:
        """Return the probability of each class for each image.

        Parameters
        ----------
        images : iterable of ImageSource

        Returns
        -------
        ndarray of float32, shape (n_images, n_classes)
            As in `Prediction.scores`; columns in the order of `classes_`.

        Raises
        ------
        ImageError
            For the first image that cannot be read.
        """
        return self.answer(images).probabilities

    def score(self, data: SupportData, labels: Labels | None = None) -> float:
        """Return the part of labelled images that get their own label, in [0, 1].

        Parameters
        ----------
        data, labels
            As for `FewShotClassifier.fit`; images other than those fitted on, to mean anything.
        """
        from fewshot.training.support_set import gather

        query = gather(data, labels)
        if not query.images:
            raise SupportError(f"{describe(data)}: no image to score on")
        names = [class_name(name) for name in self.class_names_]
        given = self.predict_proba(query.images).argmax(axis=1)
        return float(np.mean([names[i] == b for i, b in zip(given, query.labels, strict=True)]))

    def _classify_or_error(self, image: ImageSource) -> Prediction | ImageError:
        try:
            return self.classify(image)
        except ImageError as error:
            return error
