"""Measure accuracy on held-out images."""

from __future__ import annotations

import argparse
from contextlib import suppress

from fewshot.cli.fit import fit_classifier
from fewshot.cli.options import add_fitting, add_models, counts
from fewshot.cli.output import printable, progress_bar, say_result, table, warn_skipped
from fewshot.cli.report import require_report, write
from fewshot.errors import FewShotError, UsageError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fewshot.classifier.few_shot import FewShotClassifier

EPILOG = """examples:
  fewshot evaluate data/                         cross-validation
  fewshot evaluate data/ --test other/           fit on data/, measure on other/
  fewshot evaluate --models models/ --test other/   measure the classifier that is there
  fewshot evaluate data/ --shots 1,2,5,10        would more images help?
  fewshot evaluate data/ --report report.html    with an HTML report

With DATA a classifier is fitted and thrown away; models/ stays as it is. Test images that were
fitted on are not counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add_fitting(parser, optional=True)
    add = parser.add_argument
    add("--test", metavar="DIR", help="folder of classes to measure on, instead of holding out")
    add("--shots", metavar="N,N,...", type=counts, help="accuracy against images per class")
    add("--report", metavar="FILE", help="write an HTML report")
    add_models(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure a classifier; write nothing but a report if one is wanted."""
    if arguments.report:
        require_report(arguments.report)
    classifier = _fit_or_load(arguments)
    evaluation = classifier.evaluate(arguments.test, progress=progress_bar("measuring"))
    warn_skipped(evaluation.skipped)
    record = evaluation.to_dict()
    if arguments.report:
        images = arguments.data, arguments.negatives, arguments.test
        write(arguments.report, classifier, evaluation, *images)
    if arguments.shots:
        from fewshot.evaluation.learning_curve import learning_curve

        record |= learning_curve(classifier.artifact_, arguments.shots)
    say_result(arguments, record, _text(record))
    return 1 if classifier.skipped_ or evaluation.skipped else 0


def _fit_or_load(arguments: argparse.Namespace) -> FewShotClassifier:
    """Fit on DATA, or open the classifier that is there."""
    from fewshot.artifact import read_artifact
    from fewshot.backbones.find import models_folder
    from fewshot.classifier.few_shot import FewShotClassifier

    if arguments.data is None:
        _require_no_fitting(arguments)
        return FewShotClassifier.load(arguments.models, threads=arguments.threads)
    models, reuse = models_folder(arguments.models), None
    with suppress(FewShotError):  # one that cannot be read only has no embeddings to take over
        read_artifact(models)
        reuse = models
    return fit_classifier(arguments, reuse)


def _require_no_fitting(arguments: argparse.Namespace) -> None:
    """Refuse options that say how DATA is fitted, where there is none."""
    parser = argparse.ArgumentParser()
    add_fitting(parser, optional=True)
    for name, default in vars(parser.parse_args([])).items():
        if name != "threads" and getattr(arguments, name) != default:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{option} says how a classifier is fitted, and without DATA the one that is there "
                "is measured; give DATA, too"
            )


def _text(record: Mapping[str, Any]) -> str:
    """Word an evaluation: the accuracy, then the details."""
    lines = [*_figures(record), "", *_classes(record), "", *_confusion(record)]
    if record["mistakes"]:
        lines += ["", "mistakes, the most confident first", *_mistakes(record)]
    if "curve" in record:
        lines += ["", "images per class and accuracy"]
        lines += [f"{point['shots']:>6}  {point['accuracy']:.3f}" for point in record["curve"]]
    return "\n".join(lines)


def _figures(record: Mapping[str, Any]) -> list[str]:
    """List accuracy, calibration and rejection."""
    from fewshot.evaluation.unseen import fitted_on_text

    low, high = record["accuracy_low"], record["accuracy_high"]
    interval = f"95 % interval {low:.3f} to {high:.3f}; {record['correct']} of {record['images']}"
    total = record["fitted_on"] + record["images"] + record["ood_images"]
    lines = [
        *([fitted_on_text(record["fitted_on"], total)] if record["fitted_on"] else []),
        printable(record["protocol"]),
        *(
            [f"accuracy           none with one class, of {record['images']} images"]
            if len(record["classes"]) == 1
            else [
                f"accuracy           {record['accuracy']:.3f} ({interval})",
                f"balanced accuracy  {record['balanced_accuracy']:.3f}",
                *_weakest(record),
            ]
        ),
        f"calibration error  {record['calibration_error']:.3f}",
        f"log loss           {record['log_loss']:.3f}",
        f"false rejections   {record['false_rejection_rate']:.3f} of images of the classes "
        f"(target: {record['reject_rate']:g})",
    ]
    if record["ood_images"]:
        rate, n = record["ood_rejection_rate"], record["ood_images"]
        lines.append(f"unknown classes    {rate:.3f} of {n} images of other classes called unknown")
    return lines


def _weakest(record: Mapping[str, Any]) -> list[str]:
    """Name the class that is recognised least, unless all are always."""
    if record["weakest"] is None:
        return []
    recall = record["classes"][record["weakest"]]["recall"]
    return [f"lowest recall      {recall:.3f} ({printable(record['weakest'])})"]


def _classes(record: Mapping[str, Any]) -> list[str]:
    """Return a table of classes."""
    rows = [
        [printable(label), str(row["images"]), f"{row['precision']:.2f}", f"{row['recall']:.2f}"]
        for label, row in record["classes"].items()
    ]
    return table(["class", "images", "precision", "recall"], rows)


def _confusion(record: Mapping[str, Any]) -> list[str]:
    """Return the confusion matrix, with a dot for each 0."""
    digits = len(str(max(map(max, record["confusion"]))))
    return [
        "confusion matrix (rows: true class, columns: predicted class, in the order above)",
        *(" ".join(f"{n or '.':>{digits}}" for n in row) for row in record["confusion"]),
    ]


def _mistakes(record: Mapping[str, Any]) -> list[str]:
    """List wrong predictions."""
    lines = []
    for mistake in record["mistakes"]:
        image, truth, label = (printable(mistake[key]) for key in ("image", "truth", "label"))
        unknown = "" if mistake["known"] else " (unknown)"
        lines.append(f"{image}  {truth} predicted as {label} {mistake['probability']:.2f}{unknown}")
    return lines
