"""Run a backbone over images: pictures in, embeddings out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot._files import file_sha256
from fewshot._parallel import in_order
from fewshot.backbones.find import DEFAULT_BACKBONE, Backbone, find_backbone
from fewshot.backbones.load import describe_backbone, feature_maps, fixed_size, require_size
from fewshot.backbones.pooling import pool
from fewshot.backbones.session import Opening
from fewshot.errors import BackboneError, ImageError, NoFaceError
from fewshot.images.decode import Box, ImageSource, load_views_and_boxes, require_several
from fewshot.images.preprocessing import CASCADES, Preprocessing

if TYPE_CHECKING:
    import onnxruntime as ort

_PARAMETERS = "backbone models views image_size crop no_face detector preprocessing threads".split()
_OPENED = ("file_", "_opening", "_opened", "_detector")


class Embedder:
    """Turn images into embeddings with a frozen backbone.

    Also a scikit-learn transformer, to be put in front of any estimator in a ``Pipeline``.

    Parameters
    ----------
    backbone : str or path, default "mobilenet_v2"
        A name, or the path of an ``.onnx`` file. A third-party file is described by the JSON file
        beside it; see `fewshot.backbones.sidecar`.
    models : path, optional
        Folder where a name is looked up first.
    views : int, default 1
        How many looks are taken at each picture, 1 to 8, each at the cost of one more pass of the
        backbone; their average is more accurate. See
        `fewshot.images.preprocessing.Preprocessing`.
    image_size : int, optional
        Height and width in pixels that pictures are brought to, 32 or more; by default what the
        backbone was made for. Not every backbone takes another.
    crop : {"whole", "face"}
        What of each picture is embedded: all of it, or its largest face, which takes OpenCV.
    no_face : {"whole", "skip", "error"}
        What happens to a picture without a face: it is taken whole, or cannot be read.
    detector : path, optional
        A YuNet file that finds faces, instead of the cascades of OpenCV.
    preprocessing : Preprocessing, optional
        How pictures are brought to size, instead of what the backbone and the five parameters from
        `views` on say; a detector that it names is looked for at `detector`.
    threads : int, optional
        Images worked on at the same time; by default one for each processor at hand. The
        embeddings do not depend on it.

    Examples
    --------
    >>> from fewshot import Embedder
    >>> Embedder().embed(["cat.jpg", "dog.jpg"]).shape  # doctest: +SKIP
    (2, 1280)
    """

    def __init__(
        self,
        backbone: str | os.PathLike[str] = DEFAULT_BACKBONE,
        *,
        models: str | os.PathLike[str] | None = None,
        views: int = 1,
        image_size: int | None = None,
        crop: str = "whole",
        no_face: str = "whole",
        detector: str | os.PathLike[str] | None = None,
        preprocessing: Preprocessing | None = None,
        threads: int | None = None,
    ) -> None:
        self.backbone = backbone
        self.models = models
        self.views = views
        self.image_size = image_size
        self.crop = crop
        self.no_face = no_face
        self.detector = detector
        self.preprocessing = preprocessing
        self.threads = threads

    @property
    def backbone_(self) -> Backbone:
        """What the backbone says about itself; the first use opens the file."""
        return self._opened[0]

    @property
    def preprocessing_(self) -> Preprocessing:
        """How pictures are brought to size."""
        if self.preprocessing is not None:
            return self.preprocessing
        recipe = self.backbone_.preprocessing
        size = self.image_size or recipe.image_size
        recipe = replace(recipe, views=self.views, image_size=size)
        if self.crop == "whole":
            return recipe
        detector, sha256 = self._detector
        return replace(
            recipe,
            crop=self.crop,
            no_face=self.no_face,
            detector=detector,
            detector_sha256=sha256,
        )

    @cached_property
    def _detector(self) -> tuple[str, str]:
        """What finds faces, as in `Preprocessing`."""
        if self.detector is None:
            return CASCADES, ""
        from fewshot.faces.crop import name_detector

        return name_detector(self.detector)

    @property
    def detector_(self) -> Path | None:
        """The YuNet file that finds faces, if one does."""
        return None if self.detector is None else Path(self.detector).absolute()

    @property
    def fixed_size_(self) -> int | None:
        """The one image size that the backbone takes, or None if it takes others."""
        backbone, session = self._opened
        return fixed_size(session, backbone)

    @cached_property
    def file_(self) -> tuple[Path, str]:
        """The backbone file and its SHA-256; the first use begins to open it."""
        path = find_backbone(self.backbone, self.models)
        self._opening = Opening(path)
        sha256 = file_sha256(path)  # in the meantime
        if self.__dict__.get("_sha256", sha256) != sha256:
            raise BackboneError(f"{path}: not the file it was when this embedder was pickled")
        return path, sha256

    @cached_property
    def _opened(self) -> tuple[Backbone, ort.InferenceSession]:
        path, sha256 = self.file_
        session = self._opening.session()
        backbone = describe_backbone(session, path, sha256)
        if self.__dict__.get("_completed", backbone.sha256) != backbone.sha256:
            raise BackboneError(f"{path}: stated otherwise than when this embedder was pickled")
        if self.image_size is not None:
            require_size(session, backbone, self.image_size)
        return backbone, session

    def embed(self, images: Sequence[ImageSource]) -> NDArray[np.float32]:
        """Embed images.

        Parameters
        ----------
        images : sequence of paths, bytes, binary files, PIL images or uint8 arrays

        Returns
        -------
        ndarray of float32, shape (n_images, dim)
            In the order of the images, of length 1; each depends on its own image alone.

        Raises
        ------
        ImageError
            For the first image that cannot be read.
        """
        require_several(images)
        images = list(images)
        embeddings = np.empty((len(images), self.backbone_.dim), np.float32)
        for row, result in zip(embeddings, self.stream(images), strict=True):
            if isinstance(result, ImageError):
                raise result
            row[:] = result
        return embeddings

    def stream(self, images: Iterable[ImageSource]) -> Iterator[NDArray[np.float32] | ImageError]:
        """Embed images one after another, in order, without holding them all.

        Parameters
        ----------
        images : iterable of ImageSource

        Returns
        -------
        iterator of ndarray of float32, shape (dim,), or ImageError
            The embedding, or why the image could not be read.
        """
        return (result for result, _ in self.stream_noting(images))

    def stream_noting(
        self, images: Iterable[ImageSource]
    ) -> Iterator[tuple[NDArray[np.float32] | ImageError, bool]]:
        """Do as `stream`, and tell of each image whether what the recipe asks for was found in it.

        That is False for an image without a face that was taken whole instead, or not at all.
        """
        require_several(images)
        _ = self.file_  # found and begun to be opened once, and not by every thread
        return in_order(self._embed_or_error, images, self.threads)

    def embed_one(self, image: ImageSource) -> NDArray[np.float32]:
        """Embed one image.

        Parameters
        ----------
        image : path, bytes, binary file, PIL image or uint8 array

        Returns
        -------
        ndarray of float32, shape (dim,)

        Raises
        ------
        ImageError
            If the image cannot be read.
        """
        return self.embed_views(self.look(image)[0])

    def embed_references(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed pictures drawn for comparison, which are taken whole where they show no face.

        Parameters
        ----------
        pictures : sequence of ndarray of uint8, shape (H, W, 3)

        Returns
        -------
        ndarray of float32, shape (n_pictures, dim)
        """
        recipe = replace(self.preprocessing_, no_face="whole")
        return np.stack([self.embed_views(self._look(each, recipe)[0]) for each in pictures])

    def look(self, image: ImageSource) -> tuple[NDArray[np.uint8], tuple[Box, ...], bool]:
        """Decode an image, and bring what is embedded of it to size.

        Parameters
        ----------
        image : path, bytes, binary file, PIL image or uint8 array

        Returns
        -------
        pixels : ndarray of uint8, shape (n_views, image_size, image_size, 3)
        boxes : tuple of (left, top, right, bottom), one a view
            As fractions of the upright picture, 0 to 1.
        found : bool
            False for an image without a face, if faces are embedded.

        Raises
        ------
        ImageError
            If the image cannot be read, or has no face and must have one.
        """
        return self._look(image, self.preprocessing_)

    def _look(
        self, image: ImageSource, recipe: Preprocessing
    ) -> tuple[NDArray[np.uint8], tuple[Box, ...], bool]:
        """Follow a recipe."""
        if recipe.crop == "whole":
            return *load_views_and_boxes(image, recipe), True
        from fewshot.faces.crop import look_at_face

        return look_at_face(image, recipe, self.detector_)

    def embed_views(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the backbone on views of one image that already have its size.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (n_views, H, W, 3)
            RGB, 0 to 255.

        Returns
        -------
        ndarray of float32, shape (dim,)
        """
        return pool(self.feature_maps(pixels))

    def feature_maps(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the backbone on views of one image, and keep apart what it sees in each place.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (n_views, H, W, 3)
            RGB, 0 to 255.

        Returns
        -------
        ndarray of float32, shape (n_views, dim, h, w)
            What `fewshot.backbones.pooling.pool` makes the embedding from.
        """
        backbone, session = self._opened
        return feature_maps(session, backbone, pixels)

    def fit(self, X: Any = None, y: Any = None) -> Embedder:
        """Do nothing: the backbone is frozen. Part of being a scikit-learn transformer."""
        return self

    def transform(self, X: Sequence[ImageSource]) -> NDArray[np.float32]:
        """Embed images; the same as `embed`."""
        return self.embed(X)

    def fit_transform(self, X: Sequence[ImageSource], y: Any = None) -> NDArray[np.float32]:
        """Embed images; the same as `embed`."""
        return self.embed(X)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments, as scikit-learn's ``clone`` wants them."""
        return {name: getattr(self, name) for name in _PARAMETERS}

    def set_params(self, **params: Any) -> Embedder:
        """Change arguments; the backbone is opened anew when next used."""
        for name, value in params.items():
            if name not in _PARAMETERS:
                raise ValueError(f"{name}: no such parameter; expected {', '.join(_PARAMETERS)}")
            setattr(self, name, value)
        for opened in _OPENED:
            self.__dict__.pop(opened, None)
        if params.keys() & {"backbone", "models"}:  # another file is what was asked for
            self.__dict__.pop("_sha256", None)
            self.__dict__.pop("_completed", None)
        return self

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn calls this, so it is imported already.
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(two_d_array=False),
            requires_fit=False,
        )

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __getstate__(self) -> dict[str, Any]:
        """Leave the session behind: it cannot be pickled, and the same file is opened again."""
        state = {k: v for k, v in self.__dict__.items() if k not in _OPENED}
        if "file_" in self.__dict__:
            state["backbone"], state["_sha256"] = self.file_
        if "_opened" in self.__dict__:  # what is stated beside the file must stay, too
            state["_completed"] = self.backbone_.sha256
        return state

    def _embed_or_error(self, image: ImageSource) -> tuple[NDArray[np.float32] | ImageError, bool]:
        """Embed one image, with the error as a value; and tell whether there was what to embed."""
        try:
            pixels, _, found = self.look(image)
            return self.embed_views(pixels), found
        except ImageError as error:
            return error, not isinstance(error, NoFaceError)
