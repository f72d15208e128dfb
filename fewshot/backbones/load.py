"""Open a backbone, check its metadata against its graph, and run it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewshot.backbones.backbone import Backbone, read_metadata
from fewshot.backbones.session import OnnxNetwork
from fewshot.errors import BackboneError, UsageError

# A network that halves its input five times has one place left at this size.
SMALLEST = 32
_LONGEST = 1 << 20


class FaceDetectorError(BackboneError):
    """The file is a face detector, and no backbone."""


@dataclass(frozen=True, eq=False)
class LoadedBackbone:
    """A backbone, opened.

    Attributes
    ----------
    network : OnnxNetwork
    metadata : Backbone
    """

    network: OnnxNetwork
    metadata: Backbone

    def feature_maps(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the backbone.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (n, H, W, 3)
            RGB, of the size that the backbone takes.

        Returns
        -------
        ndarray of float32, shape (n, dim, h, w)
            Of one place only if the backbone has no feature map.

        Raises
        ------
        BackboneError
            If it cannot be run on them, or gives something else than its metadata say.
        """
        form = self.metadata.input_format
        if form is None:
            (found,) = self.network.run(["feature_map"], pixels)
            name = "feature_map"
        else:
            found, name = form.feature_maps(form.run(self.network, pixels)), form.output
        expected = (len(pixels), self.metadata.dim)
        if found.ndim != 4 or found.shape[:2] != expected or 0 in found.shape:
            raise BackboneError(
                f"{self.metadata.path}: output {name!r} is of shape {found.shape} for "
                f"{pixels.shape[1]} x {pixels.shape[2]} pixels; expected {self.metadata.dim} "
                "numbers a place: is it the right output, and the right image size?"
            )
        return found  # type: ignore[no-any-return]

    @property
    def fixed_size(self) -> int | None:
        """The one image size that the network takes, or None if it takes others."""
        form = self.metadata.input_format
        layout = "NHWC" if form is None else form.input_layout
        shape = self.network.session.get_inputs()[0].shape
        sides = [shape[layout.index(side)] for side in "HW"]
        return next((side for side in sides if isinstance(side, int) and side > 0), None)

    def require_size(self, size: int) -> None:
        """Refuse an image size that the network cannot be run at.

        Raises
        ------
        UsageError
            The message says which sizes are possible.
        """
        name, fixed = self.metadata.path.name, self.fixed_size
        if fixed not in (None, size):
            raise UsageError(
                f"image size {size}: {name} takes {fixed} x {fixed} pixels only; do not set an "
                "image size, or choose another backbone"
            )
        if size == self.metadata.preprocessing.image_size:
            return
        if not SMALLEST <= size <= 4096:
            raise UsageError(f"image size is {size}; expected {SMALLEST} to 4096 pixels")
        try:
            self.feature_maps(np.zeros((1, size, size, 3), np.uint8))
        except BackboneError as error:
            raise UsageError(f"image size {size}: {error}") from error


def load_backbone(network: OnnxNetwork) -> LoadedBackbone:
    """Read what a network is from its metadata, or from its sidecar.

    Raises
    ------
    BackboneError
        If it is no backbone, or its metadata contradict its graph.
    """
    path, properties = network.path, network.properties
    if "fewshot_classifier" in properties:
        raise BackboneError(
            f"{path}: a classifier that 'fewshot export' wrote; expected a backbone, as there is "
            "in the folder it was exported from"
        )
    if "fewshot_face_detector" in properties:
        raise FaceDetectorError(
            f"{path}: a face detector; expected a backbone, which turns an image into an embedding"
        )
    if "fewshot_format" not in properties:
        from fewshot.backbones.third_party import load_third_party  # most do not need it

        return LoadedBackbone(network, load_third_party(network))
    if "channel_order" not in properties:
        _check_nodes(network)
    backbone = read_metadata(path, network.sha256, properties)
    if backbone.input_format is None:
        _check_dim(network, backbone)
    elif [len(node.shape) for node in network.session.get_inputs()] != [4]:
        raise BackboneError(f"{path}: expected one input of rank 4, as its metadata say")
    elif not 1 <= backbone.dim <= _LONGEST:  # the true one is seen when it is run
        raise BackboneError(
            f"{path}: its metadata say dim {backbone.dim}; expected 1 to {_LONGEST}"
        )
    return LoadedBackbone(network, backbone)


def open_backbone(path: Path) -> LoadedBackbone:
    """Open a backbone file, and wait for it."""
    return load_backbone(OnnxNetwork(path))


def _check_nodes(network: OnnxNetwork) -> None:
    """Refuse a network that does not take images, or has no feature map."""
    inputs = [(node.name, node.type, len(node.shape)) for node in network.session.get_inputs()]
    outputs = [node.name for node in network.session.get_outputs()]
    if inputs != [("image", "tensor(uint8)", 4)] or "feature_map" not in outputs:
        found = ", ".join(f"{name} {kind}" for name, kind, _ in inputs)
        raise BackboneError(
            f"{network.path}: inputs {found} and outputs {', '.join(outputs)}; expected one input "
            "'image' tensor(uint8) (N, H, W, 3) and an output 'feature_map'"
        )


def _check_dim(network: OnnxNetwork, backbone: Backbone) -> None:
    """Refuse a file whose metadata say another length of embedding than its graph."""
    (node,) = (node for node in network.session.get_outputs() if node.name == "feature_map")
    if node.type != "tensor(float)" or node.shape[1:2] != [backbone.dim] or len(node.shape) != 4:
        raise BackboneError(
            f"{backbone.path}: its metadata say dim {backbone.dim}, its output 'feature_map' is "
            f"{node.type} {node.shape}; expected float (N, {backbone.dim}, h, w): export it again"
        )
