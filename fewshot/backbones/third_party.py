"""Load a third-party ONNX model, which has no fewshot metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot._files import file_sha256
from fewshot.backbones.backbone import FORMAT, Backbone, read_metadata, read_preprocessing
from fewshot.backbones.input_format import (
    INPUT_LAYOUTS,
    OUTPUT_LAYOUTS,
    InputFormat,
    write_input_format,
)
from fewshot.backbones.protobuf import encode_properties
from fewshot.backbones.session import OnnxNetwork
from fewshot.backbones.sidecar import example, read_sidecar
from fewshot.errors import BackboneError

_DEFAULTS = {
    "source": "not stated",
    "licence": "not stated",
    "resize": "crop",
    "crop_fraction": "1.0",
    "interpolation": "bilinear",
}
_ARITHMETIC = ("scale", "mean", "std")


def load_third_party(network: OnnxNetwork) -> Backbone:
    """Read what a network is from its graph and its sidecar, and run it once.

    The sidecar is the file of the same name that ends in .json; see `fewshot.backbones.sidecar`.

    Raises
    ------
    BackboneError
        If the sidecar lacks something or contradicts the graph, or images do not go through.
    """
    path = network.path
    beside = path.with_suffix(".json")
    stated = read_sidecar(beside)
    known = stated | _read_graph(network, stated)
    needed = ["image_size", "input_layout", "channel_order", "output"]
    if known["input_type"] == "float32":
        needed += _ARITHMETIC
    _require_stated([key for key in needed if key not in known], path, beside, stated)
    try:
        metadata = {"fewshot_format": FORMAT, "name": path.stem, **_DEFAULTS}
        metadata |= {k: str(known[k]) for k in (*metadata, "image_size") if k in known}
        size = read_preprocessing(metadata).image_size
        form = _input_format(known, "vector")
    except ValueError as error:
        raise BackboneError(f"{beside}: {error}") from error
    found = _try_out(network, form, size)
    layout = _output_layout(found, form.output, path, beside, stated)
    form = _input_format(known, layout)
    metadata["dim"] = str(form.feature_maps(found).shape[1])
    metadata |= {key: stated[key] for key in ("alignment", "same_person") if key in stated}
    metadata |= write_input_format(form)
    appendix = encode_properties(metadata)
    return read_metadata(path, file_sha256(path, appendix), metadata, appendix)


def _require_stated(
    missing: list[str], path: Path, beside: Path, stated: Mapping[str, Any]
) -> None:
    """Name what neither the graph nor the statement tells, with an example to be copied."""
    if missing:
        raise BackboneError(
            f"{path}: does not say how it is to be fed; state {', '.join(missing)} in {beside}, "
            f"for example: {example(missing, stated)}"
        )


def _read_graph(network: OnnxNetwork, stated: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a graph shows, and compare it with what is stated."""
    path, inputs = network.path, network.session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape or ()) != 4:
        found = ", ".join(f"{node.name} {node.shape}" for node in inputs) or "none"
        raise BackboneError(
            f"{path}: its inputs are {found}; expected one, of shape (N, 3, H, W) or (N, H, W, 3)"
        )
    kinds = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}
    shape, kind = inputs[0].shape, kinds.get(inputs[0].type)
    if kind is None:
        raise BackboneError(
            f"{path}: its input takes {inputs[0].type}; expected tensor(float) or tensor(uint8): "
            "convert the network"
        )
    known = {"input": inputs[0].name, "input_type": kind, **_read_shape(shape, path, stated)}
    if kind == "uint8":
        known |= {"scale": 1.0, "mean": (0.0,) * 3, "std": (1.0,) * 3}
    known |= _read_outputs(network, stated)
    for key, value in known.items():
        if stated.get(key, value) != value:
            raise BackboneError(
                f"{path.with_suffix('.json')}: states {key} {stated[key]!r}, but {path.name} takes "
                f"{kind} {shape} and so has {key} {value!r}; correct it or leave it out"
            )
    return known


