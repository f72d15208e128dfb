"""Check that a classifier gives the same predictions here as where it was fitted."""

from __future__ import annotations

import argparse

from fewshot.cli.images import require_images
from fewshot.cli.options import add_models
from fewshot.cli.output import say_result, warn_skipped

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

EPILOG = """examples:
  fewshot verify classifier.onnx                  same predictions as where it was fitted?
  fewshot verify models/
  fewshot verify classifier.onnx photos/          same predictions as models/?

Predictions are the same if label and known or unknown are; without images, probabilities may not
differ by more than 0.01 either. A JSON file beside an .onnx file must be of that very file.

exit status: 0 all predictions are the same, 1 some are not, or an image could not be read, 2
nothing could be done"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add = parser.add_argument
    add("classifier", metavar="CLASSIFIER", help="an .onnx file, or a folder")
    add("images", metavar="IMAGE", nargs="*", help="images on which to compare with --models")
    add_models(parser, exported=True)


def run(arguments: argparse.Namespace) -> int:
    """Compare predictions with those that are expected."""
    from fewshot.classifier.load import load_classifier
    from fewshot.classifier.verification import compare, verify
    from fewshot.export.description import require_description

    require_description(arguments.classifier)
    classifier = load_classifier(arguments.classifier)
    if arguments.images:
        images = require_images(arguments.images)
        agreement = compare(load_classifier(arguments.models), classifier, images)
    else:
        agreement = verify(classifier)
    warn_skipped(agreement.skipped)
    record = agreement.to_dict()
    say_result(arguments, record, _text(record))
    return 0 if agreement.holds and not agreement.skipped else 1


def _text(record: Mapping[str, Any]) -> str:
    """Say how alike the predictions are, and on what machine."""
    verdict = "all the same" if record["holds"] else "NOT the same"
    return (
        f"{verdict}: {record['same']} of {record['images']} images get the same prediction\n"
        f"largest difference: {record['probability_difference']:.1e} of a probability, "
        f"{record['embedding_difference']:.1e} of an embedding\n"
        f"onnxruntime {record['onnxruntime']}, Python {record['python']}, {record['processor']}"
    )
