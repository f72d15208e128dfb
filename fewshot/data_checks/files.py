"""Find what is wrong with single files and with the number of files in each class."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from fewshot.artifact import SupportRecord
from fewshot.data_checks.finding import Finding
from fewshot.embedder import Embedder
from fewshot.errors import ImageError
from fewshot.images.decode import Header, as_stored, read_header
from fewshot.images.files import IMAGE_EXTENSIONS
from fewshot.images.formats import format_of
from fewshot.images.source import ImageSource
from fewshot.training.class_folders import is_class

# Pixels below which the shorter side must be enlarged 3.5 times and more.
_TINY = 64
# How many times longer than wide a picture may be: of more, the middle square shows under a third.
_ELONGATED = 3.0
_FEW_FACES = 2
_FEW = 5
# By how many times classes may differ in size.
_BALANCE = 4
# Gain in similarity that tells a wrong turn: of 600 photographs of nine sets it finds 40 % of those
# turned wrongly, 95 % of hands and 7 % of satellite images, which have no upright; of those turned
# rightly it suspects 3 %.
_MORE_ALIKE = 0.04


def unreadable(errors: Iterable[ImageError]) -> Iterator[Finding]:
    """Report images that could not be read."""
    for error in errors:
        yield Finding("unreadable", (error.name,), None, error.reason, "replace it or take it out")


def odd_files(paths: Iterable[Path]) -> Iterator[Finding]:
    """Report extensions that say another format, and pictures that are tiny or elongated."""
    for path in paths:
        try:
            header = read_header(path)
        except ImageError:  # which whoever wants its pixels reports
            continue
        yield from _wrong_extension(path, header)
        short, long = sorted((header.width, header.height))
        size = f"{header.width} x {header.height} pixels"
        if short < _TINY:
            advice = f"find a larger version, of {_TINY} pixels or more"
            yield Finding("tiny", (str(path),), None, f"only {size}", advice)
        if long > _ELONGATED * short:
            found = f"{size}: only the square in the middle is looked at"
            advice = "crop it to what it is a picture of"
            yield Finding("elongated", (str(path),), None, found, advice)


def _wrong_extension(path: Path, header: Header) -> Iterator[Finding]:
    """Report a file whose name says another format than it has; MPO is JPEG with more behind."""
    said, found = format_of(path.suffix), "JPEG" if header.format == "MPO" else header.format
    if said != found:
        yield Finding(
            "extension",
            (str(path),),
            None,
            f"a {found} file named {path.suffix or 'without an extension'}",
            "give it the right name: other programs may refuse it",
        )


def ignored_files(folder: Path) -> Iterator[Finding]:
    """Report pictures in a folder of classes that fitting passes over."""
    one_class = not any(map(is_class, folder.iterdir()))  # its images are in the folder itself
    for path in [] if one_class else sorted(folder.iterdir()):
        if path.is_file() and path.suffix.lower() in IMAGE_EXTENSIONS:
            found = "an image beside the folders of the classes, so it is not used"
            yield Finding(
                "ignored", (str(path),), None, found, "move it into the folder of its class"
            )
    for own in filter(is_class, sorted(folder.iterdir())):
        for path in sorted(own.rglob("*")):
            if path.suffix.lower() in IMAGE_EXTENSIONS or path.name.startswith("."):
                continue
            if path.is_file() and _is_image(path):
                found = f"an image named {path.suffix or 'without an extension'}, so it is not used"
                advice = f"give it one of the extensions {' '.join(IMAGE_EXTENSIONS[:4])} ..."
                yield Finding("ignored", (str(path),), own.name, found, advice)


def _is_image(path: Path) -> bool:
    """Tell an image by its content."""
    try:
        return bool(read_header(path).format)
    except ImageError:
        return False


def small_classes(shots: Mapping[str, int], alone: bool, faces: bool = False) -> Iterator[Finding]:
    """Report classes with few images, far fewer than others, or without others or negatives.

    Of people one class is enough, and few images are.
    """
    most = max(shots.values(), default=0)
    few, enough = (_FEW_FACES, "3") if faces else (_FEW, "10")
    if len(shots) == 1 and alone and not faces:
        advice = "add a folder of something else, or negatives"
        yield Finding("few", (), next(iter(shots)), "the only class", advice)
    for label, n in shots.items():
        images = "1 image" if n == 1 else f"{n or 'no'} images"
        if n < few:
            learned = f"a class is learned well from {enough} or more"
            yield Finding(
                "few", (), label, images, learned if n else "add some, or remove the folder"
            )
        elif n * _BALANCE < most and not faces:
            found = f"{images}, where the largest class has {most}"
            yield Finding("imbalance", (), label, found, "add some, or use fewer of the largest")


def turned_wrongly(
    images: Sequence[ImageSource], record: SupportRecord, embedder: Embedder
) -> Iterator[Finding]:
    """Report images whose EXIF orientation turns them away from the rest of their class.

    As stored, without being turned, they look more like the others of the class: a program that
    turned the pixels and left the tag, or the other way round. Not told of faces: there is none to
    be found in what lies on its side.
    """
    if embedder.preprocessing_.crop == "face":
        return
    turned = {}
    for row, image in enumerate(images):
        if isinstance(image, (str, os.PathLike)) and _orientation(image) != 1:
            turned[row] = os.fspath(image)
    least = 2 * embedder.preprocessing_.image_size
    stored = embedder.stream(as_stored(path, at_least=least) for path in turned.values())
    for (row, path), embedding in zip(turned.items(), stored, strict=True):
        others = record.labels == record.labels[row]
        others[row] = False
        if isinstance(embedding, ImageError) or not others.any():
            continue
        prototype = record.embeddings[others].sum(axis=0)
        prototype /= np.linalg.norm(prototype)
        if (embedding - record.embeddings[row]) @ prototype > _MORE_ALIKE:
            found = (
                f"turned by its EXIF orientation ({_orientation(path)}), but as stored it is more "
                "like the others of its class"
            )
            advice = "look whether it stands upright, and save it again without the tag if not"
            yield Finding("rotation", (path,), None, found, advice)


def _orientation(path: str | os.PathLike[str]) -> int:
    """Read the EXIF orientation of a file; 1 if it says none."""
    try:
        return read_header(path).orientation
    except ImageError:
        return 1
