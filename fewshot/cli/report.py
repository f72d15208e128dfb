"""Write an HTML report about the classifier."""

from __future__ import annotations

import argparse

from fewshot.cli.options import add_models, add_training_data
from fewshot.cli.output import printable, progress_bar, say_result
from fewshot.errors import UsageError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.evaluation.cross_validation import Evaluation

EPILOG = """examples:
  fewshot report                         models/ into report.html
  fewshot report --data data/            with the training images

One file that needs nothing else: accuracy, mistakes, confusion matrix, calibration, a map of the
images and what 'fewshot check' finds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="report.html", help="(default: report.html)"
    )
    add_training_data(parser, "to show them")
    add_models(parser)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate the classifier by cross-validation, and write a report."""
    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.training.support_set import list_folder

    output = arguments.output
    require_report(output)
    if arguments.data:
        list_folder(arguments.data)
    elif arguments.negatives:
        raise UsageError("--negatives goes with --data; give the training images, too")
    classifier = FewShotClassifier.load(arguments.models)
    evaluation = classifier.evaluate(progress=progress_bar("measuring"))
    write(output, classifier, evaluation, arguments.data, arguments.negatives)
    record = {"file": output, **evaluation.to_dict()}
    say_result(arguments, record, f"wrote {printable(output)}; open it in a browser")
    return 0


def require_report(file: str) -> None:
    """Make sure that a report can be written, before work is done for it."""
    from pathlib import Path

    from fewshot.report.page import require_report

    if not file.lower().endswith((".html", ".htm")):
        raise UsageError(f"{file}: an HTML report is written; give a name that ends in .html")
    require_report(Path(file))


def write(
    file: str,
    classifier: FewShotClassifier,
    evaluation: Evaluation,
    data: str | None,
    negatives: str | None = None,
    test: str | None = None,
) -> None:
    """Write a report, with thumbnails of the images that are at hand."""
    from pathlib import Path

    from fewshot.data_checks.run import check
    from fewshot.images.files import image_files
    from fewshot.report.page import write_report
    from fewshot.report.thumbnails import find_images
    from fewshot.training.support_set import gather

    test_images = None
    if test:
        others = gather(test)
        test_images = dict(zip(others.names, others.images, strict=True))
    folders = [Path(folder) for folder in (data, negatives) if folder]
    files = [image for folder in folders for image in image_files(folder)]
    found = check(data, negatives=negatives, test=test, classifier=classifier)
    write_report(
        classifier.artifact_,
        evaluation,
        file,
        findings=found.findings,
        images=find_images(classifier.artifact_.support, files),
        test_images=test_images,
        folder=data,
        progress=progress_bar("drawing"),
    )
