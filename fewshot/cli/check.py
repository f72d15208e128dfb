"""Find what is wrong with labelled images."""

from __future__ import annotations

import argparse
from contextlib import nullcontext, suppress

from fewshot.cli.options import add_data, add_models, add_negatives
from fewshot.cli.output import printable, progress_bar, say_result
from fewshot.cli.wording import findings_text
from fewshot.errors import FewShotError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

EPILOG = """examples:
  fewshot check data/
  fewshot check data/ --test other/     find images that are in both training and test data

It finds unreadable and misnamed files, copies and near duplicates, label errors, images unlike
their class, and classes of few images. Nothing is changed or moved.

exit status: 0 nothing found, 1 something needs attention, 2 nothing could be done"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add_data(parser)
    parser.add_argument("--test", metavar="DIR", help="folder of classes to measure on")
    add_negatives(parser)
    add_models(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check a folder of classes."""
    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.data_checks.run import check

    classifier = None
    with nullcontext() if arguments.models else suppress(FewShotError):
        # If it was fitted on the images, they need not be embedded again.
        classifier = FewShotClassifier.load(arguments.models)
    record = check(
        arguments.data,
        negatives=arguments.negatives,
        test=arguments.test,
        classifier=classifier,
        progress=progress_bar("embedding"),
    ).to_dict()
    say_result(arguments, record, _text(record))
    return 1 if record["findings"] else 0


def _text(record: Mapping[str, Any]) -> str:
    """List what was found, a line each: what it is about, what was found, what to do."""
    lines = []
    for finding in record["findings"]:
        about = ", ".join(finding["images"]) or f"class {finding['label']}"
        lines.append(f"{printable(about)}: {printable(finding['found'])}; {finding['advice']}")
    noun = "class" if record["classes"] == 1 else "classes"
    images = f"{record['images']} images of {record['classes']} {noun}"
    return "\n".join([*lines, f"{images}: {findings_text(record['counts'])}"])
