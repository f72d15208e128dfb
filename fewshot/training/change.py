"""Say what is different in a classifier after a change, and what of the earlier one is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot.artifact import Artifact
from fewshot.evaluation.held_out import measure_held_out


def compare(
    before: Artifact, after: Artifact, held_out: NDArray[np.float32] | None = None
) -> dict[str, Any]:
    """Say what a change made different, in types that JSON knows.

    `held_out` is of shape (n_images, n_rows), optional: of `after`, as from
    `fewshot.training.fit.fit_embeddings`. ``changed``: whether anything did; ``classes``: of each
    class with another number of images, how many it had and has; ``measured_before`` and
    ``measured``: as in `Artifact`; ``measured_same``: as ``measured``, but of the images that
    ``measured_before`` is of; None without held-out scores, or if these images are gone.
    """
    first, second = _count(before), _count(after)
    return {
        "changed": _essence(before) != _essence(after),
        "classes": {
            label: [first.get(label, 0), second.get(label, 0)]
            for label in sorted(first | second)
            if first.get(label) != second.get(label)
        },
        "measured_before": before.measured,
        "measured_same": None if held_out is None else _on_the_same(before, after, held_out),
        "measured": after.measured,
    }


def count_lost(earlier: Artifact, artifact: Artifact) -> dict[str, int]:
    """Count what is lost of an earlier classifier that another one replaces.

    Returns
    -------
    dict
        ``images`` of the earlier one; those ``missing`` in the other, those ``relabelled`` in it,
        and those in it that had been ``removed``.
    """
    labels, others = _labels(earlier), _labels(artifact)
    common = labels.keys() & others.keys()
    return {
        "images": len(earlier.support.hashes),
        "missing": sum(key not in others for key in earlier.support.hashes),
        "relabelled": sum(labels[key] != others[key] for key in common),
        "removed": len({*earlier.support.removed} & others.keys()),
    }


def _labels(artifact: Artifact) -> dict[str, str | None]:
    """Return the label of each image, by its hash; None for negatives."""
    names = (*artifact.classes, None)
    rows = zip(artifact.support.hashes, artifact.support.labels.tolist(), strict=True)
    return {key: names[label] for key, label in rows}


def _on_the_same(
    before: Artifact, after: Artifact, held_out: NDArray[np.float32]
) -> dict[str, float] | None:
    """Measure on the images that could be held out before."""
    labels, n_classes = before.support.labels, len(before.classes)
    several = np.flatnonzero(np.bincount(labels, minlength=n_classes)[:n_classes] > 1)
    held = {before.support.hashes[row] for row in np.flatnonzero(np.isin(labels, several))}
    same = np.array([key in held for key in after.support.hashes])
    if not same.any():
        return None
    support = after.support
    return measure_held_out(
        after.decision, held_out, support.embeddings, support.labels, support.groups, same
    )


def _essence(artifact: Artifact) -> tuple[object, ...]:
    """Return what makes two artifacts the same or not."""
    decision = artifact.decision
    made = artifact.backbone.sha256, artifact.preprocessing, decision.head.kind
    return artifact.list_images(), *made, decision.rejection.rate


def _count(artifact: Artifact) -> dict[str, int]:
    """Count the images of each class, and the negatives."""
    summary = artifact.summary()
    return {**summary["classes"], **({"(negatives)": n} if (n := summary["negatives"]) else {})}
