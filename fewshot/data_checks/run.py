"""Check labelled images: what `fit`, `check` and the report say of them comes from here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fewshot._parallel import Progress
from fewshot.data_checks.duplicates import (
    ImageRows,
    find_duplicates,
    group_with_test,
    recognised,
)
from fewshot.data_checks.faces import faces_of_nobody, suspected_faces
from fewshot.data_checks.files import odd_files, small_classes, unreadable, unused
from fewshot.data_checks.finding import KINDS, Checkup, Finding
from fewshot.data_checks.labels import find_outliers, suspected_labels
from fewshot.data_checks.rotation import find_turned
from fewshot.embedder import Embedder
from fewshot.errors import SupportError
from fewshot.heads.decision import fit_decision
from fewshot.images.files import PassedOver
from fewshot.training.class_folders import read_class_folders, require_no_split
from fewshot.training.embed import EmbeddedSet, embed_support
from fewshot.training.support_set import (
    Labels,
    Negatives,
    SupportData,
    SupportSet,
    gather,
    with_negatives,
)

if TYPE_CHECKING:
    from fewshot.classifier.few_shot import FewShotClassifier

Embedding = NDArray[np.float32]


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
    """Find what is wrong with labelled images.

    Parameters
    ----------
    data, labels, negatives
        As for `fewshot.FewShotClassifier.fit`, though there may be few classes. Without any, what
        the classifier was fitted on is checked: the images, as long as it holds what `fit` read,
        otherwise what its file keeps of them.
    test : path, mapping or iterable, optional
        Test images, which should not be among the others.
    classifier : FewShotClassifier, optional
        A fitted one, whose backbone, head and embeddings are used.
    pixels : bool
        Whether images are decoded again, to find turned images.
    progress : callable, optional
        Called with how many images are embedded, and how many there are.

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
        return _check_fitted(classifier, pixels)
    embedder = classifier.embedder_ if classifier else Embedder()
    known = classifier.artifact_ if classifier else None
    support = _gather(data, labels)
    if negatives is not None:
        support = with_negatives(support, negatives)
    classes = support.classes
    own = embed_support(support, classes, embedder, known, progress, choose=True, group=True)
    asked = None
    if test is not None:
        asked = embed_support(gather(test), classes, embedder, known, progress)
    return check_embedded(
        own,
        classes,
        _held_out(own, len(classes), embedder, classifier),
        embedder,
        test=asked,
        passed_over=support.passed_over,
        pixels=pixels,
    )


def check_embedded(
    embedded: EmbeddedSet,
    classes: Sequence[str],
    held_out: Embedding | None,
    embedder: Embedder,
    *,
    test: EmbeddedSet | None = None,
    passed_over: Sequence[PassedOver] = (),
    pixels: bool = True,
) -> Checkup:
    """Find what is wrong with images that are read and embedded.

    Parameters
    ----------
    embedded : EmbeddedSet
        Near duplicates are those that its record groups.
    classes : sequence of str
    held_out : ndarray of float32, shape (n_images, n_classes) or (n_images, n_classes + 1)
        Held-out scores, as `fewshot.heads.decision.fit_decision` returns them; None if none
        could be held out.
    embedder : Embedder
        What they were embedded by.
    test : EmbeddedSet, optional
        Test images; they and the others are decoded again, to be compared.
    passed_over : sequence of PassedOver
        What in the folders was not used.
    pixels : bool
        As for `check`.

    Returns
    -------
    Checkup
    """
    record, n_classes = embedded.record, len(classes)
    parts = [embedded, test] if test else [embedded]
    shots = {name: int((record.labels == number).sum()) for number, name in enumerate(classes)}
    alone, people = bool((record.labels < n_classes).all()), embedder.tells_people_apart_
    findings = [
        *unreadable([error for part in parts for error in part.skipped], passed_over),
        *unused(passed_over),
        *odd_files((_name(p, row), h) for p in parts for row, h in enumerate(p.headers)),
        *small_classes(shots, alone, people),
        *find_duplicates(_rows(parts, held_out)),
        *_label_errors(embedded, classes, held_out, people),
    ]
    if pixels and embedder.preprocessing_.crop != "face":
        findings += _turned(embedded, embedder)
    ordered = sorted(findings, key=lambda finding: KINDS.index(finding.kind))
    return Checkup(len(record.names) + len(embedded.skipped), n_classes, tuple(ordered))


def _check_fitted(classifier: FewShotClassifier | None, pixels: bool) -> Checkup:
    """Check what a classifier was fitted on: the images if it still holds them, or its file."""
    if classifier is None:
        raise SupportError("no images given, nor a classifier that was fitted on any")
    embedded, embedder = classifier.embedded_, classifier.embedder_
    if embedded is None:
        record = classifier.artifact_.support
        unread = (None,) * len(record.names)
        embedded, pixels = EmbeddedSet(record, record.names, unread, (), 0, 0), False
    classes = classifier.artifact_.classes
    return check_embedded(
        embedded,
        classes,
        _held_out(embedded, len(classes), embedder, classifier),
        embedder,
        passed_over=classifier.passed_over_,
        pixels=pixels,
    )


