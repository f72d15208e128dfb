"""A folder with one folder per class: what is in it, and what may be meant if it is none."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fewshot._class_names import class_name
from fewshot.errors import SupportError
from fewshot.images.files import (
    EXTENSIONS_TEXT,
    IMAGE_EXTENSIONS,
    Listing,
    PassedOver,
    is_of_system,
    list_images,
)

# What the parts of a split are called: train, test_set, val2017, ...
_TRAINING, _TEST = "train|training", "test|testing"
_PART = re.compile(
    rf"({_TRAINING}|{_TEST}|val|valid|validation|dev|eval|holdout)([ _-]?(set|data|images|\d+))?",
    re.IGNORECASE,
)


@dataclass
class ClassFolders:
    """What is in a folder.

    Attributes
    ----------
    folder : Path
    images : dict of str to list of Path
        The images of each class, by its name; classes without any are in `passed_over`.
    places : dict of str to Path
        The folder of each class.
    empty : list of str
        Folders with nothing in them, which may become classes.
    beside : list of Path
        Images that are in no folder of a class.
    passed_over : list of PassedOver
    """

    folder: Path
    images: dict[str, list[Path]] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)
    beside: list[Path] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)

    @property
    def as_one_class(self) -> ClassFolders:
        """The images in no folder of a class as those of one, if there are no others."""
        name = class_name(self.folder.resolve().name)
        if self.images or not self.beside or not name:
            return self
        passed_over = [each for each in self.passed_over if each.path != self.folder]
        return ClassFolders(
            self.folder, {name: self.beside}, {name: self.folder}, [], [], passed_over
        )


def read_class_folders(data: str | os.PathLike[str]) -> ClassFolders:
    """List the images of each folder in a folder.

    Raises
    ------
    SupportError
        If it is not a folder, cannot be read, or has two folders of one name.
    """
    if not os.fspath(data):
        raise SupportError("an empty name was given for the data; expected a folder")
    folder = Path(data)
    if not os.path.isdir(folder):
        state = "is a file" if os.path.exists(folder) else "no such folder"
        raise SupportError(f"{folder}: {state}; expected a folder with one folder per class")
    found = ClassFolders(folder)
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        raise SupportError(f"{folder}: cannot be read ({error.strerror})") from error
    found.beside = [path for path in children if _is_image(path)]
    if found.beside:
        n = len(found.beside)
        reason = f"{'an image' if n == 1 else f'{n} images'} in no folder of a class"
        found.passed_over.append(PassedOver(folder, reason))
    for child in children:
        if is_class(child):
            _add(found, child, list_images(child))
        elif is_of_system(child.name) and not child.name.startswith(".") and child.is_dir():
            found.passed_over.append(PassedOver(child, "a folder of the system, by its name"))
    return found


def is_class(path: Path) -> bool:
    """Tell a class folder from files, hidden folders, and a classifier's own folder."""
    return os.path.isdir(path) and not is_of_system(path.name) and not _is_own(path)


def require_no_split(found: ClassFolders) -> None:
    """Refuse folders that are the parts of a split, not classes.

    Raises
    ------
    SupportError
        It says what to type instead.
    """
    below = {label: _folders_below(found, label) for label in found.images}
    if len(below) < 2:
        return
    parts = [label for label in below if _PART.fullmatch(label)]
    first, *others = below.values()
    shared, every = first.intersection(*others), first.union(*others)
    direct = any(file.parent == found.places[k] for k, v in found.images.items() for file in v)
    alike = not direct and len(shared) >= 2 and 2 * len(shared) >= len(every)
    if len(parts) >= 2:
        raise SupportError(_split_advice(found, parts, below))
    if alike and all(map(_PART.fullmatch, every)):
        training = next((name for name in sorted(every) if _is_training(name)), min(every))
        places = {label: str(place / training) for label, place in found.places.items()}
        raise SupportError(
            f"{found.folder}: each class is split into {_listed(every)}; in Python, "
            f"FewShotClassifier().fit({places!r}) takes one part of each"
        )
    if alike:
        raise SupportError(
            f"{_split_advice(found, sorted(below), below)}. If they are classes, put their images "
            "into them directly"
        )


