"""Find backbone files and read what they say about themselves.

It knows names, folders and metadata; opening a session and running one is left to
`fewshot.embedder`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fewshot.errors import BackboneError, MissingFileError
from fewshot.files import file_sha256, replacing
from fewshot.preprocessing import Preprocessing

FORMAT = "1"
DEFAULT_BACKBONE = "mobilenet_v2"
DEFAULT_MODELS = Path("models")

_KEYS = (
    "fewshot_format name source licence image_size resize crop_fraction interpolation dim".split()
)
# Inside the wheel the shipped backbone lies in the package; in a checkout, beside it.
_SHIPPED = (Path(__file__).parent / "models", Path(__file__).parent.parent / "models")


@dataclass(frozen=True)
class Backbone:
    """What a backbone file says about itself.

    Attributes
    ----------
    path : Path
    sha256 : str
        Of the file, in hexadecimal.
    name, source, licence : str
        What the network is called, where its weights come from, and on what terms.
    dim : int
        Length of an embedding.
    preprocessing : Preprocessing
        How a picture is brought to the network's input size.
    """

    path: Path
    sha256: str
    name: str
    source: str
    licence: str
    dim: int
    preprocessing: Preprocessing


def models_folder(models: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder to look in: the one given, else ``FEWSHOT_MODELS``, else ./models."""
    return Path(models or os.environ.get("FEWSHOT_MODELS") or DEFAULT_MODELS)


def find_backbone(
    backbone: str | os.PathLike[str] = DEFAULT_BACKBONE,
    models: str | os.PathLike[str] | None = None,
) -> Path:
    """Find a backbone by path or by name.

    Parameters
    ----------
    backbone : str or path
        A path to an ``.onnx`` file; or a name, looked up as ``NAME.onnx``.
    models : path, optional
        Where to look for a name first; then ``FEWSHOT_MODELS``, ``./models``, and the copy inside
        the installed package.

    Returns
    -------
    Path
        An existing file.

    Raises
    ------
    MissingFileError
        If there is none; the message says where it was looked for.
    """
    given = Path(backbone)
    if given.suffix == ".onnx" or len(given.parts) > 1:
        folders: tuple[Path, ...] = (Path(),)
    else:
        environment = os.environ.get("FEWSHOT_MODELS")
        chosen = [Path(folder) for folder in (models, environment) if folder]
        folders = (*chosen, DEFAULT_MODELS, *_SHIPPED)
        given = Path(f"{backbone}.onnx")
    for folder in folders:
        if (folder / given).is_file():
            return (folder / given).absolute()  # whatever folder is the current one later
    looked = ", ".join(str(folder) for folder in folders)
    raise MissingFileError(
        f"{given}: no such backbone (looked in {looked}); "
        "give the path of an .onnx file, or make one with scripts/export_backbone.py"
    )


def read_metadata(path: Path, sha256: str, metadata: Mapping[str, str]) -> Backbone:
    """Make sense of the metadata of a backbone file.

    Parameters
    ----------
    path : Path
        The file, to be named in messages.
    sha256 : str
        Of the file, in hexadecimal.
    metadata : mapping of str to str
        Its ``metadata_props``.

    Returns
    -------
    Backbone

    Raises
    ------
    BackboneError
        If a key is missing or has a value that cannot be followed.
    """
    missing = [key for key in _KEYS if key not in metadata]
    if missing:
        raise BackboneError(
            f"{path}: not a fewshot backbone, its metadata lacks {', '.join(missing)}; "
            "expected a file written by scripts/export_backbone.py"
        )
    if metadata["fewshot_format"] != FORMAT:
        raise BackboneError(
            f"{path}: backbone format {metadata['fewshot_format']}; this fewshot reads format "
            f"{FORMAT}: export the backbone again, or install the fewshot that wrote it"
        )
    try:
        preprocessing = read_recipe(metadata)
        dim = int(metadata["dim"])
    except ValueError as error:
        raise BackboneError(f"{path}: unusable metadata: {error}") from error
    named = {key: metadata[key] for key in ("name", "source", "licence")}
    return Backbone(path, sha256, dim=dim, preprocessing=preprocessing, **named)


def read_recipe(metadata: Mapping[str, str]) -> Preprocessing:
    """Read the recipe of a file's metadata; what makes no sense raises ValueError."""
    return Preprocessing(
        image_size=int(metadata["image_size"]),
        resize=metadata["resize"],
        crop_fraction=float(metadata["crop_fraction"]),
        interpolation=metadata["interpolation"],
    )


def place_backbone(backbone: Backbone, folder: Path) -> str:
    """Copy a backbone into a folder unless it is there; return its file name in it.

    Another file of that name may belong to a classifier in use, so it is left alone.
    """
    for name in (backbone.path.name, f"{backbone.path.stem}-{backbone.sha256[:8]}.onnx"):
        place = folder / name
        if not place.exists():
            with replacing(place) as stream, open(backbone.path, "rb") as original:
                shutil.copyfileobj(original, stream, 1 << 20)
        if file_sha256(place) == backbone.sha256:
            return name
    raise BackboneError(f"{place}: in the way, and not the backbone its name says; remove it")
