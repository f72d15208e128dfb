"""Learn classes from a folder of images."""

from __future__ import annotations

import argparse
from contextlib import suppress

from fewshot.cli.options import NO_FACE, add_fitting, add_models
from fewshot.cli.output import printable, progress_bar, say_result, warn_skipped, warn_unused
from fewshot.cli.wording import (
    accuracy_text,
    classes_text,
    findings_text,
    models_option,
    quoted,
)
from fewshot.errors import ArtifactError, MissingFileError, UsageError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from fewshot.classifier.few_shot import FewShotClassifier

# Images without a face that are named.
_NAMED = 5
EPILOG = """examples:
  fewshot fit data/                 data/rose/*.jpg, data/tulip/*.jpg, ...
  fewshot fit data/ -o garden/      then: fewshot classify --models garden/ new.jpg
  fewshot fit people/ --crop face   people/anna/*.jpg, people/ben/*.jpg, ...: recognise faces

Run again, it embeds only new and changed images."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add_fitting(parser)
    add = parser.add_argument
    add("-o", "--output", metavar="DIR", help="folder to write to (default: as --models)")
    add(
        "--keep-taught",
        action="store_true",
        help="keep the images and labels that were added, changed or removed since the last fit",
    )
    add_models(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fit and save a classifier."""
    from fewshot._files import require_writable
    from fewshot.artifact import artifact_path, read_artifact
    from fewshot.backbones.find import models_folder
    from fewshot.data_checks.run import check
    from fewshot.evaluation.held_out import count_by_class
    from fewshot.training.change import count_lost
    from fewshot.training.embed import count_faces

    output = models_folder(arguments.output or arguments.models)
    require_writable(artifact_path(output).parent)
    earlier = None
    with suppress(ArtifactError, MissingFileError):  # none there, or to be seen when it is replaced
        earlier = read_artifact(output)
    classifier = fit_classifier(arguments, reuse=output, keep_taught=arguments.keep_taught)
    file = classifier.save(output)
    artifact, skipped = classifier.artifact_, classifier.skipped_
    lost = count_lost(earlier, artifact) if earlier else None
    found = check(classifier=classifier, pixels=False).to_dict()["counts"]
    summary = artifact.summary()
    embedded = classifier.embedded_
    if embedded and (faces := count_faces(artifact.preprocessing, embedded)):
        summary["faces"] = faces
    errors = [str(error) for error in skipped]
    unused = warn_unused(classifier.passed_over_, artifact.classes)
    record = {"file": str(file), "skipped": errors, **unused, "check": found, **summary}
    record["replaces"] = lost
    support = artifact.support
    record["near_duplicates"] = len(support.groups) - len(set(support.groups.tolist()))
    if classifier.held_out_ is not None:
        record["held_out"] = count_by_class(classifier.held_out_, support.labels, artifact.classes)
    say_result(arguments, record, _text(record, file, arguments))
    return 1 if skipped or any(each.unreadable for each in classifier.passed_over_) else 0


def fit_classifier(
    arguments: argparse.Namespace, reuse: Path | None, keep_taught: bool = False
) -> FewShotClassifier:
    """Fit with the options given, and name the images that were skipped."""
    from fewshot.classifier.few_shot import FewShotClassifier

    if arguments.crop != "face" and arguments.no_face != NO_FACE[0]:
        raise UsageError("--no-face is about images without a face; add --crop face")
    classifier = FewShotClassifier(
        arguments.head,
        arguments.backbone,
        models=arguments.models,
        views=arguments.views,
        image_size=arguments.image_size,
        crop=arguments.crop,
        no_face=arguments.no_face,
        reject_rate=arguments.reject_rate,
        threads=arguments.threads,
    )
    classifier.fit(
        arguments.data,
        negatives=arguments.negatives,
        reuse=reuse,
        keep_taught=keep_taught,
        progress=progress_bar("embedding"),
    )
    warn_skipped(classifier.skipped_)
    return classifier


def _text(record: Mapping[str, Any], file: Path, arguments: argparse.Namespace) -> str:
    """Say what was learned, how well, what may be wrong with the images, and what to type next."""
    shots = record["classes"]
    return (
        f"{classes_text(shots, 8)}\n"
        f"{sum(shots.values())} images used, {len(record['skipped'])} skipped\n"
        f"{_faces_text(record)}"
        f"{_duplicates_text(record['near_duplicates'])}"
        f"held-out accuracy: {accuracy_text(record['measured'])}\n"
        f"{_weakest_text(record.get('held_out', {}))}"
        f"{_check_text(record['check'], file, arguments)}"
        f"wrote {printable(file)}\n"
        f"{_lost_text(record['replaces'], file, arguments)}"
        f"next: fewshot classify{models_option(file)} IMAGE"
    )


def _lost_text(lost: Mapping[str, int] | None, file: Path, arguments: argparse.Namespace) -> str:
    """Say what of the classifier that was there is lost, and how to go back."""
    if not lost:
        return ""
    data = printable(arguments.data)
    parts = {
        "missing": f"{lost['missing']} of them not in {data}",
        "relabelled": f"{lost['relabelled']} with another label there",
        "removed": f"{lost['removed']} that had been removed are back",
    }
    told = ", ".join(text for key, text in parts.items() if lost[key])
    if not told:
        return ""
    keep = "" if arguments.keep_taught else "; to keep what it was taught: --keep-taught"
    return (
        f"replaced a classifier with {lost['images']} images, {told}; to go back: fewshot undo"
        f"{models_option(file)}{keep}\n"
    )


def _duplicates_text(number: int) -> str:
    """Say that near duplicates were not measured on while their like was fitted on."""
    if not number:
        return ""
    images = "image is a near duplicate" if number == 1 else "images are near duplicates"
    return f"{number} {images} of another, and held out together with it\n"


def _weakest_text(held_out: Mapping[str, tuple[int, int]]) -> str:
    """Name the class that is recognised least, which a headline over all images hides."""
    rates = {label: n / total for label, (n, total) in held_out.items() if total}
    if len(rates) < 2 or min(rates.values()) == 1:
        return ""
    label = min(rates, key=lambda each: rates[each])
    n, total = held_out[label]
    return f"lowest: {printable(label)}, {n} of {total}\n"


def _check_text(found: Mapping[str, int], file: Path, arguments: argparse.Namespace) -> str:
    if not found:
        return ""
    negatives = ["--negatives", arguments.negatives] if arguments.negatives else []
    command = f"fewshot check {quoted(arguments.data, *negatives)}{models_option(file)}"
    return f"check: {findings_text(found)}; see: {command}\n"


def _faces_text(record: Mapping[str, Any]) -> str:
    """Say in which images no face was found, and in how many another than the largest was used."""
    if "faces" not in record:
        return ""
    faces = record["faces"]
    lines = [f"a face found in each of {faces['images']} images"]
    if faces["without"]:
        fate = "used whole" if record["preprocessing"]["no_face"] == "whole" else "skipped"
        names = [printable(name) for name in faces["names"][:_NAMED]]
        more = [f"{n} more"] if (n := faces["without"] - _NAMED) > 0 else []
        lines = [
            f"no face found in {faces['without']} of {faces['images']} images, {fate}: "
            f"{', '.join(names + more)}"
        ]
    if faces["other"]:
        noun = "1 image" if faces["other"] == 1 else f"{faces['other']} images"
        lines.append(
            f"in {noun} with several faces, another than the largest was used: it is more like "
            "the other images of its class"
        )
    return "".join(f"{line}\n" for line in lines)
