"""Fit a classifier: embed a support set, fit the head, measure it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot import __version__
from fewshot._class_names import class_name
from fewshot._parallel import Progress, in_order
from fewshot.artifact import (
    Artifact,
    BackboneReference,
    SupportRecord,
    artifact_path,
    read_artifact,
)
from fewshot.embedder import Embedder
from fewshot.errors import DamagedArtifactError, ImageError, NoFaceError, SupportError, UsageError
from fewshot.evaluation.held_out import measure_held_out
from fewshot.heads.blend import check_kind
from fewshot.heads.decision import Decision, fit_decision
from fewshot.images.decode import Header, open_rgb, read_header
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.reference import reference_images
from fewshot.images.source import ImageSource, LoadedImage, load_image
from fewshot.prediction import Answer, Answers, join_answers
from fewshot.training.face_choice import choose_faces
from fewshot.training.near_duplicates import SIDE, fingerprint, group_near_duplicates
from fewshot.training.support_set import SupportSet

Embedding = NDArray[np.float32]

# Faces of one image among which the class chooses.
_MOST_FACES = 10


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
    embeddings: Embedding  # of each face, or of the whole image: (n, dim)
    face_found: bool
    header: Header | None
    fingerprint: NDArray[np.float16] | None


def fit_artifact(
    support: SupportSet,
    embedder: Embedder,
    head: str,
    reject_rate: float,
    *,
    reuse: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> tuple[Artifact, EmbeddedSet, Embedding]:
    """Fit a classifier.

    Parameters
    ----------
    support, embedder, head, reject_rate, reuse, progress
        As for `fewshot.FewShotClassifier`.

    Returns
    -------
    Artifact
    EmbeddedSet
        What it was fitted on.
    ndarray of float32, shape (n_images, n_classes) or (n_images, n_classes + 1)
        Held-out scores; see `fewshot.heads.decision.fit_decision`.
    """
    check_kind(head)
    if not 0 <= reject_rate < 1:
        raise UsageError(f"reject rate is {reject_rate}; expected 0 to 1, 1 excluded")
    _ = embedder.network_  # begins to open while the earlier classifier is read
    known = None if reuse is None else _stored_support(reuse, embedder)
    embedded = embed_support(support, support.classes, embedder, known, progress, choose=True)
    require_faces(embedder.preprocessing_, embedded.skipped)
    _require_every_class(support, embedded)
    backbone = embedder.backbone_
    reference = BackboneReference(
        backbone.path.name, backbone.sha256, backbone.name, backbone.dim, backbone.same_person
    )
    artifact, held_out = fit_embeddings(
        embedded.record,
        support.classes,
        head,
        reject_rate,
        embedder.embed_references(reference_images()),
        backbone=reference,
        preprocessing=embedder.preprocessing_,
        label_type=support.label_type,
    )
    return artifact, embedded, held_out


def fit_embeddings(
    support: SupportRecord,
    classes: tuple[str, ...],
    head: str,
    reject_rate: float,
    references: Embedding,
    *,
    backbone: BackboneReference,
    preprocessing: Preprocessing,
    label_type: str = "str",
) -> tuple[Artifact, Embedding]:
    """Fit head, calibration and rejection on embeddings, and measure them.

    Parameters
    ----------
    support : SupportRecord
        In any order: the result depends on contents and labels alone.
    classes, head, reject_rate
        As for `fit_artifact`.
    references : ndarray of float32, shape (n_references, dim)
        Embeddings of the reference images.
    backbone, preprocessing
        What the embeddings were made with.
    label_type : {"str", "int", "bool"}
        What the labels were before they became text.

    Returns
    -------
    Artifact
    ndarray of float32, shape (n_images, n_classes) or (n_images, n_classes + 1)
        Held-out scores, as from `fit_artifact`.
    """
    decision, held_out = fit_decision(
        head,
        support.embeddings,
        support.labels,
        len(classes),
        reject_rate,
        same_person=backbone.same_person,
        groups=support.groups,
        hashes=support.hashes,
    )
    artifact = Artifact(
        classes=classes,
        decision=decision,
        backbone=backbone,
        preprocessing=preprocessing,
        support=support,
        references=answer_references(references, decision),
        measured=measure_held_out(
            decision, held_out, support.embeddings, support.labels, support.groups
        ),
        versions=_versions(),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        label_type=label_type,
    )
    return artifact, held_out


def answer_references(embeddings: Embedding, decision: Decision) -> Answers:
    """Answer for the reference images, one by one, as images are classified."""
    return join_answers([Answer(row, *decision.decide_one(row)) for row in embeddings], ())


def embed_support(
    support: SupportSet,
    classes: Sequence[str],
    embedder: Embedder,
    known: SupportRecord | None = None,
    progress: Progress | None = None,
    *,
    choose: bool = False,
) -> EmbeddedSet:
    """Embed labelled images, and leave out what cannot be read.

    Parameters
    ----------
    support : SupportSet
    classes : sequence of str
        What labels are positions in; any other is one past the last.
    embedder : Embedder
    known : SupportRecord, optional
        Images that need not be embedded again.
    progress : callable, optional
        Called with how many images are done, and how many there are.
    choose : bool
        Whether the label may choose among several faces, as it must not where that is measured.
    """
    stored: dict[str, _EmbeddedImage] = {} if known is None else _as_stored(known)
    before = frozenset(stored)
    embed = partial(_embed_or_error, embedder, stored, choose)
    found: dict[int, _EmbeddedImage] = {}
    skipped = []
    results = in_order(embed, support.images, embedder.threads)
    for number, result in enumerate(results):
        if isinstance(result, ImageError):
            skipped.append(result)
        else:
            found[number] = result
        if progress:
            progress(number + 1, len(support))
    numbers: dict[str | None, int] = {class_name(label): i for i, label in enumerate(classes)}
    rows = list(found.values())
    labels = np.array([numbers.get(support.labels[i], len(classes)) for i in found], np.int64)
    faces = choose_faces([row.embeddings for row in rows], labels)
    chosen = [row.embeddings[face] for row, face in zip(rows, faces, strict=True)]
    record = SupportRecord(
        embeddings=np.array(chosen, np.float32).reshape(len(rows), embedder.backbone_.dim),
        labels=labels,
        names=tuple(support.names[i] for i in found),
        hashes=tuple(row.sha256 for row in rows),
        faceless=tuple(sorted({row.sha256 for row in rows if not row.face_found})),
    )
    record = replace(record, groups=_group(record, rows))
    images = tuple(support.images[i] for i in found)
    headers = tuple(row.header for row in rows)
    n_embedded = len({row.sha256 for row in rows} - before)
    n_other_faces = sum(face > 0 for face in faces)
    return EmbeddedSet(record, images, headers, tuple(skipped), n_embedded, n_other_faces)


def _as_stored(record: SupportRecord) -> dict[str, _EmbeddedImage]:
    rows = zip(record.hashes, record.embeddings, strict=True)
    faceless = set(record.faceless)
    return {
        key: _EmbeddedImage(key, row[np.newaxis], key not in faceless, None, None)
        for key, row in rows
    }


def _embed_or_error(
    embedder: Embedder, stored: dict[str, _EmbeddedImage], choose: bool, image: ImageSource
) -> _EmbeddedImage | ImageError:
    """Read an image once: hash, header, fingerprint, and its embedding, which is stored."""
    try:
        loaded = load_image(image)
        header = read_header(loaded) if isinstance(loaded.content, bytes) else None
        known = stored.get(loaded.sha256)
        if known is None:
            known = _embed(embedder, loaded, choose)
            stored[loaded.sha256] = known
        elif choose and known.fingerprint is None:
            rgb = open_rgb(loaded, at_least=2 * SIDE)
            known = stored[loaded.sha256] = replace(known, fingerprint=fingerprint(rgb))
        return replace(known, header=header)
    except ImageError as error:
        return error


def _embed(embedder: Embedder, loaded: LoadedImage, choose: bool) -> _EmbeddedImage:
    among_faces = choose and embedder.preprocessing_.crop == "face"
    faces = embedder.cropper_.load_faces(loaded)[:_MOST_FACES] if among_faces else []
    views = [each for _, each in faces] or [embedder.load_views(loaded)]
    embeddings = np.stack([embedder.embed_views(each) for each in views])
    found = fingerprint(views[0].image) if choose else None
    return _EmbeddedImage(loaded.sha256, embeddings, views[0].face_found, None, found)


def _group(record: SupportRecord, rows: Sequence[_EmbeddedImage]) -> NDArray[np.int64]:
    """Group near duplicates, if there are fingerprints; else copies."""
    found = [row.fingerprint for row in rows if row.fingerprint is not None]
    if len(found) < len(rows) or not rows:
        return record.groups
    return group_near_duplicates(record.embeddings, np.stack(found))


def _stored_support(path: str | os.PathLike[str], embedder: Embedder) -> SupportRecord | None:
    """Return the embeddings of an earlier classifier, if they were made in the same way."""
    if not artifact_path(path).exists():
        return None
    try:
        earlier = read_artifact(path)
    except DamagedArtifactError:  # to be replaced; another file is refused before any work
        return None
    same_way = (
        earlier.backbone.sha256 == embedder.backbone_.sha256
        and earlier.preprocessing == embedder.preprocessing_
    )
    return earlier.support if same_way else None


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

    ``images``, those of them ``without`` a face, the ``fraction`` that these are, and those of
    which an ``other`` face than the largest was taken.
    """
    if preprocessing.crop != "face":
        return None
    left_out = sum(isinstance(error, NoFaceError) for error in embedded.skipped)
    faceless = set(embedded.record.faceless)
    without = sum(sha256 in faceless for sha256 in embedded.record.hashes) + left_out
    images = len(embedded.record.hashes) + left_out
    return {
        "images": images,
        "without": without,
        "fraction": without / max(images, 1),
        "other": embedded.n_other_faces,
    }


def _require_every_class(support: SupportSet, embedded: EmbeddedSet) -> None:
    """Refuse to fit when none of a class's images could be read."""
    for number, label in enumerate(support.classes):
        if number not in embedded.record.labels:
            reasons = "; ".join(str(error) for error in embedded.skipped[:3])
            raise SupportError(
                f"class {label!r}: none of its {support.labels.count(label)} images could be read "
                f"({reasons}); add at least one"
            )


def _versions() -> dict[str, str]:
    """Return the versions of Python and the libraries; from the modules, not from packages."""
    import onnxruntime
    import PIL
    import sklearn

    return {
        "fewshot": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": onnxruntime.__version__,
        "pillow": PIL.__version__,
        "scikit-learn": sklearn.__version__,
    }
