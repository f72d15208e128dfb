"""The labelled images a head is fitted on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from fewshot.errors import SupportError
from fewshot.images.files import IMAGE_EXTENSIONS, image_files
from fewshot.images.source import ImageSource, require_several

SupportData: TypeAlias = (
    str
    | os.PathLike[str]
    | Mapping[str, Sequence[ImageSource] | str | os.PathLike[str]]
    | Sequence[ImageSource]
)
Negatives: TypeAlias = str | os.PathLike[str] | Sequence[ImageSource]


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
    """

    images: tuple[ImageSource, ...]
    labels: tuple[str | None, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse labels that no file can hold."""
        for label in {*self.labels} - {None}:
            require_text(str(label))

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted({label for label in self.labels if label is not None}))

    def __len__(self) -> int:
        return len(self.images)


def collect(
    data: SupportData,
    labels: Sequence[object] | None = None,
    negatives: Negatives | None = None,
    one_class: Callable[[], bool] = lambda: False,
) -> SupportSet:
    """Gather a support set from whatever holds it.

    Parameters
    ----------
    data : path, mapping, or sequence of ImageSource
        A folder with one folder per class; or label to images or a folder of them; or images,
        with `labels`.
    labels : sequence, optional
        One label for each image of a sequence, made into str; None for a negative.
    negatives : path or sequence of ImageSource, optional
        Images of things that are none of the classes; a folder is read as a whole.
    one_class : callable
        Whether one class is enough without negatives; asked only if there is one.

    Returns
    -------
    SupportSet
        At least two classes, or one and negatives, of at least one image each.

    Raises
    ------
    SupportError
        If the folder is missing, a class has no image, there are fewer than two classes, or
        images and labels do not match.
    """
    support = gather(data, labels)
    alone = negatives is None and None not in support.labels
    if not support.classes or (alone and not (len(support.classes) == 1 and one_class())):
        require_two_classes(support.classes, data)
    return support if negatives is None else with_negatives(support, negatives)


def gather(data: SupportData, labels: Sequence[object] | None = None) -> SupportSet:
    """Gather labelled images as `collect` does, of however many classes."""
    if isinstance(data, (str, os.PathLike)):
        if labels is not None:
            raise SupportError("labels given with a folder, whose own folders are the labels")
        return _from_folder(data)
    if isinstance(data, Mapping):
        if labels is not None:
            raise SupportError("labels given with a mapping, whose keys are the labels")
        return _from_mapping(data)
    if labels is None:
        raise SupportError("images without labels; give one label for each image")
    require_several(data)
    return _from_pairs(list(data), list(labels))


def require_two_classes(classes: Sequence[str], data: object = None) -> None:
    """Refuse to fit on a single class, and say why."""
    if len(classes) >= 2:
        return
    where = f"{os.fspath(data)}: " if isinstance(data, (str, os.PathLike)) else ""
    found = f"only one class, {classes[0]!r}" if classes else "no class"
    raise SupportError(
        f"{where}found {found}; a classifier tells classes apart, so it needs two or more: "
        "add a folder of something else, one folder per class, or negatives"
    )


def require_text(label: str) -> None:
    """Refuse a label with half a character; what stands for a byte in a folder's name is none.

    Raises
    ------
    SupportError
        It names the label.
    """
    try:
        label.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise SupportError(f"label {label!r}: not Unicode text; give another name") from error


def _from_folder(data: str | os.PathLike[str]) -> SupportSet:
    """Read `folder/<class>/*`."""
    folder, groups = Path(data), list_folder(data)
    if not groups:
        require_two_classes((), data)
    for label, files in groups.items():
        require_images(files, folder / label)
    pairs = [(file, label) for label, files in groups.items() for file in files]
    return SupportSet(
        images=tuple(file for file, _ in pairs),
        labels=tuple(label for _, label in pairs),
        names=tuple(file.relative_to(folder).as_posix() for file, _ in pairs),
    )


def list_folder(data: str | os.PathLike[str]) -> dict[str, list[Path]]:
    """List the images of each folder in a folder: label to files, of which there may be none.

    Raises
    ------
    SupportError
        If it is not a folder.
    """
    if not os.fspath(data):
        raise SupportError("an empty name was given for the data; expected a folder")
    folder = Path(data)
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "no such folder"
        raise SupportError(f"{folder}: {state}; expected a folder with one folder per class")
    return {d.name: image_files(d) for d in sorted(folder.iterdir()) if is_class(d)}


def require_images(images: Sequence[object], where: object) -> None:
    """Refuse a class without images."""
    if not images:
        kinds = " ".join(IMAGE_EXTENSIONS)
        raise SupportError(f"{where}: no images found ({kinds}); add at least one")


def _from_mapping(
    data: Mapping[str, Sequence[ImageSource] | str | os.PathLike[str]],
) -> SupportSet:
    """Flatten label to images."""
    pairs = []
    for label, images in data.items():
        if isinstance(images, (str, os.PathLike)):
            images = image_files(Path(images))
        require_several(images)
        require_images(images, f"class {str(label)!r}")
        pairs += [(image, label) for image in images]
    return _from_pairs([image for image, _ in pairs], [label for _, label in pairs])


def with_negatives(support: SupportSet, negatives: Negatives) -> SupportSet:
    """Add images that are of none of the classes."""
    if isinstance(negatives, (str, os.PathLike)):
        images: Sequence[ImageSource] = image_files(Path(negatives))
        require_images(images, negatives)
    else:
        require_several(negatives)
        images = list(negatives)
        require_images(images, "negatives")
    more = _from_pairs(images, [None] * len(images))
    return SupportSet(
        support.images + more.images, support.labels + more.labels, support.names + more.names
    )


def _from_pairs(images: Sequence[ImageSource], labels: Sequence[object]) -> SupportSet:
    """Match images with labels, and name them by path or by position."""
    if len(images) != len(labels):
        raise SupportError(f"{len(images)} images but {len(labels)} labels; give one for each")
    if "" in labels:
        raise SupportError("an empty label was given; expected a word, or None for a negative")
    return SupportSet(
        images=tuple(images),
        labels=tuple(None if label is None else str(label) for label in labels),
        names=tuple(
            str(image) if isinstance(image, (str, os.PathLike)) else f"image[{i}]"
            for i, image in enumerate(images)
        ),
    )


def is_class(path: Path) -> bool:
    """Tell a class folder from files, hidden folders, and a classifier's own folder."""
    own = (path / "classifier.pkl").exists()
    return path.is_dir() and not path.name.startswith(".") and not own
