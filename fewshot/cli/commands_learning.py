"""Make a classifier, teach it, and go back: the commands that write ``classifier.pkl``."""

from __future__ import annotations

import os

from fewshot.cli.output import as_json, change_text, fit_text, progress_bar, report_skipped
from fewshot.errors import UsageError

TYPE_CHECKING = False  # as `typing` has it, but for the time it takes to import
if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from fewshot.artifact import Artifact
    from fewshot.classifier.few_shot import FewShotClassifier


def fit(arguments: argparse.Namespace) -> int:
    """Fit and save a classifier; say what came of it."""
    from fewshot._files import require_writable
    from fewshot.artifact import artifact_path
    from fewshot.backbones.find import models_folder
    from fewshot.data_checks.run import check
    from fewshot.faces.crop import count_faces

    output = models_folder(arguments.output or arguments.models)
    require_writable(artifact_path(output).parent)
    classifier = fitted(arguments, reuse=output)
    file = classifier.save(output)
    summary = classifier.artifact_.summary()
    found = check(
        arguments.data, negatives=arguments.negatives, classifier=classifier, pixels=False
    ).summary()["counts"]
    artifact = classifier.artifact_
    faces = count_faces(artifact.preprocessing, artifact.support, classifier.skipped_)
    if faces is not None:
        summary["faces"] = faces
    if arguments.json:
        skipped = [str(error) for error in classifier.skipped_]
        print(as_json({"file": str(file), "skipped": skipped, "check": found, **summary}))
    else:
        negatives = ["--negatives", arguments.negatives] if arguments.negatives else []
        check_arguments = [arguments.data, *negatives]
        print(fit_text(summary, found, len(classifier.skipped_), file, check_arguments))
    return 1 if classifier.skipped_ else 0


def fitted(arguments: argparse.Namespace, reuse: Path | None) -> FewShotClassifier:
    """Fit as the arguments say, and report what was skipped."""
    from fewshot.classifier.few_shot import FewShotClassifier

    if arguments.crop != "face" and (arguments.no_face != "whole" or arguments.detector):
        raise UsageError("--no-face and --detector say how faces are found; add --crop face")
    classifier = FewShotClassifier(
        arguments.head,
        arguments.backbone,
        models=arguments.models,
        views=arguments.views,
        image_size=arguments.image_size,
        crop=arguments.crop,
        no_face=arguments.no_face,
        detector=arguments.detector,
        reject_rate=arguments.reject_rate,
        threads=arguments.threads,
    )
    classifier.fit(
        arguments.data,
        negatives=arguments.negatives,
        reuse=reuse,
        progress=progress_bar("embedding"),
    )
    report_skipped(classifier.skipped_)
    return classifier


def add(arguments: argparse.Namespace) -> int:
    """Add images of classes it knows or of new ones."""
    from fewshot.images.files import expand

    classifier = _load(arguments)
    progress = progress_bar("embedding")
    if arguments.label is not None or arguments.negatives:
        images = expand(arguments.data)
        taught = classifier.partial_fit(images, [arguments.label] * len(images), progress=progress)
    elif len(arguments.data) > 1 or os.path.isfile(arguments.data[0]):
        raise UsageError(
            f"{', '.join(arguments.data[:3])}: no --label; expected one folder with one folder per "
            "class, or --label NAME and images"
        )
    else:
        taught = classifier.partial_fit(arguments.data[0], progress=progress)
    return save_taught(arguments, classifier, taught)


def remove(arguments: argparse.Namespace) -> int:
    """Forget a class, or single images."""
    classifier = _load(arguments)
    taught = classifier.remove(
        label=arguments.label, images=arguments.image or (), negatives=arguments.negatives
    )
    return save_taught(arguments, classifier, taught)


def relabel(arguments: argparse.Namespace) -> int:
    """Put images into another class."""
    classifier = _load(arguments)
    taught = classifier.relabel(arguments.images, arguments.label)
    return save_taught(arguments, classifier, taught)


def rename(arguments: argparse.Namespace) -> int:
    """Give a class another name."""
    classifier = _load(arguments)
    taught = classifier.rename(arguments.old, arguments.new)
    return save_taught(arguments, classifier, taught)


def undo(arguments: argparse.Namespace) -> int:
    """Go back to the classifier before the last change."""
    from fewshot._files import require_writable
    from fewshot.artifact import artifact_path, restore_previous
    from fewshot.backbones.find import models_folder

    file = artifact_path(models_folder(arguments.models))
    require_writable(file.parent)
    before, after = restore_previous(file)
    _say_change(arguments, before, after, file)
    return 0


def save_taught(
    arguments: argparse.Namespace, classifier: FewShotClassifier, taught: FewShotClassifier
) -> int:
    """Save what a classifier became, and say what changed."""
    from fewshot._files import require_writable
    from fewshot.artifact import artifact_path, read_artifact
    from fewshot.backbones.find import models_folder

    report_skipped(taught.skipped_)
    file = artifact_path(models_folder(arguments.models))
    if taught.artifact_ is not classifier.artifact_:
        before, now = classifier.artifact_, read_artifact(file)
        if (now.created, now.list_images()) != (before.created, before.list_images()):
            raise UsageError(f"{file}: changed by another command meanwhile; run this one again")
        require_writable(file.parent)
        taught.save(file)
    _say_change(arguments, classifier.artifact_, taught.artifact_, file)
    return 1 if taught.skipped_ else 0


def _load(arguments: argparse.Namespace) -> FewShotClassifier:
    """Open the classifier, and make sure that it can be written before work is done for it."""
    from fewshot._files import require_writable
    from fewshot.artifact import artifact_path
    from fewshot.backbones.find import models_folder
    from fewshot.classifier.few_shot import FewShotClassifier

    place = models_folder(arguments.models)
    classifier = FewShotClassifier.load(place)
    require_writable(artifact_path(place).parent)
    return classifier


def _say_change(
    arguments: argparse.Namespace, before: Artifact, after: Artifact, file: Path
) -> None:
    """Say what a lesson changed."""
    from fewshot.training.update import compare

    change = compare(before, after)
    if arguments.json:
        print(as_json({"file": str(file), **change}))
    else:
        print(change_text(change, file))
