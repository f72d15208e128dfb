"""Find backbone files and read what they say about themselves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot._files import file_sha256, replacing
from fewshot.errors import BackboneError, MissingFileError
from fewshot.images.preprocessing import Preprocessing

if TYPE_CHECKING:
    from fewshot.backbones.input_format import Feeding

FORMAT = "1"
DEFAULT_BACKBONE = "mobilenet_v2"
DEFAULT_MODELS = Path("models")

_KEYS = (
    "fewshot_format name source licence image_size resize crop_fraction interpolation dim".split()
)
# Inside the wheel the shipped backbone lies in the package; in a checkout, beside it.
_PACKAGE = Path(__file__).parents[1]
_SHIPPED = (_PACKAGE / "models", _PACKAGE.parent / "models")


@dataclass(frozen=True)
class Backbone:
    """What a backbone file says about itself.

    Attributes
    ----------
    path : Path
    sha256 : str
        Of the file, in hexadecimal, with its appendix.
    name, source, licence : str
        What the network is called, where its weights come from, and on what terms.
    dim : int
        Length of an embedding.
    preprocessing : Preprocessing
        How a picture is brought to the network's input size.
    feeding : Feeding or None
        How its pixels become what the network takes; None where they go in as they are, and a
        feature map comes out, as with every file that scripts/export/backbone.py writes.
    appendix : bytes
        What a copy of the file needs at its end to say all of this itself, if it does not yet.
    """

    path: Path
    sha256: str
    name: str
    source: str
    licence: str
    dim: int
    preprocessing: Preprocessing
    feeding: Feeding | None = None
    appendix: bytes = field(default=b"", repr=False)

    @property
    def has_feature_map(self) -> bool:
        """Whether it tells what it sees in each place of a picture."""
        return self.feeding is None or self.feeding.output_layout != "vector"


def models_folder(models: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder to look in: the one given, else ``FEWSHOT_MODELS``, else ./models."""
    return Path(models or os.environ.get("FEWSHOT_MODELS") or DEFAULT_MODELS)


def name_folders(models: str | os.PathLike[str] | None = None) -> tuple[Path, ...]:
    """Return the folders in which the name of a backbone is looked up, in order."""
    chosen = [Path(folder) for folder in (models, os.environ.get("FEWSHOT_MODELS")) if folder]
    return (*chosen, DEFAULT_MODELS, *_SHIPPED)


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
        folders = name_folders(models)
        given = Path(f"{backbone}.onnx")
    for folder in folders:
        if (folder / given).is_file():
            return (folder / given).absolute()  # whatever folder is the current one later
    looked = ", ".join(str(folder) for folder in folders)
    raise MissingFileError(
        f"{given}: no such backbone (looked in {looked}); "
        "give the path of an .onnx file, or make one with scripts/export/backbone.py"
    )


def read_metadata(
    path: Path, sha256: str, metadata: Mapping[str, str], appendix: bytes = b""
) -> Backbone:
    """Make sense of the metadata of a backbone file.

    Parameters
    ----------
    path : Path
        The file, to be named in messages.
    sha256 : str
        Of the file, in hexadecimal, with the appendix.
    metadata : mapping of str to str
        Its ``metadata_props``.
    appendix : bytes
        What a copy of the file needs at its end to hold these metadata.

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
            "expected a file written by scripts/export/backbone.py"
        )
    if metadata["fewshot_format"] != FORMAT:
        raise BackboneError(
            f"{path}: backbone format {metadata['fewshot_format']}; this fewshot reads format "
            f"{FORMAT}: export the backbone again, or install the fewshot that wrote it"
        )
    try:
        preprocessing = read_recipe(metadata)
        dim = int(metadata["dim"])
        feeding = _read_feeding(metadata)
    except ValueError as error:
        raise BackboneError(f"{path}: unusable metadata: {error}") from error
    named = {key: metadata[key] for key in ("name", "source", "licence")}
    return Backbone(
        path,
        sha256,
        dim=dim,
        preprocessing=preprocessing,
        feeding=feeding,
        appendix=appendix,
        **named,
    )


def _read_feeding(metadata: Mapping[str, str]) -> Feeding | None:
    """Read how a network is fed, if that is not the way of files exported here."""
    if "channel_order" not in metadata:
        return None
    from fewshot.backbones.input_format import read_feeding  # which most have no need of

    return read_feeding(metadata)


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

    The copy says all about itself, even if the original leaves it to a JSON file beside it. Another
    file of that name may belong to a classifier in use, so it is left alone.
    """
    for name in (backbone.path.name, f"{backbone.path.stem}-{backbone.sha256[:8]}.onnx"):
        place = folder / name
        if not place.exists():
            with replacing(place) as stream, open(backbone.path, "rb") as original:
                shutil.copyfileobj(original, stream, 1 << 20)
                stream.write(backbone.appendix)
        if file_sha256(place) == backbone.sha256:
            return name
    raise BackboneError(f"{place}: in the way, and not the backbone its name says; remove it")
