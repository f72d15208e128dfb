"""Look for what is wrong with labelled images, before anybody wonders about the accuracy."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot._parallel import Progress
from fewshot.artifact import Artifact, SupportRecord
from fewshot.data_checks.duplicates import Copy, exact_copies, find_copies
from fewshot.data_checks.faces import faces_of_nobody, suspected_faces
from fewshot.data_checks.files import (
    ignored_files,
    odd_files,
    small_classes,
    turned_wrongly,
    unreadable,
)
from fewshot.data_checks.finding import KINDS, Finding
from fewshot.data_checks.labels import find_outliers, suspected_labels
from fewshot.embedder import Embedder
from fewshot.errors import ImageError, SupportError
from fewshot.heads.decision import fit_decision
from fewshot.images.source import ImageSource, describe
from fewshot.training.embed import embed_support
from fewshot.training.support_set import (
    Labels,
    Negatives,
    SupportData,
    SupportSet,
    gather,
    list_folder,
    with_negatives,
)

if TYPE_CHECKING:
    from fewshot.classifier.few_shot import FewShotClassifier


@dataclass(frozen=True)
class Checkup:
    """What was found.

    Attributes
    ----------
    images, classes : int
        How many were looked at; images include those that could not be read.
    findings : tuple of Finding
        In the order of `fewshot.data_checks.finding.KINDS`.
    """

    images: int
    classes: int
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it in types that JSON knows: ``images classes counts findings``."""
        counts = Counter(finding.kind for finding in self.findings)
        return {
            "images": self.images,
            "classes": self.classes,
            "counts": dict(counts),
            "findings": [asdict(finding) for finding in self.findings],
        }


@dataclass(frozen=True, eq=False)
class _Embedded:
    """Images that could be read, one for each row of the record, and errors of the others."""

    record: SupportRecord
    images: tuple[ImageSource, ...]
    classes: tuple[str, ...]
    errors: tuple[ImageError, ...]

    def name(self, row: int) -> str:
        """Say where an image is, or what it is called if it is no file."""
        image = self.images[row]
        return os.fspath(image) if isinstance(image, (str, os.PathLike)) else self.record.names[row]

    @property
    def files(self) -> list[Path]:
        """The images that are files."""
        return [Path(i) for i in self.images if isinstance(i, (str, os.PathLike))]


def check(
    data: SupportData | None = None,
    labels: Labels | None = None,
    *,
    negatives: Negatives | None = None,
    test: SupportData | None = None,
    classifier: FewShotClassifier | None = None,
    pixels: bool = True,
    progress: Progress | None = None,
) -> Checkup:
    """Look for what is wrong with labelled images.

    Parameters
    ----------
    data, labels, negatives
        As for `fewshot.FewShotClassifier.fit`, though classes may be few or empty. Without any,
        what the classifier keeps of the images it was fitted on is looked at.
    test : path, mapping or sequence, optional
        Images that are measured on, which should not be among the others.
    classifier : FewShotClassifier, optional
        A fitted one, whose backbone is used, and whose embeddings if it knows an image.
    pixels : bool
        Whether pictures are decoded again to find those that are nearly the same, or turned.
    progress : callable, optional
        Called with how many images are embedded, and how many there are to embed.

    Returns
    -------
    Checkup

    Raises
    ------
    SupportError
        If there is no folder, no image, or nothing at all.
    """
    if classifier is not None:
        _ = classifier.class_names_  # fails if it was not fitted
    if data is None:
        return _check_kept(classifier)
    embedder = classifier.embedder_ if classifier else Embedder()
    known = classifier.artifact_ if classifier else None
    support, shots = _gather(data, labels, negatives)
    own = _embed(support, support.classes, embedder, known, progress, choose=True)
    asked = None if test is None else _embed(gather(test), own.classes, embedder, known, progress)
    findings = [
        *unreadable(own.errors),
        *odd_files(own.files),
        *small_classes(shots, None not in support.labels, embedder.tells_people_apart_),
    ]
    if isinstance(data, (str, os.PathLike)):
        findings += ignored_files(Path(data))
    if asked:
        findings += [*unreadable(asked.errors), *odd_files(asked.files)]
    findings += _copies(own, asked, pixels)
    if pixels:
        findings += turned_wrongly(own.images, own.record, embedder)
    findings += _suspects(own, classifier)
    return _checkup(len(support), len(shots), findings)


def _check_kept(classifier: FewShotClassifier | None) -> Checkup:
    """Look for what is wrong with the images a classifier was fitted on, without them."""
    if classifier is None:
        raise SupportError("no images given, nor a classifier that was fitted on any")
    artifact = classifier.artifact_
    support, shots = artifact.support, artifact.summary()["classes"]
    own = _Embedded(support, support.names, artifact.classes, ())
    findings = [
        *_copies(own, None, pixels=False),
        *_suspects(own, classifier),
        *small_classes(shots, not artifact.has_negatives, bool(artifact.backbone.same_person)),
    ]
    return _checkup(len(support.names), len(shots), findings)


def _checkup(images: int, classes: int, findings: Sequence[Finding]) -> Checkup:
    """Put findings in order."""
    ordered = sorted(findings, key=lambda finding: KINDS.index(finding.kind))
    return Checkup(images, classes, tuple(ordered))


