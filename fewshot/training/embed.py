"""Embed a support set, reading each image once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fewshot._class_names import class_name
from fewshot._parallel import Progress, in_order
from fewshot.artifact import Artifact, SupportRecord
from fewshot.embedder import Embedder
from fewshot.errors import ImageError, NoFaceError, SupportError
from fewshot.images.decode import Header, open_rgb, read_header
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.source import ImageSource, LoadedImage, load_image
from fewshot.training.face_choice import choose_faces
from fewshot.training.near_duplicates import SIDE, fingerprint, group_near_duplicates
from fewshot.training.support_set import SupportSet

# Faces of one image among which the class chooses.
_MOST_FACES = 10
# The SHA-256 of an image and, where that makes a difference, its label.
_Key: TypeAlias = "tuple[str, str | None]"


@dataclass(frozen=True, eq=False)
class EmbeddedSet:
    """A labelled set of images, each read once.

    Attributes
    ----------
    record : SupportRecord
        A row for each image that could be read.
    images : tuple of ImageSource
        Of the rows.
    headers : tuple of Header or None
        Of the rows; None for what is no file.
    skipped : tuple of ImageError
        One for each image that could not be read.
    n_embedded : int
        Images, copies counted once, whose embedding was not stored before.
    n_other_faces : int
        Rows of which another face than the largest was taken, as it is more like their class.
    """

    record: SupportRecord
    images: tuple[ImageSource, ...]
    headers: tuple[Header | None, ...]
    skipped: tuple[ImageError, ...]
    n_embedded: int
    n_other_faces: int


@dataclass(frozen=True, eq=False)
class _EmbeddedImage:
    sha256: str
    embeddings: NDArray[np.float32]  # of each face, or of the whole image: (n, dim)
    face_found: bool
    header: Header | None
    fingerprint: NDArray[np.float16] | None


def embed_support(
    support: SupportSet,
    classes: Sequence[str],
    embedder: Embedder,
    known: Artifact | None = None,
    progress: Progress | None = None,
    *,
    choose: bool = False,
    group: bool = False,
    like: SupportRecord | None = None,
) -> EmbeddedSet:
    """Embed labelled images, and leave out what cannot be read.

    Parameters
    ----------
    support : SupportSet
    classes : sequence of str
        What labels are positions in; any other is one past the last.
    embedder : Embedder
    known : Artifact, optional
        A classifier whose images need not be embedded again.
    progress : callable, optional
        Called with how many images are done, and how many there are.
    choose : bool
        Whether the label may choose among several faces, as it must not where that is measured.
    group : bool
        Whether to look for near duplicates; else copies alone are put together.
    like : SupportRecord, optional
        Other images of the classes, which help to choose.
    """
    faces_differ = embedder.preprocessing_.crop == "face"
    stored = {} if known is None else _as_stored(known, faces_differ)
    before = frozenset(stored)
    labels: list[str | None] = [
        None if each is None else class_name(each) for each in support.labels
    ]
    keys = labels if faces_differ else [None] * len(labels)
    embed = partial(_embed_or_error, embedder, stored, choose and faces_differ, group)
    found: dict[int, _EmbeddedImage] = {}
    skipped = []
    results = in_order(embed, zip(support.images, keys, strict=True), embedder.threads)
    for number, result in enumerate(results):
        if isinstance(result, ImageError):
            skipped.append(result)
        else:
            found[number] = result
        if progress:
            progress(number + 1, len(support))
    rows = list(found.values())
    numbers: dict[str | None, int] = {class_name(label): i for i, label in enumerate(classes)}
    own = np.array([numbers.get(labels[i], len(classes)) for i in found], np.int64)
    faces = _choose(rows, own, like)
    names = [support.names[i] for i in found]
    return EmbeddedSet(
        record=_make_record(rows, faces, own, names, embedder.backbone_.dim),
        images=tuple(support.images[i] for i in found),
        headers=tuple(row.header for row in rows),
        skipped=tuple(skipped),
        n_embedded=len({(row.sha256, keys[i]) for i, row in found.items()} - before),
        n_other_faces=sum(face > 0 for face in faces),
    )


def _choose(
    rows: Sequence[_EmbeddedImage], labels: NDArray[np.int64], like: SupportRecord | None
) -> list[int]:
    """Choose a face of each image, by the other images of its class."""
    faces = [row.embeddings for row in rows]
    if like is None:
        return choose_faces(faces, labels)
    kept = [row[np.newaxis] for row in like.embeddings]
    return choose_faces(kept + faces, np.concatenate([like.labels, labels]))[len(kept) :]


def _make_record(
    rows: Sequence[_EmbeddedImage],
    faces: Sequence[int],
    labels: NDArray[np.int64],
    names: Sequence[str],
    dim: int,
) -> SupportRecord:
    chosen = [row.embeddings[face] for row, face in zip(rows, faces, strict=True)]
    record = SupportRecord(
        embeddings=np.array(chosen, np.float32).reshape(len(rows), dim),
        labels=labels,
        names=tuple(names),
        hashes=tuple(row.sha256 for row in rows),
        faceless=tuple(sorted({row.sha256 for row in rows if not row.face_found})),
    )
    return replace(record, groups=_group(record, rows))


def _as_stored(known: Artifact, by_label: bool) -> dict[_Key, _EmbeddedImage]:
    """Return the images of a classifier; of another label it may be another face."""
    record, names = known.support, (*map(class_name, known.classes), None)
    faceless = set(record.faceless)
    rows = zip(record.hashes, record.embeddings, record.labels.tolist(), strict=True)
    return {
        (key, names[label] if by_label else None): _EmbeddedImage(
            key, row[np.newaxis], key not in faceless, None, None
        )
        for key, row, label in rows
    }


def _embed_or_error(
    embedder: Embedder,
    stored: dict[_Key, _EmbeddedImage],
    choose: bool,
    group: bool,
    item: tuple[ImageSource, str | None],
) -> _EmbeddedImage | ImageError:
    """Read an image once: hash, header, fingerprint, and its embedding, which is stored."""
    image, label = item
    try:
        loaded = load_image(image)
        header = read_header(loaded) if isinstance(loaded.content, bytes) else None
        key = loaded.sha256, label
        if key not in stored:
            stored[key] = _embed(embedder, loaded, choose, group)
        elif group and stored[key].fingerprint is None:
            found = fingerprint(open_rgb(loaded, at_least=2 * SIDE))
            stored[key] = replace(stored[key], fingerprint=found)
        return replace(stored[key], header=header)
    except ImageError as error:
        return error


def _embed(embedder: Embedder, loaded: LoadedImage, choose: bool, group: bool) -> _EmbeddedImage:
    faces = embedder.cropper_.load_faces(loaded)[:_MOST_FACES] if choose else []
    views = [each for _, each in faces] or [embedder.load_views(loaded)]
    embeddings = np.stack([embedder.embed_views(each) for each in views])
    found = fingerprint(views[0].image) if group else None
    return _EmbeddedImage(loaded.sha256, embeddings, views[0].face_found, None, found)


def _group(record: SupportRecord, rows: Sequence[_EmbeddedImage]) -> NDArray[np.int64]:
    """Group near duplicates, if there are fingerprints; else copies."""
    found = [row.fingerprint for row in rows if row.fingerprint is not None]
    if len(found) < len(rows) or not rows:
        return record.groups
    return group_near_duplicates(record.embeddings, np.stack(found))


def require_faces(preprocessing: Preprocessing, skipped: Sequence[ImageError]) -> None:
    """Refuse images without a face if preprocessing says that they are an error.

    Raises
    ------
    SupportError
        It names the first few.
    """
    without = [error for error in skipped if isinstance(error, NoFaceError)]
    if preprocessing.no_face == "error" and without:
        names = ", ".join(error.name for error in without[:3])
        more = f" and {len(without) - 3} more" if len(without) > 3 else ""
        raise SupportError(
            f"no face found in {names}{more}; take them away, or fit with --no-face whole or skip"
        )


def count_faces(preprocessing: Preprocessing, embedded: EmbeddedSet) -> dict[str, Any] | None:
    """Count the images without a face; None where faces are not looked for.

    ``images``, those of them ``without`` a face, the ``fraction`` that these are, their ``names``,
    and those of which an ``other`` face than the largest was taken.
    """
    if preprocessing.crop != "face":
        return None
    left_out = [error.name for error in embedded.skipped if isinstance(error, NoFaceError)]
    record, faceless = embedded.record, set(embedded.record.faceless)
    rows = zip(record.names, record.hashes, strict=True)
    without = [*left_out, *(name for name, sha256 in rows if sha256 in faceless)]
    images = len(record.hashes) + len(left_out)
    return {
        "images": images,
        "without": len(without),
        "fraction": len(without) / max(images, 1),
        "names": without,
        "other": embedded.n_other_faces,
    }
