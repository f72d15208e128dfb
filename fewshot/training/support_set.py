"""The labelled images a head is fitted on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from fewshot._class_names import label_type, name_alike, sort_classes
from fewshot.errors import FewShotWarning, SkippedWarning, SupportError
from fewshot.images.files import PassedOver, list_images
from fewshot.images.source import ImageSource
from fewshot.training.class_folders import (
    ClassFolders,
    advise_nested,
    note_others,
    read_class_folders,
    require_images,
    require_no_split,
)
from fewshot.training.labels import as_class, as_images, as_labels, require_text

Folder: TypeAlias = str | os.PathLike[str]
SupportData: TypeAlias = (
    Folder | Mapping[Any, Iterable[ImageSource] | Folder] | Iterable[ImageSource]
)
Labels: TypeAlias = Iterable[object]
Negatives: TypeAlias = Folder | Iterable[ImageSource]
# How many of the things that are not used a message names.
_NAMED = 5


@dataclass(frozen=True)
class SupportSet:
    """Labelled images, not yet opened.

    Attributes
    ----------
    images : tuple of ImageSource
    labels : tuple of str or None
        One for each image; None for negatives, which are of none of the classes.
    names : tuple of str
        What each image is called in messages and in the classifier file.
    passed_over : tuple of PassedOver
        What in the folders is not used.
    label_type : {"str", "int", "bool"}
        What the labels were before they became text.
    """

    images: tuple[ImageSource, ...]
    labels: tuple[str | None, ...]
    names: tuple[str, ...]
    passed_over: tuple[PassedOver, ...] = ()
    label_type: str = "str"

    def __post_init__(self) -> None:
        """Refuse labels that no file can hold."""
        for label in {*self.labels} - {None}:
            require_text(str(label))

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return sort_classes({label for label in self.labels if label is not None}, self.label_type)

    def __len__(self) -> int:
        return len(self.images)


def collect(
    data: SupportData,
    labels: Labels | None = None,
    negatives: Negatives | None = None,
    one_class: Callable[[], bool] = lambda: False,
) -> SupportSet:
    """Gather a support set from whatever holds it.

    At least two classes, or one and negatives, of at least one image each. Where one class is
    enough, its images may be in the folder itself. SupportError: if the folder is missing or holds
    the parts of a split, a class has no image, there are fewer than two classes, or images and
    labels do not match.
    """
    if isinstance(data, (str, os.PathLike)) and labels is None:
        found = read_class_folders(data)
        if not found.images and found.beside and (negatives is not None or one_class()):
            found = found.as_one_class
        support = _from_folder(found)
    else:
        support = gather(data, labels)
    alone = negatives is None and None not in support.labels
    if not support.classes or (alone and not (len(support.classes) == 1 and one_class())):
        require_two_classes(support.classes, data)
    return support if negatives is None else with_negatives(support, negatives)


def gather(data: SupportData, labels: Labels | None = None) -> SupportSet:
    """Gather labelled images as `collect` does, of however many classes."""
    if isinstance(data, (str, os.PathLike)):
        if labels is not None:
            raise SupportError("labels given with a folder, whose own folders are the labels")
        return _from_folder(read_class_folders(data))
    if isinstance(data, Mapping):
        if labels is not None:
            raise SupportError("labels given with a mapping, whose keys are the labels")
        return _from_mapping(data)
    if labels is None:
        raise SupportError("images without labels; give one label for each image")
    images, (names, kind) = as_images(data, "images"), as_labels(labels)
    return _from_pairs(images, names, label_type=kind)


def require_two_classes(classes: Sequence[str], data: object = None) -> None:
    """Refuse to fit on a single class, and say why."""
    if len(classes) >= 2:
        return
    found = f"only one class, {classes[0]!r}" if classes else "no class"
    advice = "add a folder of something else, one folder per class, or negatives"
    where = left_out = ""
    if isinstance(data, (str, os.PathLike)):
        folders = read_class_folders(data)
        where = f"{os.fspath(data)}: "
        left_out = "".join(f"; left out: {each}" for each in folders.passed_over[:_NAMED])
        if inner := advise_nested(folders):
            raise SupportError(f"{where}found {found}, which holds folders of images; give {inner}")
    raise SupportError(
        f"{where}found {found}{left_out}; a classifier tells classes apart, so it needs two or "
        f"more: {advice}"
    )


def list_folder(data: Folder) -> dict[str, list[Path]]:
    """List the images of each folder in a folder: label to files, of which there may be none.

    Images that are in no folder at all are those of one class, which has the folder's name.

    Raises
    ------
    SupportError
        If it is not a folder.
    """
    found = read_class_folders(data)
    empty: dict[str, list[Path]] = {name: [] for name in found.empty}
    return dict(sorted({**empty, **found.as_one_class.images}.items()))


def with_negatives(support: SupportSet, negatives: Negatives) -> SupportSet:
    """Add images that are of none of the classes."""
    passed_over: list[PassedOver] = []
    images = _in_folder(negatives, negatives, passed_over)
    if images is None:
        images = as_images(negatives, "negatives")  # type: ignore[arg-type]
        require_images(images, "negatives")
    more = _from_pairs(images, [None] * len(images))
    return SupportSet(
        support.images + more.images,
        support.labels + more.labels,
        support.names + more.names,
        (*support.passed_over, *passed_over),
        support.label_type,
    )


def warn_of_folders(
    passed_over: Sequence[PassedOver], classes: Iterable[str], before: Iterable[str] = ()
) -> None:
    """Warn the caller's caller of what is not used, and of new classes that look alike."""
    if passed_over:
        named = "; ".join(map(str, passed_over[:_NAMED]))
        more = f"; and {n} more" if (n := len(passed_over) - _NAMED) > 0 else ""
        warnings.warn(f"not used: {named}{more}", SkippedWarning, stacklevel=3)
    known = name_alike(before)
    for text in name_alike(classes):
        if text not in known:
            warnings.warn(text, FewShotWarning, stacklevel=3)


