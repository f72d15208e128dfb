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
  fewshot check data/ --test other/      find images that are in both training and test data
  fewshot check data/ --move-to aside/   move unreadable files and copies out of the way

It finds unreadable, unused and misnamed files, copies and near duplicates, turned images, label
errors, images unlike their class, and classes of few images. Without --move-to nothing is changed.

exit status: 0 nothing found, 1 something needs attention, 2 nothing could be done"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add_data(parser)
    parser.add_argument("--test", metavar="DIR", help="folder of classes to measure on")
    add_negatives(parser)
    parser.add_argument(
        "--move-to",
        metavar="DIR",
        help="move unreadable files, and all but one of each group of copies, to another folder",
    )
    add_models(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check a folder of classes."""
    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.data_checks.move import move_files, require_outside
    from fewshot.data_checks.run import check

    if arguments.move_to:
        require_outside(arguments.data, arguments.move_to)
    classifier = None
    with nullcontext() if arguments.models else suppress(FewShotError):
        # If it was fitted on the images, they need not be embedded again.
        classifier = FewShotClassifier.load(arguments.models)
    found = check(
        arguments.data,
        negatives=arguments.negatives,
        test=arguments.test,
        classifier=classifier,
        progress=progress_bar("embedding"),
    )
    record = found.to_dict()
    if arguments.move_to:
        moved = move_files(found, arguments.data, arguments.move_to)
        record["moved"] = [[str(path) for path in pair] for pair in moved]
    say_result(arguments, record, _text(record, arguments.move_to))
    return 1 if record["findings"] else 0


def _text(record: Mapping[str, Any], target: str | None) -> str:
    """List what was found, a line each: what it is about, what was found, what to do."""
    lines = []
    for finding in record["findings"]:
        about = ", ".join(finding["images"]) or f"class {finding['label']}"
        lines.append(f"{printable(about)}: {printable(finding['found'])}; {finding['advice']}")
    noun = "class" if record["classes"] == 1 else "classes"
    images = f"{record['images']} images of {record['classes']} {noun}"
    lines.append(f"{images}: {findings_text(record['counts'])}")
    if target:
        n = len(record["moved"])
        where = f" to {printable(target)}; see {printable(target)}/moved.csv" if n else ""
        lines.append(f"moved {n} {'file' if n == 1 else 'files'}{where}")
    return "\n".join(lines)