def _gather(data: SupportData, labels: Labels | None) -> SupportSet:
    """List the images, of however few classes."""
    if not isinstance(data, (str, os.PathLike)) or labels is not None:
        return gather(data, labels)
    found = read_class_folders(data).as_one_class
    require_no_split(found)
    if not found.images:
        others = "".join(f"; {each}" for each in found.passed_over)
        expected = "expected a folder for each class"
        raise SupportError(f"{os.fspath(data)}: no images found; {expected}{others}")
    return replace(gather(found.images), passed_over=tuple(found.passed_over))


def _held_out(
    embedded: EmbeddedSet,
    n_classes: int,
    embedder: Embedder,
    classifier: FewShotClassifier | None,
) -> Embedding | None:
    """Score each image by a head fitted without it, as `fit` does; None if that cannot be done."""
    record, kind, same_person = embedded.record, "auto", embedder.backbone_.same_person
    if classifier:
        fitted, kind = classifier.artifact_.support, classifier.artifact_.decision.head.kind
        same = fitted.hashes == record.hashes and np.array_equal(fitted.labels, record.labels)
        if same and classifier.held_out_ is not None:
            return classifier.held_out_
    if len(np.unique(record.labels)) < (1 if same_person else 2):
        return None
    return fit_decision(
        kind,
        record.embeddings,
        record.labels,
        n_classes,
        0.0,
        same_person=same_person,
        groups=record.groups,
        hashes=record.hashes,
    )[1]


def _name(embedded: EmbeddedSet, row: int) -> str:
    """Return the path of an image, or what it is called if it is no file."""
    image = embedded.images[row]
    return os.fspath(image) if isinstance(image, (str, os.PathLike)) else embedded.record.names[row]


def _rows(parts: Sequence[EmbeddedSet], held_out: Embedding | None) -> ImageRows:
    """Line up training and test images."""
    labels = np.concatenate([part.record.labels for part in parts])
    told_apart = np.zeros(len(labels), bool)
    n_training, groups = len(parts[0].images), parts[0].record.groups
    if len(parts) > 1:
        groups = group_with_test(parts[0], parts[1])
    told_apart[:n_training] = recognised(held_out, labels[:n_training])
    headers = [header for part in parts for header in part.headers]
    return ImageRows(
        names=[_name(part, row) for part in parts for row in range(len(part.images))],
        hashes=[key for part in parts for key in part.record.hashes],
        embeddings=np.concatenate([part.record.embeddings for part in parts]),
        labels=labels,
        groups=groups,
        sizes=[header.width * header.height if header else 0 for header in headers],
        told_apart=told_apart,
        n_training=n_training,
    )


def _label_errors(
    embedded: EmbeddedSet, classes: Sequence[str], held_out: Embedding | None, people: bool
) -> Iterator[Finding]:
    """Report labels that may be wrong, and images unlike any other."""
    if held_out is None:
        return
    embeddings, labels = embedded.record.embeddings, embedded.record.labels
    if people:
        suspects = suspected_faces(held_out, labels, len(classes))
        outliers = faces_of_nobody(held_out, labels, len(classes))
    else:
        suspects = suspected_labels(held_out, labels, embeddings, len(classes))
        outliers = find_outliers(embeddings, labels, len(classes))
    for suspect in suspects:
        label, other = classes[labels[suspect.row]], classes[suspect.label]
        found = f"labelled {label}, looks like {other} ({suspect.probability:.2f})"
        name = _name(embedded, suspect.row)
        yield Finding("label", (name,), label, found, "look at it, and move it if that is so")
    for row in outliers:
        label, name = classes[labels[row]], _name(embedded, row)
        found = f"unlike the other images of {label}, and like no other class"
        yield Finding("outlier", (name,), label, found, "look at it, and remove it if it is none")


def _turned(embedded: EmbeddedSet, embedder: Embedder) -> Iterator[Finding]:
    """Report images that do not stand upright."""
    record = embedded.record
    found = find_turned(embedded.images, record.embeddings, record.labels, embedder)
    for row, how in sorted(found.items()):
        header = embedded.headers[row]
        tag = header.orientation if header else 1
        reason = f"; its EXIF orientation is {tag}" if tag != 1 else ""
        advice = "look at it, turn it, and save it without an EXIF orientation"
        name = _name(embedded, row)
        yield Finding("rotation", (name,), None, f"upright if turned by {how}{reason}", advice)