def _from_folder(found: ClassFolders) -> SupportSet:
    """Read `folder/<class>/*`."""
    require_no_split(found)
    if not found.images:
        require_two_classes((), found.folder)
    pairs = [(file, label) for label, files in found.images.items() for file in files]
    return SupportSet(
        images=tuple(file for file, _ in pairs),
        labels=tuple(label for _, label in pairs),
        names=tuple(file.relative_to(found.folder).as_posix() for file, _ in pairs),
        passed_over=tuple(found.passed_over),
    )


def _from_mapping(data: Mapping[Any, Iterable[ImageSource] | Folder]) -> SupportSet:
    """Flatten label to images."""
    pairs: list[tuple[ImageSource, str | None]] = []
    passed_over: list[PassedOver] = []
    keys: dict[str | None, object] = {}
    for key, value in data.items():
        label = as_class(key)
        if label in keys:
            raise SupportError(f"{keys[label]!a} and {key!a}: two keys of one name")
        keys[label] = key
        images = _in_folder(value, f"class {label!r}", passed_over)
        if images is None:
            images = as_images(value, f"class {label!r}")  # type: ignore[arg-type]
            require_images(images, f"class {label!r}")
        pairs += [(image, label) for image in images]
    return _from_pairs(
        [image for image, _ in pairs],
        [label for _, label in pairs],
        tuple(passed_over),
        label_type(keys.values()),
    )


def _in_folder(
    value: object, where: object, passed_over: list[PassedOver]
) -> list[ImageSource] | None:
    """List the images of a folder, of which there must be some; None if it is not given as one."""
    if not isinstance(value, (str, os.PathLike)):
        return None
    if os.path.isfile(value):
        raise SupportError(
            f"{where}: {os.fspath(value)} is a file; give a list of files, or a folder"
        )
    listing = list_images(Path(value))
    require_images(listing.images, where, listing)
    passed_over += note_others(listing, Path(value))
    return list(listing.images)


def _from_pairs(
    images: Sequence[ImageSource],
    labels: Sequence[str | None],
    passed_over: tuple[PassedOver, ...] = (),
    label_type: str = "str",
) -> SupportSet:
    """Match images with labels, and name them by path or by position."""
    if len(images) != len(labels):
        raise SupportError(f"{len(images)} images but {len(labels)} labels; give one for each")
    return SupportSet(
        images=tuple(images),
        labels=tuple(labels),
        names=tuple(
            str(image) if isinstance(image, (str, os.PathLike)) else f"image[{i}]"
            for i, image in enumerate(images)
        ),
        passed_over=passed_over,
        label_type=label_type,
    )
