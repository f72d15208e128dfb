"""Remove a class or single training images."""

from __future__ import annotations

import argparse

from fewshot.cli.changes import load_writable, save_change
from fewshot.cli.options import add_models

EPILOG = """examples:
  fewshot remove --label rose
  fewshot remove --image data/rose/3.jpg
  fewshot remove --negatives

An image is found by its content, or if the file is gone by the name that 'fewshot info --images'
lists; 'fewshot undo' goes back."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--label", metavar="NAME", help="a class")
    what.add_argument("--image", metavar="FILE", nargs="+", action="extend", help="training images")
    what.add_argument("--negatives", action="store_true", help="all images of none of the classes")
    add_models(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fit again without some images."""
    classifier = load_writable(arguments)
    changed = classifier.remove(
        label=arguments.label, images=arguments.image or (), negatives=arguments.negatives
    )
    return save_change(arguments, classifier, changed)
