"""What a fitted and an exported classifier have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fewshot._parallel import in_order
from fewshot.errors import ImageError, SupportError
from fewshot.images.reference import reference_images
from fewshot.images.source import ImageSource, describe, require_several
from fewshot.prediction import Answer, Answers, Prediction, join_answers, make_prediction
from fewshot.training.support_set import SupportData, gather


class Classifier(ABC):
    """A classifier that can be asked about images."""

    threads: int | None

    @property
    @abstractmethod
    def classes_(self) -> tuple[str, ...]:
        """The classes, in the order of `predict_proba`'s columns."""

    @property
    @abstractmethod
    def references_(self) -> Answers:
        """Its answers for the reference images where it was fitted."""

    @abstractmethod
    def _answer(self, image: ImageSource) -> Answer:
        """Answer for one image, independently of other images."""

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
        answer = self._answer(image)
        return make_prediction(describe(image), self.classes_, answer.probabilities, answer.known)

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
        return join_answers(list(in_order(self._answer, images, self.threads)), self.classes_)

    def replay(self) -> Answers:
        """Answer for the reference images, to be compared with `references_`."""
        return self.answer(reference_images())

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
            As in `Prediction.scores`; columns in the order of `classes_`.

        Raises
        ------
        ImageError
            For the first image that cannot be read.
        """
        return self.answer(images).probabilities

    def score(self, data: SupportData, labels: Sequence[object] | None = None) -> float:
        """Return the part of labelled images that get their own label, in [0, 1].

        Parameters
        ----------
        data, labels
            As for `FewShotClassifier.fit`; images other than those fitted on, to mean anything.
        """
        query = gather(data, labels)
        if not query.images:
            raise SupportError(f"{describe(data)}: no image to score on")
        given = self.predict(query.images)
        return float(np.mean([a == b for a, b in zip(given, query.labels, strict=True)]))

    def _classify_or_error(self, image: ImageSource) -> Prediction | ImageError:
        try:
            return self.classify(image)
        except ImageError as error:
            return error