def _read_shape(shape: list[Any], path: Path, stated: Mapping[str, Any]) -> dict[str, Any]:
    """Read layout and size of what goes in, as far as the shape tells."""
    fits = [name for name in INPUT_LAYOUTS if shape[name.index("C")] == 3]
    if not fits:  # all that is not fixed may be 3
        fits = [name for name in INPUT_LAYOUTS if not isinstance(shape[name.index("C")], int)]
    if not fits:
        raise BackboneError(
            f"{path}: takes {shape}, which has no place for 3 colours; expected (N, 3, H, W) or "
            "(N, H, W, 3)"
        )
    layout = fits[0] if len(fits) == 1 else stated.get("input_layout")
    if layout not in INPUT_LAYOUTS:  # nothing more to be read without it
        return {}
    sides = {shape[layout.index(side)] for side in "HW"}
    fixed = {side for side in sides if isinstance(side, int) and side > 0}
    if len(fixed) > 1:
        raise BackboneError(f"{path}: takes {shape}, which is not square; only squares can be fed")
    known: dict[str, Any] = {"input_layout": layout} if len(fits) == 1 else {}
    if fixed:
        known["image_size"] = fixed.pop()
    return known


def _read_outputs(network: OnnxNetwork, stated: Mapping[str, Any]) -> dict[str, str]:
    """Choose the output, if there is but one; make sure that the one stated is there."""
    path, nodes = network.path, network.session.get_outputs()
    outputs = {node.name: f"{node.name} {node.shape}" for node in nodes}
    if len(outputs) == 1 and "output" not in stated:
        return {"output": next(iter(outputs))}
    if stated.get("output") not in outputs:
        found = f"there is no {stated['output']!r}" if "output" in stated else "one must be chosen"
        raise BackboneError(
            f"{path}: {found} among its outputs {', '.join(outputs.values())}; state the one that "
            f"is the feature map or the embedding in {path.with_suffix('.json')}, for example: "
            f"{json.dumps({**stated, 'output': next(iter(outputs))})}"
        )
    return {}


def _input_format(known: Mapping[str, Any], output_layout: str) -> InputFormat:
    fields = {key: known[key] for key in InputFormat.__dataclass_fields__ if key in known}
    return InputFormat(**{**fields, "output_layout": output_layout})


def _try_out(network: OnnxNetwork, form: InputFormat, size: int) -> NDArray[Any]:
    """Run a network once on pixels of all colours."""
    pixels = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
    found = form.run(network, pixels)
    if found.dtype != np.float32:
        raise BackboneError(
            f"{network.path}: output {form.output!r} gives {found.dtype}; expected float32"
        )
    return found


def _output_layout(
    found: NDArray[Any], output: str, path: Path, beside: Path, stated: Mapping[str, Any]
) -> str:
    """Tell by the shape of an output what it is."""
    shape, wanted = found.shape, stated.get("output_layout")
    fits = _fitting_layouts(shape)
    if wanted in fits:
        return str(wanted)
    if wanted is not None or not fits:
        what = "" if wanted is None else f" and not {wanted} as {beside.name} states"
        raise BackboneError(
            f"{path}: output {output!r} is of shape {shape}{what}; expected (N, dim), "
            "(N, dim, h, w) or (N, h, w, dim): state the right one of "
            f"{', '.join(OUTPUT_LAYOUTS)} as output_layout, or another output"
        )
    if len(fits) > 1:
        _require_stated(["output_layout"], path, beside, stated)
    return fits[0]


def _fitting_layouts(shape: tuple[int, ...]) -> list[str]:
    """List what an output of a shape can be; a square image has a square map."""
    if 0 in shape:
        return []
    if len(shape) == 2 or (len(shape) == 4 and max(shape) == np.prod(shape)):
        return ["vector"]
    if len(shape) != 4:
        return []
    square = {"NCHW": shape[2] == shape[3], "NHWC": shape[1] == shape[2]}
    return [layout for layout, fits in square.items() if fits]