def advise_nested(found: ClassFolders) -> str | None:
    """Name the folder inside that has the classes, if there is one folder around them all.

    Raises
    ------
    SupportError
        If that one is split, and what to type instead.
    """
    folder = found.folder
    while len(found.images) == 1 and not found.beside:
        (place,) = found.places.values()
        inner = read_class_folders(place)
        if inner.beside or not inner.images:
            return None
        folder, found = place, inner
    if len(found.images) < 2:
        return None
    require_no_split(found)
    return str(folder)


def require_images(images: object, where: object, listing: Listing | None = None) -> None:
    """Refuse a class without images."""
    if images:
        return
    others = f"; it has {listing.others_text}" if listing and listing.others else ""
    denied = "".join(f"; {each}" for each in listing.passed_over) if listing else ""
    found = f"no images found ({EXTENSIONS_TEXT}){others}{denied}"
    raise SupportError(f"{where}: {found}; add at least one")


def note_others(listing: Listing, place: Path) -> list[PassedOver]:
    """Return what of a listing is not used: folders, and files of other formats."""
    noted = list(listing.passed_over)
    if listing.images and (n := listing.others.total()):
        what = "1 file is" if n == 1 else f"{n} files are"
        reason = f"{what} of no format that is read ({listing.others_text})"
        noted.append(PassedOver(place, reason))
    return noted


def _add(found: ClassFolders, place: Path, listing: Listing) -> None:
    """Add the folder of a class, or note that it has no images."""
    found.passed_over += note_others(listing, place)
    if not listing.images:
        if not listing.others:  # else it is of something else: labels, logs, a page
            found.empty.append(class_name(place.name))
        if not any(each.path == place for each in listing.passed_over):
            others = f" ({listing.others_text})" if listing.others else ""
            found.passed_over.append(PassedOver(place, f"no images in it{others}"))
        return
    name = class_name(place.name)
    if name in found.places:
        other = found.places[name]
        raise SupportError(
            f"{other} and {place}: two folders of one name, {other.name!a} and {place.name!a} in "
            "Unicode; move the images of one into the other"
        )
    found.images[name], found.places[name] = listing.images, place


def _split_advice(found: ClassFolders, parts: list[str], below: Mapping[str, set[str]]) -> str:
    """Say how to fit on one part of a split and to measure on another."""
    largest = sorted(parts, key=lambda part: (not below[part], -len(found.images[part])))
    training = next((part for part in largest if _is_training(part)), largest[0])
    others = [part for part in largest if part != training]
    test = next((part for part in others if re.match(_TEST, part, re.IGNORECASE)), others[0])
    learn, measure = (shlex.quote(str(found.places[part])) for part in (training, test))
    then = f"fewshot evaluate {learn} --test {measure}"
    if not below[test]:
        then = f"fewshot classify {measure}"
    first = f"fewshot fit {learn}"
    if len(below[training]) < 2:
        first = f"put the images of {learn} into one folder per class, then {first}"
    return f"{found.folder}: {_listed(parts)} look like the parts of a split: {first}, then {then}"


def _folders_below(found: ClassFolders, label: str) -> set[str]:
    """Name the folders in that of a class that hold its images."""
    parts = (file.relative_to(found.places[label]).parts for file in found.images[label])
    return {class_name(names[0]) for names in parts if len(names) > 1}


def _is_training(name: str) -> bool:
    return bool(_PART.fullmatch(name) and re.match(_TRAINING, name, re.IGNORECASE))


def _listed(names: object) -> str:
    *most, last = sorted(names)  # type: ignore[call-overload]
    return f"{', '.join(most)} and {last}" if most else last


def _is_own(path: Path) -> bool:
    return os.path.exists(path / "classifier.pkl")


def _is_image(path: Path) -> bool:
    name = path.name.lower()
    hidden = name.startswith(".")
    return name.endswith(IMAGE_EXTENSIONS) and not hidden and os.path.isfile(path)
