"""Turn images into embeddings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot._estimator import Transformer
from fewshot._parallel import in_order
from fewshot.backbones.backbone import Backbone
from fewshot.backbones.find import DEFAULT_BACKBONE, DEFAULT_FACE_BACKBONE, find_backbone
from fewshot.backbones.load import LoadedBackbone, load_backbone
from fewshot.backbones.pooling import pool
from fewshot.backbones.session import OnnxNetwork
from fewshot.errors import BackboneError, ImageError, UsageError
from fewshot.images.preprocessing import Crop, NoFace, Preprocessing
from fewshot.images.source import ImageSource, require_several
from fewshot.images.views import Views, load_views

if TYPE_CHECKING:
    from fewshot.faces.cropper import FaceCropper
    from fewshot.faces.detector import FaceDetector

_OPENED = ("network_", "_loaded", "detector_")
_EXPECTED = ("_sha256", "_completed", "_dim")


class Embedder(Transformer):
    """Turn images into embeddings with a frozen backbone.

    Also a scikit-learn transformer, to be put in front of any estimator in a ``Pipeline``.

    Parameters
    ----------
    backbone : str or path, optional
        By default "mobilenet_v2", or "face_resnet" for faces. A name, or the path of an
        ``.onnx`` file. A third-party file is described by the JSON file
        beside it; see `fewshot.backbones.sidecar`.
    models : path, optional
        Folder where a name is looked up first.
    views : int, default 1
        Crops of each image that are embedded and averaged (test-time augmentation), 1 to 8: more
        accurate, and that much slower. See `fewshot.images.preprocessing.Preprocessing`.
    image_size : int, optional
        Height and width in pixels that images are brought to, 32 or more; by default what the
        backbone was made for. Not every backbone takes another.
    crop : {"whole", "face"}
        Whether the whole image is embedded, or its largest face.
    no_face : {"skip", "whole", "error"}
        An image without a face is a NoFaceError, or is embedded whole.
    detector : path, optional
        The file of a face detector, instead of the one that is built in.
    preprocessing : Preprocessing, optional
        How images are brought to size, instead of the backbone's own way and the five parameters
        from `views` on.
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
        backbone: str | os.PathLike[str] | None = None,
        *,
        models: str | os.PathLike[str] | None = None,
        views: int = 1,
        image_size: int | None = None,
        crop: Crop = "whole",
        no_face: NoFace = "skip",
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
        """The backbone's metadata; the first use opens the file."""
        return self._loaded.metadata

    @property
    def preprocessing_(self) -> Preprocessing:
        """How images are brought to size."""
        if self.preprocessing is not None:
            return self.preprocessing
        recipe = self.backbone_.preprocessing
        size = self.image_size or recipe.image_size
        recipe = replace(recipe, views=self.views, image_size=size)
        if self.crop == "whole":
            return recipe
        network = self.detector_.network
        return replace(
            recipe,
            crop=self.crop,
            no_face=self.no_face,
            detector=network.path.name,
            detector_sha256=network.sha256,
        )

    @cached_property
    def detector_(self) -> FaceDetector:
        """The face detector; the first use begins to open it."""
        from fewshot.faces.detector import DEFAULT_DETECTOR, FaceDetector

        return FaceDetector(find_backbone(self.detector or DEFAULT_DETECTOR, self.models))

    @property
    def tells_people_apart_(self) -> bool:
        """Whether it is known how similar two images of a class are, so that one is enough."""
        return bool(self.backbone_.same_person)

    @property
    def fixed_size_(self) -> int | None:
        """The one image size that the backbone takes, or None if it takes others."""
        return self._loaded.fixed_size

    @cached_property
    def network_(self) -> OnnxNetwork:
        """The backbone's file; the first use begins to open it."""
        default = DEFAULT_FACE_BACKBONE if self.crop == "face" else DEFAULT_BACKBONE
        network = OnnxNetwork(find_backbone(self.backbone or default, self.models))
        if self.__dict__.get("_sha256", network.sha256) != network.sha256:
            raise BackboneError(
                f"{network.path}: not the file it was when this embedder was pickled"
            )
        return network

    @cached_property
    def _loaded(self) -> LoadedBackbone:
        loaded = load_backbone(self.network_)
        backbone = loaded.metadata
        if self.__dict__.get("_completed", backbone.sha256) != backbone.sha256:
            raise BackboneError(
                f"{backbone.path}: its sidecar is not what it was when this embedder was pickled"
            )
        if self.__dict__.get("_dim", backbone.dim) != backbone.dim:
            raise BackboneError(
                f"{backbone.path}: gives embeddings of {backbone.dim} numbers, but the classifier "
                f"was fitted on embeddings of {self._dim}; fit again"
            )
        if self.image_size is not None:
            loaded.require_size(self.image_size)
        if backbone.alignment and self.views > 1:
            raise UsageError(f"views is {self.views}; expected 1, as faces are aligned")
        return loaded

    def expect_dim(self, dim: int) -> None:
        """Refuse the backbone, as soon as it is opened, if its embeddings have another length."""
        self._dim = dim

    def embed(self, images: Iterable[ImageSource]) -> NDArray[np.float32]:
        """Embed images.

        Parameters
        ----------
        images : iterable of paths, bytes, binary files, PIL images or uint8 arrays

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
        require_several(images)
        _ = self.network_  # opened once, and not by every thread
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
        return self.embed_views(self.load_views(image))

    def embed_references(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed images drawn for comparison, whole where they have no face; (n_images, dim)."""
        recipe = replace(self.preprocessing_, no_face="whole")
        if recipe.crop == "face":
            cropper = replace(self.cropper_, preprocessing=recipe)
            views = [cropper.load_views(image) for image in images]
        else:
            views = [load_views(image, recipe) for image in images]
        return np.stack([self.embed_views(each) for each in views])

    def load_views(self, image: ImageSource) -> Views:
        """Decode an image, and bring it, or its largest face, to size.

        Raises
        ------
        ImageError
            If the image cannot be read; NoFaceError if it has no face and must have one.
        """
        recipe = self.preprocessing_
        if recipe.crop == "face":
            return self.cropper_.load_views(image)
        return load_views(image, recipe)

    @cached_property
    def cropper_(self) -> FaceCropper:
        """What finds faces and brings them to size; used if ``crop`` is "face"."""
        from fewshot.faces.cropper import FaceCropper, make_template

        recipe, backbone = self.preprocessing_, self.backbone_
        made_for = backbone.preprocessing.image_size
        template = make_template(backbone.alignment, made_for, recipe.image_size)
        return FaceCropper(self.detector_, recipe, template)

    def embed_views(self, views: Views) -> NDArray[np.float32]:
        """Embed one image from its views; float32, shape (dim,)."""
        return pool(self.feature_maps(views))

    def feature_maps(self, views: Views) -> NDArray[np.float32]:
        """Return the feature map of each view; float32, shape (n_views, dim, h, w)."""
        return self._loaded.feature_maps(views.pixels)

    def set_params(self, **params: Any) -> Embedder:
        """Change arguments; the backbone is opened anew when next used."""
        super().set_params(**params)
        for opened in _OPENED:
            self.__dict__.pop(opened, None)
        if params.keys() & {"backbone", "models"}:  # another file is what was asked for
            for expected in _EXPECTED:
                self.__dict__.pop(expected, None)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the session; the same file is opened again."""
        state = {k: v for k, v in self.__dict__.items() if k not in _OPENED}
        if "network_" in self.__dict__:
            state["backbone"], state["_sha256"] = self.network_.path, self.network_.sha256
        if "_loaded" in self.__dict__:  # the sidecar must stay the same, too
            state["_completed"] = self.backbone_.sha256
        return state

    def _embed_or_error(self, image: ImageSource) -> NDArray[np.float32] | ImageError:
        try:
            return self.embed_one(image)
        except ImageError as error:
            return error
