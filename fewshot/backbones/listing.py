"""List the backbones that can be named, with their metadata."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fewshot.backbones.find import name_folders
from fewshot.backbones.load import FaceDetectorError, open_backbone
from fewshot.errors import FewShotError


@dataclass(frozen=True)
class ListedBackbone:
    """A file that ``--backbone NAME`` means.

    Attributes
    ----------
    name : str
        What to give as NAME.
    file : str
    bytes : int or None
        Its size; None if that cannot be read.
    dim : int or None
        Length of an embedding. This and all that follow are None if it is not a usable backbone.
    image_size : int or None
        In pixels.
    any_size : bool or None
        Whether it can be fitted at other image sizes.
    feature_map : bool or None
        Whether activation maps can be made.
    licence, source : str or None
    error : str or None
        Why it cannot be used.
    """

    name: str
    file: str
    bytes: int | None
    dim: int | None = None
    image_size: int | None = None
    any_size: bool | None = None
    feature_map: bool | None = None
    licence: str | None = None
    source: str | None = None
    error: str | None = None


def list_backbones(models: str | os.PathLike[str] | None = None) -> list[ListedBackbone]:
    """List the backbones that are found by name, usable or not, in the order of looking them up."""
    files: dict[str, Path] = {}
    for folder in name_folders(models):
        for file in _networks(folder):
            files.setdefault(file.stem, file)
    described = (_described(file) for file in files.values())
    return [backbone for backbone in described if backbone is not None]


def _networks(folder: Path) -> Iterator[Path]:
    """Yield the network files in a folder, if it can be read."""
    try:
        yield from sorted(f for f in folder.iterdir() if f.suffix == ".onnx" and f.is_file())
    except OSError:  # no such folder, or no permission
        return


def _described(file: Path) -> ListedBackbone | None:
    """Open a file, and return its metadata or what is wrong with it; None for a face detector."""
    size = None
    try:
        size = file.stat().st_size
        loaded = open_backbone(file)
        backbone, fixed = loaded.metadata, loaded.fixed_size
    except FaceDetectorError:
        return None
    except (FewShotError, OSError) as error:
        return ListedBackbone(file.stem, str(file), size, error=str(error))
    return ListedBackbone(
        name=file.stem,
        file=str(file),
        bytes=size,
        dim=backbone.dim,
        image_size=backbone.preprocessing.image_size,
        any_size=fixed is None,
        feature_map=backbone.has_feature_map,
        licence=backbone.licence,
        source=backbone.source,
    )