def _gather(
    data: SupportData, labels: Labels | None, negatives: Negatives | None
) -> tuple[SupportSet, dict[str, int]]:
    """List the images and count those of each class, of which a folder may have none."""
    if isinstance(data, (str, os.PathLike)) and labels is None:
        groups = list_folder(data)
        support = gather({label: files for label, files in groups.items() if files})
    else:
        support = gather(data, labels)
        groups = {}
    if not support.images:
        raise SupportError(f"{describe(data)}: no images found; expected a folder for each class")
    shots = {label: support.labels.count(label) for label in sorted({*groups, *support.classes})}
    return support if negatives is None else with_negatives(support, negatives), shots


def _embed(
    support: SupportSet,
    classes: tuple[str, ...],
    embedder: Embedder,
    known: Artifact | None,
    progress: Progress | None,
    choose: bool = False,
) -> _Embedded:
    """Embed images, and keep where each is that could be."""
    # Names may be those of several images; numbers are not.
    numbered = replace(support, names=tuple(map(str, range(len(support)))))
    embedded = embed_support(numbered, classes, embedder, known, progress, choose=choose)
    record, errors = embedded.record, embedded.skipped
    kept = [int(number) for number in record.names]
    record = replace(record, names=tuple(support.names[i] for i in kept))
    return _Embedded(record, tuple(support.images[i] for i in kept), classes, errors)


def _copies(own: _Embedded, asked: _Embedded | None, pixels: bool) -> Iterator[Finding]:
    """Report pictures that are there more than once, a finding for each."""
    every = (own, asked) if asked else (own,)
    images = [image for part in every for image in part.images]
    every_name = [part.name(row) for part in every for row in range(len(part.images))]
    hashes = [key for part in every for key in part.record.hashes]
    labels = np.concatenate([part.record.labels for part in every])
    copies = exact_copies(hashes)
    if pixels:
        embeddings = np.concatenate([part.record.embeddings for part in every])
        copies = find_copies(images, embeddings, hashes)
    for rows, exact in _groups(copies):
        names = tuple(every_name[row] for row in rows)
        what = "the same file" if exact else "the same picture, stored in another way,"
        if rows[0] < len(own.images) <= rows[-1]:
            found = f"{what} is learned from and measured on"
            yield Finding("leak", names, None, found, "keep it on one side: it flatters accuracy")
        elif len({*labels[rows].tolist()}) > 1:
            found = f"{what} has different labels"
            yield Finding("conflict", names, None, found, "keep the one that is right")
        else:
            yield Finding("copy", names, None, f"{what} {len(rows)} times", "keep one")


def _groups(copies: Sequence[Copy]) -> list[tuple[list[int], bool]]:
    """Put copies of copies together: sorted rows, and whether all of them are exact."""
    groups: list[tuple[set[int], bool]] = []
    for copy in copies:
        rows, exact = {copy.first, copy.second}, copy.exact
        for other in [group for group in groups if group[0] & rows]:
            groups.remove(other)
            rows, exact = rows | other[0], exact and other[1]
        groups.append((rows, exact))
    return sorted((sorted(rows), exact) for rows, exact in groups)


def _suspects(own: _Embedded, classifier: FewShotClassifier | None) -> Iterator[Finding]:
    """Report labels that the other images speak against, and images unlike any other."""
    record, classes, n_classes = own.record, own.classes, len(own.classes)
    embeddings, labels = record.embeddings, record.labels
    same_person = classifier.artifact_.backbone.same_person if classifier else ()
    if same_person:
        decided = fit_decision("auto", embeddings, labels, n_classes, 0.0, same_person=same_person)
        suspects = suspected_faces(decided[1], labels, n_classes)
        outliers = faces_of_nobody(decided[1], labels, n_classes)
    else:
        held_out = _held_out(record, n_classes, classifier)
        if held_out is None:
            return
        suspects = suspected_labels(held_out, labels, embeddings, n_classes)
        outliers = find_outliers(embeddings, labels, n_classes)
    for suspect in suspects:
        name, label = own.name(suspect.row), classes[labels[suspect.row]]
        found = f"labelled {label}, looks like {classes[suspect.label]} ({suspect.probability:.2f})"
        yield Finding("label", (name,), label, found, "look at it, and move it if that is so")
    for row in outliers:
        name, label = own.name(row), classes[labels[row]]
        found = f"unlike the other images of {label}, and like no other class"
        yield Finding("outlier", (name,), label, found, "look at it, and take it out if it is none")


def _held_out(
    record: SupportRecord, n_classes: int, classifier: FewShotClassifier | None
) -> NDArray[np.float32] | None:
    """Score each image by a head fitted without it; None if that cannot be done."""
    if classifier and classifier.held_out_ is not None:
        fitted = classifier.artifact_.support
        if fitted.hashes == record.hashes and (fitted.labels == record.labels).all():
            return classifier.held_out_
    if len(np.unique(record.labels)) < 2:
        return None
    return fit_decision("auto", record.embeddings, record.labels, n_classes, 0.0)[1]
