"""Move training images to another class."""

from __future__ import annotations

import argparse

from fewshot.cli.changes import load_writable, require_spelling, save_change
from fewshot.cli.options import add_models

EPILOG = """examples:
  fewshot relabel data/rose/3.jpg tulip

An image is found as by 'fewshot remove'; 'fewshot undo' goes back."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("images", metavar="FILE", nargs="+", help="training images")
    parser.add_argument("label", metavar="NAME", help="their class; it may be new")
    add_models(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fit again with other labels."""
    classifier = load_writable(arguments)
    require_spelling(classifier.class_names_, [arguments.label])
    changed = classifier.relabel(arguments.images, arguments.label)
    return save_change(arguments, classifier, changed)
