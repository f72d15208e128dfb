"""The input format of third-party networks: layout, type, channel order, normalisation."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot.backbones.session import OnnxNetwork
from fewshot.errors import BackboneError

INPUT_LAYOUTS = ("NCHW", "NHWC")
OUTPUT_LAYOUTS = ("NCHW", "NHWC", "vector")
_NUMBERS = ("scale", "mean", "std")
# How far apart black and white usefully are: from half a unit to twice the bytes they were.
_LEAST_SPAN, _MOST_SPAN = 0.5, 510.0
_MOST_AT_ONCE = 256


@dataclass(frozen=True)
class InputFormat:
    """The input format of a network, and its output.

    What goes in is ``(pixel * scale - mean) / std`` for RGB pixels of 0 to 255, or the pixels as
    they are where the type is "uint8".

    Attributes
    ----------
    input, output : str
        The names of the network.
    input_layout : {"NCHW", "NHWC"}
        Whether channels come before or after height and width.
    input_type : {"uint8", "float32"}
    channel_order : {"RGB", "BGR"}
    scale : float
        Above 0.
    mean, std : tuple of 3 floats
        In the order in which the network takes the channels; std above 0.
    output_layout : {"NCHW", "NHWC", "vector"}
        Of a feature map; or "vector" if the network gives an embedding alone.
    """

    input: str
    input_layout: str
    input_type: str
    channel_order: str
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    output: str
    output_layout: str

    def __post_init__(self) -> None:
        """Refuse what cannot be followed, or cannot be meant."""
        for key, allowed in (
            ("input_layout", INPUT_LAYOUTS),
            ("input_type", ("uint8", "float32")),
            ("channel_order", ("RGB", "BGR")),
            ("output_layout", OUTPUT_LAYOUTS),
        ):
            if getattr(self, key) not in allowed:
                expected = " or ".join(map(repr, allowed))
                raise ValueError(f"{key} is {getattr(self, key)!r}; expected {expected}")
        if not all(map(math.isfinite, (self.scale, *self.mean, *self.std))):
            raise ValueError("scale, mean and std are not all finite numbers")
        if min(self.scale, *self.std) <= 0:
            raise ValueError(f"scale {self.scale:g}, std {self.std}; expected numbers above 0")
        self._require_sense()

    def _require_sense(self) -> None:
        """Refuse a mean and std made for pixels of another range than the scale gives."""
        for mean, std in zip(self.mean, self.std, strict=True):
            black, white = -mean / std, (255 * self.scale - mean) / std
            if self.input_type == "float32" and not _LEAST_SPAN <= white - black <= _MOST_SPAN:
                raise ValueError(
                    f"scale {self.scale:g}, mean {mean:g} and std {std:g} turn black into "
                    f"{black:.4g} and white into {white:.4g}; expected {_LEAST_SPAN:g} to "
                    f"{_MOST_SPAN:g} between them: a mean and std for pixels of 0 to 1 go with "
                    "scale 1/255, for pixels of 0 to 255 with scale 1"
                )

    def feed(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Convert RGB pixels, uint8 (n, H, W, 3), to the network's input."""
        fed: NDArray[Any] = pixels[..., ::-1] if self.channel_order == "BGR" else pixels
        if self.input_type == "float32":
            mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
            fed = (fed.astype(np.float32) * np.float32(self.scale) - mean) / std
        if self.input_layout == "NCHW":
            fed = fed.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(fed)

    def feature_maps(self, found: NDArray[Any]) -> NDArray[np.float32]:
        """Bring an output to (n, dim, h, w); an embedding is a map of one place."""
        if self.output_layout == "vector":
            found = found.reshape(len(found), -1, 1, 1)
        elif self.output_layout == "NHWC":
            found = found.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(found, np.float32)

    def run(self, network: OnnxNetwork, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Run a network on RGB pixels, uint8 (n, H, W, 3), in batches of the size that it takes.

        Raises
        ------
        BackboneError
            If it cannot be run on them, or gives another number of embeddings, or feature maps
            that differ in shape.
        """
        path, first = network.path, network.session.get_inputs()[0].shape[0]
        # One by one where it may choose: many a network says that it takes several, and does not.
        batch, parts = first if isinstance(first, int) and first > 0 else 1, []
        if batch > _MOST_AT_ONCE:
            raise BackboneError(
                f"{path}: takes {batch} images at once; expected {_MOST_AT_ONCE} or fewer"
            )
        for start in range(0, len(pixels), batch):
            some = pixels[start : start + batch]
            full = self.feed(np.resize(some, (batch, *some.shape[1:])))
            advice = f"is its input described rightly, in {path.stem}.json or in its metadata?"
            (found,) = network.run([self.output], full, self.input, advice)
            if found.shape[:1] != (batch,):
                raise BackboneError(
                    f"{path}: output {self.output!r} is {found.shape} for {batch} images; expected "
                    "one embedding or feature map for each"
                )
            parts.append(found[: len(some)])
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1 or (self.output_layout != "vector" and parts[0].ndim != 4):
            raise BackboneError(
                f"{path}: output {self.output!r} is of shapes {', '.join(map(str, sorted(shapes)))}"
                f" for single images; expected one shape, as for a {self.output_layout} output"
            )
        return np.concatenate(parts)


def read_input_format(metadata: Mapping[str, str]) -> InputFormat:
    """Read it from the metadata of a file; what makes no sense raises ValueError."""
    keys = [field.name for field in fields(InputFormat)]
    missing = [key for key in keys if key not in metadata]
    if missing:
        raise ValueError(f"{', '.join(missing)} not stated")
    stated: dict[str, Any] = {key: metadata[key] for key in keys}
    try:
        scale, mean, std = (json.loads(metadata[key]) for key in _NUMBERS)
        stated |= {"scale": float(scale), "mean": _three(mean), "std": _three(std)}
    except (TypeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"scale, mean or std: {error}") from error
    return InputFormat(**stated)


def write_input_format(form: InputFormat) -> dict[str, str]:
    """Write it as metadata of a file; `read_input_format` gives back the same, bit for bit."""
    stated = asdict(form)
    return {k: json.dumps(v) if k in _NUMBERS else v for k, v in stated.items()}


def _three(numbers: list[float]) -> tuple[float, float, float]:
    """Make sure that there is one number for each channel."""
    red, green, blue = map(float, numbers)
    return red, green, blue
