"""Add training images of known or new classes."""

from __future__ import annotations

import argparse
import os

from fewshot.cli.changes import load_writable, require_spelling, save_change
from fewshot.cli.images import require_images
from fewshot.cli.options import add_models
from fewshot.cli.output import progress_bar
from fewshot.errors import UsageError

EPILOG = """examples:
  fewshot add more/                    more/rose/*.jpg, ...: known classes or new ones
  fewshot add --label rose new1.jpg new2.jpg
  fewshot add --negatives other.jpg    shows none of the classes

Only new images are embedded; 'fewshot undo' goes back."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "data", metavar="DATA|IMAGE", nargs="+", help="folder of classes, or images"
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--label", metavar="NAME", help="the class of the images")
    kind.add_argument(
        "--negatives", action="store_true", help="the images are of none of the classes"
    )
    add_models(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fit again with more images."""
    from fewshot.training.support_set import list_folder

    classifier = load_writable(arguments)
    progress = progress_bar("embedding")
    if arguments.label is not None or arguments.negatives:
        require_spelling(classifier.class_names_, [arguments.label])
        images = require_images(arguments.data)
        changed = classifier.partial_fit(images, [arguments.label] * len(images), progress=progress)
    elif len(arguments.data) > 1 or os.path.isfile(arguments.data[0]):
        raise UsageError(
            f"{', '.join(arguments.data[:3])}: no --label; expected one folder with one folder per "
            "class, or --label NAME and images"
        )
    else:
        require_spelling(classifier.class_names_, list_folder(arguments.data[0]))
        changed = classifier.partial_fit(arguments.data[0], progress=progress)
    return save_change(arguments, classifier, changed)
