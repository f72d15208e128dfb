"""Find backbone files, and put a copy beside a classifier."""

from __future__ import annotations

import os
from pathlib import Path

from fewshot._files import copy_file, file_sha256
from fewshot.errors import BackboneError, MissingFileError

DEFAULT_BACKBONE = "mobilenet_v2"
DEFAULT_FACE_BACKBONE = "face_resnet"
DEFAULT_MODELS = Path("models")

# Inside the wheel the shipped backbones lie in the package; in a checkout, beside it.
_PACKAGE = Path(__file__).parents[1]
_SHIPPED = (_PACKAGE / "models", _PACKAGE.parent / "models")


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
        An existing file, as an absolute path.

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
            return (folder / given).absolute()  # the current folder may change
    looked = ", ".join(str(folder) for folder in folders)
    raise MissingFileError(
        f"{given}: no such backbone (looked in {looked}); "
        "give the path of an .onnx file, or make one with scripts/export/backbone.py"
    )


def place_network(path: Path, sha256: str, folder: Path, appendix: bytes = b"") -> str:
    """Copy a network into a folder unless it is there; return its file name in it.

    Another file of that name may belong to a classifier in use, so it is not replaced.
    """
    for name in (path.name, f"{path.stem}-{sha256[:8]}.onnx"):
        place = folder / name
        if not place.exists():
            copy_file(path, place, appendix)
        if file_sha256(place) == sha256:
            return name
    raise BackboneError(f"{place}: in the way, and not the network its name says; remove it")
