"""Make an artifact out of a support set: embed what is new, fit head and confidence, measure.

What an artifact is made of and how it is stored is left to `fewshot.artifact`; each kind of head
to `fewshot.heads`.
"""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import TypeAlias

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
from fewshot.backbones import Backbone
from fewshot.confidence import fit_confidence, make_folds
from fewshot.embedder import Embedder
from fewshot.errors import FewShotWarning, ImageError, SupportError
from fewshot.heads import check_kind, fit_head, held_out_scores
from fewshot.images import ImageSource, content_hash
from fewshot.support import SupportSet

Progress: TypeAlias = Callable[[int, int], None]
Embedding: TypeAlias = NDArray[np.float32]

_LIBRARIES = ("numpy", "onnxruntime", "pillow", "scikit-learn")


def fit_artifact(
    support: SupportSet,
    embedder: Embedder,
    head: str,
    *,
    reuse: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> tuple[Artifact, tuple[ImageError, ...]]:
    """Fit a classifier.

    Parameters
    ----------
    support : SupportSet
    embedder : Embedder
    head : {"logistic", "centroid"}
    reuse : path, optional
        An earlier classifier, if it exists: embeddings of unchanged images are taken from it.
    progress : callable, optional
        Called with the number of images embedded and the number to embed, after each.

    Returns
    -------
    Artifact
    tuple of ImageError
        One for each image that could not be read and was left out.

    Raises
    ------
    FewShotError
        As `fewshot.FewShotClassifier.fit` says.
    """
    check_kind(head)
    backbone = embedder.backbone_
    known = {} if reuse is None else _stored_embeddings(reuse, backbone)
    record, skipped = _embed_support(support, embedder, known, progress)
    scores = held_out_scores(head, record.embeddings, record.labels, make_folds(record.labels))
    artifact = Artifact(
        classes=support.classes,
        head=fit_head(head, record.embeddings, record.labels),
        confidence=fit_confidence(head, scores, record.labels),
        backbone=BackboneReference(
            backbone.path.name, backbone.sha256, backbone.name, backbone.dim
        ),
        preprocessing=backbone.preprocessing,
        support=record,
        measured=_measure(scores, record.labels),
        versions=_versions(),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    return artifact, skipped


def _stored_embeddings(path: str | os.PathLike[str], backbone: Backbone) -> dict[str, Embedding]:
    """Look up embeddings by content hash in an earlier classifier, if it used this backbone."""
    if not artifact_path(path).exists():
        return {}
    earlier = read_artifact(path)
    made_alike = (
        earlier.backbone.sha256 == backbone.sha256
        and earlier.preprocessing == backbone.preprocessing
    )
    stored = zip(earlier.support.hashes, earlier.support.embeddings, strict=True)
    return dict(stored) if made_alike else {}


def _embed_support(
    support: SupportSet,
    embedder: Embedder,
    known: Mapping[str, Embedding],
    progress: Progress | None,
) -> tuple[SupportRecord, tuple[ImageError, ...]]:
    """Embed what is not known yet, each content once, and leave out what cannot be read."""
    hashes = [_hash_or_error(image) for image in support.images]
    results = _embed_new(dict(zip(hashes, support.images, strict=True)), embedder, known, progress)
    rows = [results[key] if isinstance(key, str) else key for key in hashes]
    skipped = tuple(row for row in rows if isinstance(row, ImageError))
    kept = {i: row for i, row in enumerate(rows) if not isinstance(row, ImageError)}
    _require_every_class(support, [support.labels[i] for i in kept], skipped)
    for error in skipped:
        warnings.warn(f"{error}; left out", FewShotWarning, stacklevel=4)
    record = SupportRecord(
        embeddings=np.stack(list(kept.values())),
        labels=np.array([support.classes.index(support.labels[i]) for i in kept], np.int64),
        names=tuple(support.names[i] for i in kept),
        hashes=tuple(str(hashes[i]) for i in kept),
    )
    return record, skipped


def _embed_new(
    images: Mapping[str | ImageError, ImageSource],
    embedder: Embedder,
    known: Mapping[str, Embedding],
    progress: Progress | None,
) -> dict[str, Embedding | ImageError]:
    """Add to the known embeddings those of other images, by content hash."""
    results: dict[str, Embedding | ImageError] = dict(known)
    new = {k: image for k, image in images.items() if isinstance(k, str) and k not in known}
    for done, (key, result) in enumerate(zip(new, embedder.stream(new.values()), strict=True), 1):
        results[key] = result
        if progress:
            progress(done, len(new))
    return results


def _hash_or_error(image: ImageSource) -> str | ImageError:
    """Hash one image, with the error as a value."""
    try:
        return content_hash(image)
    except ImageError as error:
        return error


def _require_every_class(
    support: SupportSet, kept: list[str], skipped: tuple[ImageError, ...]
) -> None:
    """Refuse to fit when none of a class's images could be read."""
    for label in support.classes:
        if label not in kept:
            reasons = "; ".join(str(error) for error in skipped[:3])
            raise SupportError(
                f"class {label!r}: none of its {support.labels.count(label)} images could be read "
                f"({reasons}); add at least one"
            )


def _measure(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, float]:
    """Count how many held-out images got their own label."""
    held = ~np.isnan(scores[:, 0])
    right = int((scores[held].argmax(axis=1) == labels[held]).sum())
    return {"held_out_images": float(held.sum()), "held_out_correct": float(right)}


def _versions() -> dict[str, str]:
    """List the versions of Python and the libraries that had a hand in it."""
    from importlib.metadata import version

    own = {"fewshot": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in _LIBRARIES}
