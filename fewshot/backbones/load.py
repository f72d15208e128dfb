"""Say what an opened network is: what its file says of itself, compared with its graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fewshot.backbones.find import Backbone, read_metadata
from fewshot.backbones.session import read_properties, run
from fewshot.errors import BackboneError, UsageError

if TYPE_CHECKING:
    import onnxruntime as ort

# What a network that halves its input five times needs for one place to be left.
SMALLEST = 32
_LONGEST = 1 << 20


def describe_backbone(session: ort.InferenceSession, path: Path, sha256: str) -> Backbone:
    """Read what a network is, wherever that is written.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    path : Path
        Its file.
    sha256 : str
        Of the file, in hexadecimal.

    Returns
    -------
    Backbone

    Raises
    ------
    BackboneError
        If it is no backbone, or not the one it says it is.
    """
    properties = read_properties(session, path)
    if "fewshot_classifier" in properties:
        raise BackboneError(
            f"{path}: a classifier that 'fewshot export' wrote; expected a backbone, as there is "
            "in the folder it was exported from"
        )
    if "fewshot_format" not in properties:
        from fewshot.backbones.third_party import adopt  # which most have no need of

        return adopt(session, path)
    if "channel_order" not in properties:
        _check_nodes(session, path)
    backbone = read_metadata(path, sha256, properties)
    if backbone.feeding is None:
        _check_dim(session, backbone)
    elif [len(node.shape) for node in session.get_inputs()] != [4]:
        raise BackboneError(f"{path}: expected one input of rank 4, as its metadata say")
    elif not 1 <= backbone.dim <= _LONGEST:  # what it really gives is seen when it is run
        raise BackboneError(
            f"{path}: its metadata say dim {backbone.dim}; expected 1 to {_LONGEST}"
        )
    return backbone


def feature_maps(
    session: ort.InferenceSession, backbone: Backbone, pixels: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Run a backbone on pixels of its size.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    backbone : Backbone
        What the session runs.
    pixels : ndarray of uint8, shape (n, H, W, 3)
        RGB.

    Returns
    -------
    ndarray of float32, shape (n, dim, h, w)
        Of one place only if the backbone has no feature map.
    """
    if backbone.feeding is None:
        (maps,) = run(session, backbone.path, ["feature_map"], pixels)
        return maps  # type: ignore[no-any-return]
    from fewshot.backbones.input_format import run_fed

    found = backbone.feeding.feature_maps(run_fed(session, backbone.path, backbone.feeding, pixels))
    if found.ndim != 4 or found.shape[1] != backbone.dim:
        raise BackboneError(
            f"{backbone.path}: output {backbone.feeding.output!r} gives {found.shape[1]} numbers "
            f"for {pixels.shape[1]} x {pixels.shape[2]} pixels; expected {backbone.dim}: "
            "is it the one that is stated, and the right size?"
        )
    return found


def fixed_size(session: ort.InferenceSession, backbone: Backbone) -> int | None:
    """Return the one image size that a network takes, or None if it takes others."""
    layout = "NHWC" if backbone.feeding is None else backbone.feeding.input_layout
    shape = session.get_inputs()[0].shape
    sides = [shape[layout.index(side)] for side in "HW"]
    return next((side for side in sides if isinstance(side, int) and side > 0), None)


def require_size(session: ort.InferenceSession, backbone: Backbone, size: int) -> None:
    """Refuse an image size that a network cannot be run at.

    Raises
    ------
    UsageError
        The message says which sizes there are.
    """
    fixed = fixed_size(session, backbone)
    if fixed not in (None, size):
        raise UsageError(
            f"image size {size}: {backbone.path.name} takes {fixed} x {fixed} pixels alone; leave "
            "it out, or take another backbone"
        )
    if size == backbone.preprocessing.image_size:
        return
    if not SMALLEST <= size <= 4096:
        raise UsageError(f"image size is {size}; expected {SMALLEST} to 4096 pixels")
    try:
        maps = feature_maps(session, backbone, np.zeros((1, size, size, 3), np.uint8))
    except BackboneError as error:
        raise UsageError(f"image size {size}: {error}") from error
    if 0 in maps.shape:
        raise UsageError(
            f"image size {size}: too small for {backbone.path.name}, nothing is left of it; "
            "take a larger one"
        )


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
