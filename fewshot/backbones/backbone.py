"""The metadata of a backbone file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot.errors import BackboneError
from fewshot.images.preprocessing import Preprocessing

if TYPE_CHECKING:
    from fewshot.backbones.input_format import InputFormat

FORMAT = "1"
_KEYS = (
    "fewshot_format name source licence image_size resize crop_fraction interpolation dim".split()
)


@dataclass(frozen=True)
class Backbone:
    """The metadata of a backbone file.

    Attributes
    ----------
    path : Path
    sha256 : str
        Of the file with its `appendix`, in hexadecimal.
    name, source, licence : str
        Name of the network, where its weights come from, and their licence.
    dim : int
        Length of an embedding.
    preprocessing : Preprocessing
        How an image is brought to the network's input size.
    input_format : InputFormat or None
        Of a third-party network; None for files that scripts/export/backbone.py writes.
    appendix : bytes
        Metadata that a copy of the file needs at its end to be complete without a sidecar.
    alignment : tuple of (x, y)
        Of a face embedder: where in its input the eyes, the nose and the corners of the mouth are
        to be, from left to right, in pixels.
    same_person : tuple of 4 floats
        Of a face embedder: the fields of `fewshot.heads.prototype.SamePerson`.
    """

    path: Path
    sha256: str
    name: str
    source: str
    licence: str
    dim: int
    preprocessing: Preprocessing
    input_format: InputFormat | None = None
    appendix: bytes = field(default=b"", repr=False)
    alignment: tuple[tuple[float, float], ...] = ()
    same_person: tuple[float, ...] = ()

    @property
    def has_feature_map(self) -> bool:
        """Whether the network gives a feature map, for activation maps."""
        return self.input_format is None or self.input_format.output_layout != "vector"


def read_metadata(
    path: Path, sha256: str, metadata: Mapping[str, str], appendix: bytes = b""
) -> Backbone:
    """Read the ``metadata_props`` of a backbone file.

    Raises
    ------
    BackboneError
        If a key is missing or has an unusable value.
    """
    missing = [key for key in _KEYS if key not in metadata]
    if missing:
        raise BackboneError(
            f"{path}: not a fewshot backbone, its metadata lacks {', '.join(missing)}; "
            "expected a file written by scripts/export/backbone.py"
        )
    if metadata["fewshot_format"] != FORMAT:
        raise BackboneError(
            f"{path}: backbone format {metadata['fewshot_format'][:20]}; this fewshot reads format "
            f"{FORMAT}: export the backbone again, or install the fewshot that wrote it"
        )
    try:
        return Backbone(
            path,
            sha256,
            **{key: metadata[key] for key in ("name", "source", "licence")},
            dim=int(metadata["dim"]),
            preprocessing=read_preprocessing(metadata),
            input_format=_read_input_format(metadata),
            appendix=appendix,
            alignment=tuple((x, y) for x, y in _read_numbers(metadata, "alignment", (5, 2))),
            same_person=check_same_person(tuple(_read_numbers(metadata, "same_person", (4,)))),
        )
    except ValueError as error:
        raise BackboneError(f"{path}: unusable metadata: {error}") from error


def read_preprocessing(metadata: Mapping[str, str]) -> Preprocessing:
    """Read how images are brought to size; what makes no sense raises ValueError."""
    return Preprocessing(
        image_size=int(metadata["image_size"]),
        resize=metadata["resize"],
        crop_fraction=float(metadata["crop_fraction"]),
        interpolation=metadata["interpolation"],
    )


def check_same_person(numbers: tuple[float, ...]) -> tuple[float, ...]:
    """Return the numbers of `Backbone.same_person`; what makes no sense raises ValueError."""
    if numbers:
        mean, deviation, midpoint, slope = numbers
        if not (0 < mean < 1 and 0 < deviation < 1 and -1 < midpoint < 1 and 0 < slope < 1e4):
            raise ValueError(
                f"same_person is {list(numbers)}; expected cosines and a slope above 0"
            )
    return numbers


def _read_numbers(metadata: Mapping[str, str], key: str, shape: tuple[int, ...]) -> list[Any]:
    """Read an array of finite numbers in JSON; an empty list if there is none."""
    if key not in metadata:
        return []
    try:
        numbers = np.array(json.loads(metadata[key]), np.float64)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{key}: {error}") from error
    if numbers.shape != shape or not np.isfinite(numbers).all():
        raise ValueError(f"{key} is {metadata[key][:100]}; expected numbers of shape {shape}")
    return list(numbers.tolist())


def _read_input_format(metadata: Mapping[str, str]) -> InputFormat | None:
    if "channel_order" not in metadata:
        return None
    from fewshot.backbones.input_format import read_input_format  # most do not need it

    return read_input_format(metadata)
