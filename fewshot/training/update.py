"""Update a classifier from its stored embeddings: add, remove, relabel, rename images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewshot._class_names import are_of_type, class_name, find_class, is_blank, sort_classes
from fewshot._parallel import Progress
from fewshot.artifact import Artifact, SupportRecord
from fewshot.embedder import Embedder
from fewshot.errors import ImageError, SupportError, UsageError
from fewshot.images.source import ImageSource, content_hash, describe, require_several
from fewshot.prediction import class_number
from fewshot.training.embed import embed_support, require_faces
from fewshot.training.fit import fit_embeddings
from fewshot.training.labels import require_text
from fewshot.training.support_set import SupportSet, gather, require_two_classes

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Update:
    """A classifier as it is after a change.

    Attributes
    ----------
    artifact : Artifact
    held_out : ndarray of float32, shape (n_images, n_rows), or None
        As from `fewshot.training.fit.fit_embeddings`; None if nothing changed.
    skipped : tuple of ImageError
        One for each image left out: unreadable, or known under another label.
    """

    artifact: Artifact
    held_out: NDArray[np.float32] | None
    skipped: tuple[ImageError, ...] = ()


def add(
    artifact: Artifact,
    support: SupportSet,
    embedder: Embedder,
    progress: Progress | None = None,
    instead: Rows | None = None,
) -> Update:
    """Add labelled images, of classes it knows or new ones.

    Those it holds under the same label already are passed over, and so are copies.
    Rows of its support that are `instead` of them are left out.
    """
    classes = _with_classes(artifact, support.classes)
    kept = replace(artifact.support, labels=_renumber(artifact, classes))
    if instead is not None:
        kept = kept.take(np.setdiff1d(np.arange(len(kept.names)), instead))
    embedded = embed_support(
        support, classes, embedder, artifact, progress, choose=True, group=True, like=kept
    )
    record, skipped = embedded.record, embedded.skipped
    require_faces(artifact.preprocessing, skipped)
    new, conflicts = _sort_out(kept, record)
    record = _with_own_names(record.take(np.array(new, np.int64)), kept.names)
    joined = kept.join(record).mark(taught=record.hashes)
    return replace(fit_again(artifact, joined, classes), skipped=(*skipped, *conflicts))


def _sort_out(kept: SupportRecord, record: SupportRecord) -> tuple[list[int], list[ImageError]]:
    """Tell which images are new; an image that is there under another label is an error."""
    held: dict[str, dict[int, str]] = {}
    for key, label, name in zip(kept.hashes, kept.labels.tolist(), kept.names, strict=True):
        held.setdefault(key, {})[label] = name
    new, conflicts = [], []
    for i, (key, label) in enumerate(zip(record.hashes, record.labels.tolist(), strict=True)):
        if key not in held:
            held[key] = {label: record.names[i]}
            new.append(i)
        elif label not in held[key]:
            conflicts.append(_conflict(record.names[i], next(iter(held[key].values()))))
    return new, conflicts


def _with_own_names(record: SupportRecord, taken: tuple[str, ...]) -> SupportRecord:
    """Put the beginning of its hash before each name that another image has."""
    seen, names = set(taken), []
    for name, key in zip(record.names, record.hashes, strict=True):
        names.append(f"{key[:8]}/{name}" if name in seen else name)
        seen.add(names[-1])
    return replace(record, names=tuple(names))


def remove(artifact: Artifact, rows: Rows) -> Update:
    """Forget support images; a class without any left is gone.

    SupportError: if too little would be left to tell apart.
    """
    support = artifact.support
    left = support.take(np.setdiff1d(np.arange(len(support.names)), rows))
    left = left.mark(removed={support.hashes[row] for row in rows} - {*left.hashes})
    return fit_again(artifact, left, artifact.classes)


def relabel(artifact: Artifact, rows: Rows, label: str) -> Update:
    """Put support images into another class, or into a new one.

    SupportError: if a single class would be left.
    """
    label = _name(label)
    classes = _with_classes(artifact, [label])
    labels = _renumber(artifact, classes)
    labels[rows] = class_number(classes, label)
    support = replace(artifact.support, labels=labels)
    taught = support.mark(taught=[support.hashes[row] for row in rows])
    return fit_again(artifact, taught, classes)


def rename(artifact: Artifact, old: str, new: str) -> Update:
    """Give a class another name.

    UsageError: if there is no class of the old name, or already one of the new.
    """
    rows = np.flatnonzero(artifact.support.labels == artifact.number_of(old))
    new = _name(new)
    number = find_class(artifact.classes, new)
    if number == artifact.number_of(old):
        raise UsageError(f"{new!r} is its name already")
    if number is not None:
        raise UsageError(
            f"there is a class {new!r} already; to put images of {old!r} into it, relabel them"
        )
    return relabel(artifact, rows, new)


def correct(
    artifact: Artifact, images: Sequence[ImageSource], label: str, embedder: Embedder
) -> Update:
    """Teach what images show: relabel those it holds, add the others.

    ImageError: if an image cannot be read. SupportError: if a single class would be left.
    """
    images, label = list(images), _name(label)
    keys = [content_hash(image) for image in images]
    rows = np.flatnonzero(np.isin(artifact.support.hashes, keys))
    wrong = rows[artifact.support.labels[rows] != find_class(artifact.classes, label)]
    held = {artifact.support.hashes[row] for row in rows}
    update, instead = Update(artifact, None), None
    if artifact.preprocessing.crop == "face":  # of another person it may be another face
        instead = wrong
        held -= {artifact.support.hashes[row] for row in wrong}
    elif len(rows):
        update = relabel(artifact, rows, label)
    new = [image for image, key in zip(images, keys, strict=True) if key not in held]
    if new:
        update = add(update.artifact, gather(new, [label] * len(new)), embedder, instead=instead)
        if update.skipped:
            raise update.skipped[0]
    return update


def find_rows(artifact: Artifact, images: Sequence[ImageSource]) -> Rows:
    """Return the rows of support images: by their content, or by the names they had.

    SupportError: if one is not among them, or its name is that of several.
    """
    require_several(images)
    rows = [row for image in images for row in _rows_of(artifact.support, image)]
    return np.unique(np.array(rows, np.int64))


def _rows_of(support: SupportRecord, image: ImageSource) -> list[int]:
    """Return the rows that hold an image."""
    if isinstance(image, (str, os.PathLike)) and not os.path.exists(image):
        rows = _named(support, Path(image).as_posix())
    else:
        key = content_hash(image)
        rows = [i for i, known in enumerate(support.hashes) if known == key]
    if not rows:
        raise SupportError(
            f"{describe(image)}: not among the {len(support.names)} images fitted on, which "
            "'fewshot info --images' lists"
        )
    return rows


def _named(support: SupportRecord, path: str) -> list[int]:
    """Return the rows of the image with a name, of which the path may say more folders."""
    names = [Path(name).as_posix() for name in support.names]
    if path in names:
        return [i for i, name in enumerate(names) if name == path]
    # A name alone may be in any folder.
    rows = [i for i, name in enumerate(names) if "/" in name and path.endswith(f"/{name}")]
    if len({support.hashes[i] for i in rows}) > 1:
        raise SupportError(f"{path}: the name of {len(rows)} images; give the file itself")
    return rows


def fit_again(artifact: Artifact, support: SupportRecord, classes: tuple[str, ...]) -> Update:
    """Fit on a support set, if it is another; classes without images are left out."""
    left = np.unique(support.labels[support.labels < len(classes)])
    numbers = np.full(len(classes) + 1, len(left), np.int64)  # the last is that of negatives
    numbers[left] = np.arange(len(left))
    support = replace(support, labels=numbers[support.labels])
    classes, before = tuple(classes[number] for number in left), artifact.support
    unchanged = classes == artifact.classes and support.hashes == before.hashes
    if unchanged and (support.labels == before.labels).all():
        return Update(artifact, None)
    alone = len(classes) == len(np.unique(support.labels))  # no negatives
    if not classes or (alone and not artifact.backbone.same_person):
        require_two_classes(classes)
    fitted = fit_embeddings(
        support,
        classes,
        artifact.decision.head.kind,
        artifact.decision.rejection.rate,
        artifact.references.embeddings,
        backbone=artifact.backbone,
        preprocessing=artifact.preprocessing,
        label_type=_label_type(artifact, classes),
    )
    return Update(*fitted)


def _renumber(artifact: Artifact, classes: tuple[str, ...]) -> Rows:
    """Return the labels of the support as positions in other classes that hold its own."""
    numbers = [classes.index(label) for label in artifact.classes] + [len(classes)]
    return np.array(numbers, np.int64)[artifact.support.labels]


def _name(label: object) -> str:
    """Refuse a class without a name."""
    if is_blank(str(label)):
        raise UsageError("an empty name was given for a class; expected a word")
    require_text(str(label))
    return class_name(label)


def _with_classes(artifact: Artifact, labels: Iterable[str]) -> tuple[str, ...]:
    """Return the classes of an artifact and those that are new, whatever form the names have."""
    new = [label for label in labels if find_class(artifact.classes, label) is None]
    kind = _label_type(artifact, new)
    return sort_classes({*artifact.classes, *new}, kind)


def _label_type(artifact: Artifact, classes: Iterable[str]) -> str:
    """Return what all labels are if there are also others."""
    return artifact.label_type if are_of_type(classes, artifact.label_type) else "str"


def _conflict(name: str, earlier: str) -> ImageError:
    """Say that an image is known under another label."""
    return ImageError(
        f"known as {earlier}, under another label; relabel that one, or remove it first", name
    )
