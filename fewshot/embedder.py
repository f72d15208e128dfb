"""Run a backbone over images: pictures in, embeddings out.

It never sees a label, and leaves decoding to `fewshot.images` and opening to `fewshot.sessions`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot.backbones import DEFAULT_BACKBONE, Backbone, find_backbone, read_metadata
from fewshot.errors import BackboneError, ImageError
from fewshot.files import file_sha256
from fewshot.images import ImageSource, load_views, require_several
from fewshot.parallel import in_order
from fewshot.pooling import pool
from fewshot.preprocessing import Preprocessing
from fewshot.sessions import Opening, read_properties, run

if TYPE_CHECKING:
    import onnxruntime as ort

_PARAMETERS = ("backbone", "models", "views", "preprocessing", "threads")
_OPENED = ("file_", "_opening", "_opened")


class Embedder:
    """Turn images into embeddings with a frozen backbone.

    Also a scikit-learn transformer, to be put in front of any estimator in a ``Pipeline``.

    Parameters
    ----------
    backbone : str or path, default "mobilenet_v2"
        A name, or the path of an ``.onnx`` file; see `fewshot.backbones.find_backbone`.
    models : path, optional
        Folder where a name is looked up first.
    views : int, default 1
        How many looks are taken at each picture, 1 to 8, each at the cost of one more pass of the
        backbone; their average is more accurate. See
        `fewshot.preprocessing.Preprocessing`.
    preprocessing : Preprocessing, optional
        How pictures are brought to size, instead of what the backbone and `views` say.
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
        preprocessing: Preprocessing | None = None,
        threads: int | None = None,
    ) -> None:
        self.backbone = backbone
        self.models = models
        self.views = views
        self.preprocessing = preprocessing
        self.threads = threads

    @property
    def backbone_(self) -> Backbone:
        """What the backbone says about itself; the first use opens the file."""
        return self._opened[0]

    @property
    def preprocessing_(self) -> Preprocessing:
        """How pictures are brought to size."""
        return self.preprocessing or replace(self.backbone_.preprocessing, views=self.views)

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
        _check_nodes(session, path)
        backbone = read_metadata(path, sha256, read_properties(session, path))
        _check_dim(session, backbone)
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
        return self.embed_views(load_views(image, self.preprocessing_))

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
            What `fewshot.pooling.pool` makes the embedding from.
        """
        (maps,) = run(self._opened[1], self.file_[0], ["feature_map"], pixels)
        return maps  # type: ignore[no-any-return]

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
        return state

    def _embed_or_error(self, image: ImageSource) -> NDArray[np.float32] | ImageError:
        """Embed one image, with the error as a value."""
        try:
            return self.embed_one(image)
        except ImageError as error:
            return error


def _check_nodes(session: ort.InferenceSession, path: Path) -> None:
    """Refuse a network that images do not go into, or that has no feature map."""
    inputs = [(node.name, node.type, len(node.shape)) for node in session.get_inputs()]
    outputs = [node.name for node in session.get_outputs()]
    if inputs != [("image", "tensor(uint8)", 4)] or "feature_map" not in outputs:
        found = ", ".join(f"{name} {kind}" for name, kind, _ in inputs)
        raise BackboneError(
            f"{path}: inputs {found} and outputs {', '.join(outputs)}; expected one input "
            "'image' tensor(uint8) (N, H, W, 3) and an output 'feature_map'"
        )


def _check_dim(session: ort.InferenceSession, backbone: Backbone) -> None:
    """Refuse a file that says another length of embedding than it gives."""
    (node,) = (node for node in session.get_outputs() if node.name == "feature_map")
    if node.type != "tensor(float)" or node.shape[1:2] != [backbone.dim] or len(node.shape) != 4:
        raise BackboneError(
            f"{backbone.path}: its metadata say dim {backbone.dim}, its output 'feature_map' is "
            f"{node.type} {node.shape}; expected float (N, {backbone.dim}, h, w): export it again"
        )
