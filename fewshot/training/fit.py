"""Fit a classifier on a support set, and measure it."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from fewshot import __version__
from fewshot._parallel import Progress
from fewshot.artifact import (
    Artifact,
    BackboneReference,
    SupportRecord,
    artifact_path,
    read_artifact,
)
from fewshot.embedder import Embedder
from fewshot.errors import DamagedArtifactError, SupportError, UsageError
from fewshot.evaluation.held_out import measure_held_out
from fewshot.heads.blend import check_kind
from fewshot.heads.decision import Decision, fit_decision
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.reference import reference_images
from fewshot.prediction import Answer, Answers, join_answers
from fewshot.training.embed import EmbeddedSet, embed_support, require_faces
from fewshot.training.support_set import SupportSet

Embedding = NDArray[np.float32]


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
    known = None if reuse is None else _earlier(reuse, embedder)
    embedded = embed_support(
        support, support.classes, embedder, known, progress, choose=True, group=True
    )
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

    `references` is of shape (n_references, dim): embeddings of the reference images. Return shape
    (n_images, n_classes) or (n_images, n_classes + 1): held-out scores, as from `fit_artifact`.
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


def _earlier(path: str | os.PathLike[str], embedder: Embedder) -> Artifact | None:
    """Return an earlier classifier, if its embeddings were made in the same way."""
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
    return earlier if same_way else None


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
