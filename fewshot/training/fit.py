"""Make an artifact out of a support set: embed what is new, fit head and confidence, measure."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fewshot import __version__
from fewshot.artifact import (
    Artifact,
    BackboneReference,
    SupportRecord,
    artifact_path,
    read_artifact,
)
from fewshot.embedder import Embedder
from fewshot.errors import ImageError, SupportError, UsageError
from fewshot.evaluation.metrics import wilson_interval
from fewshot.heads.blend import check_kind
from fewshot.heads.decision import Decision, fit_decision
from fewshot.heads.rejection import REJECT_RATE
from fewshot.images.decode import ImageSource, content_hash, describe
from fewshot.images.reference import reference_pictures
from fewshot.prediction import Answers
from fewshot.training.support_set import SupportSet

Progress: TypeAlias = Callable[[int, int], None]
Embedding: TypeAlias = NDArray[np.float32]

_LIBRARIES = ("numpy", "onnxruntime", "pillow", "scikit-learn")


def fit_artifact(
    support: SupportSet,
    embedder: Embedder,
    head: str,
    reject_rate: float = REJECT_RATE,
    *,
    reuse: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> tuple[Artifact, tuple[ImageError, ...], Embedding]:
    """Fit a classifier.

    Parameters
    ----------
    support : SupportSet
    embedder : Embedder
    head : {"auto", "logistic", "discriminant", "centroid"}
    reject_rate : float
        The part of genuine images that may be called unknown, in [0, 1).
    reuse : path, optional
        An earlier classifier, if it exists: embeddings of unchanged images are taken from it.
    progress : callable, optional
        Called with the number of images embedded and the number to embed, after each.

    Returns
    -------
    Artifact
    tuple of ImageError
        One for each image that could not be read and was left out.
    ndarray of float32, shape (n_images, n_classes) or (n_images, n_classes + 1)
        The calibrated scores of each of its images from a head fitted without it; see
        `fewshot.heads.decision.fit_decision`.

    Raises
    ------
    FewShotError
        As `fewshot.FewShotClassifier.fit` says.
    """
    from fewshot.faces.crop import require_faces

    check_kind(head)
    if not 0 <= reject_rate < 1:
        raise UsageError(f"reject rate is {reject_rate}; expected 0 to 1, 1 excluded")
    backbone = embedder.backbone_
    known = None if reuse is None else _stored_support(reuse, embedder)
    record, skipped = embed_support(support, support.classes, embedder, known, progress)
    require_faces(embedder.preprocessing_, skipped)
    _require_every_class(support, record, skipped)
    learned, held_out = learn(
        record, support.classes, head, reject_rate, embedder.embed_references(reference_pictures())
    )
    reference = BackboneReference(backbone.path.name, backbone.sha256, backbone.name, backbone.dim)
    artifact = Artifact(backbone=reference, preprocessing=embedder.preprocessing_, **learned)
    return artifact, skipped, held_out


def learn(
    support: SupportRecord,
    classes: tuple[str, ...],
    head: str,
    reject_rate: float,
    references: Embedding,
) -> tuple[dict[str, Any], Embedding]:
    """Fit head and confidence on embeddings, and measure them.

    Parameters
    ----------
    support : SupportRecord
        In any order: what is learned depends on contents and labels alone.
    classes : tuple of str
    head, reject_rate
        As for `fit_artifact`.
    references : ndarray of float32, shape (n_pictures, dim)
        Embeddings of the reference pictures.

    Returns
    -------
    dict
        The fields of `Artifact` that follow from it: all but backbone and preprocessing.
    ndarray of float32, shape (n_images, n_classes) or (n_images, n_classes + 1)
        Held-out scores, as from `fit_artifact`.
    """
    hashes, n_classes = support.hashes, len(classes)
    # By content, so that neither the order nor the names of the images make a difference.
    order = np.array(sorted(range(len(hashes)), key=lambda i: (support.labels[i], hashes[i])))
    labels = support.labels[order]
    decision, scores = fit_decision(head, support.embeddings[order], labels, n_classes, reject_rate)
    held_out = np.empty_like(scores)
    held_out[order] = scores
    fields = {
        "classes": classes,
        "decision": decision,
        "support": support,
        "references": answer_references(references, decision),
        "measured": _measure(held_out, support.labels, n_classes),
        "versions": _versions(),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    return fields, held_out


def answer_references(embeddings: Embedding, decision: Decision) -> Answers:
    """Answer for the reference pictures, so that another machine can be told from this one."""
    # One by one, as images are answered for.
    rows = [decision.decide(row[np.newaxis]) for row in embeddings]
    return Answers(embeddings, *(np.concatenate(part) for part in zip(*rows, strict=True)))


def _stored_support(path: str | os.PathLike[str], embedder: Embedder) -> SupportRecord | None:
    """Look up what an earlier classifier was fitted on, if embedded in the same way."""
    if not artifact_path(path).exists():
        return None
    earlier = read_artifact(path)
    made_alike = (
        earlier.backbone.sha256 == embedder.backbone_.sha256
        and earlier.preprocessing == embedder.preprocessing_
    )
    return earlier.support if made_alike else None


def embed_support(
    support: SupportSet,
    classes: Sequence[str],
    embedder: Embedder,
    known: SupportRecord | None = None,
    progress: Progress | None = None,
) -> tuple[SupportRecord, tuple[ImageError, ...]]:
    """Embed labelled images, each content once, and leave out what cannot be read.

    Parameters
    ----------
    support : SupportSet
    classes : sequence of str
        What labels are positions in; any other is one past the last.
    embedder : Embedder
    known : SupportRecord, optional
        Images that need not be embedded again.
    progress : callable, optional
        As for `fit_artifact`.

    Returns
    -------
    SupportRecord
    tuple of ImageError
        One for each image left out.
    """
    hashes = [_hash_or_error(image) for image in support.images]
    results, faceless = _embed_new(
        dict(zip(hashes, support.images, strict=True)), embedder, known, progress
    )
    rows = [results[key] if isinstance(key, str) else key for key in hashes]
    for i, row in enumerate(rows):
        if isinstance(row, ImageError):  # a copy of it may have given it another name
            rows[i] = type(row)(row.reason, describe(support.images[i]))
    skipped = tuple(row for row in rows if isinstance(row, ImageError))
    kept = {i: row for i, row in enumerate(rows) if not isinstance(row, ImageError)}
    numbers: dict[str | None, int] = {label: number for number, label in enumerate(classes)}
    record = SupportRecord(
        embeddings=np.array(list(kept.values()), np.float32).reshape(-1, embedder.backbone_.dim),
        labels=np.array([numbers.get(support.labels[i], len(classes)) for i in kept], np.int64),
        names=tuple(support.names[i] for i in kept),
        hashes=tuple(str(hashes[i]) for i in kept),
        faceless=tuple(sorted({str(hashes[i]) for i in kept} & faceless)),
    )
    return record, skipped


def _embed_new(
    images: Mapping[str | ImageError, ImageSource],
    embedder: Embedder,
    known: SupportRecord | None,
    progress: Progress | None,
) -> tuple[dict[str, Embedding | ImageError], set[str]]:
    """Add to the known embeddings those of other images, by content hash; and which lack a face."""
    results: dict[str, Embedding | ImageError] = {} if known is None else {**known.by_content()}
    faceless = set() if known is None else set(known.faceless)
    new = {k: image for k, image in images.items() if isinstance(k, str) and k not in results}
    found = embedder.stream_noting(new.values())
    for done, (key, (result, has_face)) in enumerate(zip(new, found, strict=True), 1):
        results[key] = result
        if not has_face:
            faceless.add(key)
        if progress:
            progress(done, len(new))
    return results, faceless


def _hash_or_error(image: ImageSource) -> str | ImageError:
    """Hash one image, with the error as a value."""
    try:
        return content_hash(image)
    except ImageError as error:
        return error


def _require_every_class(
    support: SupportSet, record: SupportRecord, skipped: tuple[ImageError, ...]
) -> None:
    """Refuse to fit when none of a class's images could be read."""
    for number, label in enumerate(support.classes):
        if number not in record.labels:
            reasons = "; ".join(str(error) for error in skipped[:3])
            raise SupportError(
                f"class {label!r}: none of its {support.labels.count(label)} images could be read "
                f"({reasons}); add at least one"
            )


def _measure(held_out: Embedding, labels: NDArray[np.int64], n_classes: int) -> dict[str, float]:
    """Count how many held-out images got their own label, with the interval of that rate."""
    tried = ~np.isnan(held_out[:, 0]) & (labels < n_classes)
    right = held_out[tried].argmax(axis=1) == labels[tried]  # the negatives may win too
    low, high = wilson_interval(int(right.sum()), len(right))
    return {
        "held_out_images": float(len(right)),
        "held_out_correct": float(right.sum()),
        "accuracy_low": low,
        "accuracy_high": high,
    }


def _versions() -> dict[str, str]:
    """List the versions of Python and the libraries that had a hand in it."""
    from importlib.metadata import version

    own = {"fewshot": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in _LIBRARIES}
