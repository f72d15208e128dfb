"""Rename a class."""

from __future__ import annotations

import argparse

from fewshot.cli.changes import load_writable, save_change
from fewshot.cli.options import add_models

EPILOG = """examples:
  fewshot rename rose "wild rose"

'fewshot undo' goes back."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("old", metavar="OLD", help="name of the class")
    parser.add_argument("new", metavar="NEW", help="new name, not that of another class")
    add_models(parser)


def run(arguments: argparse.Namespace) -> int:
    """Change the name and nothing else."""
    classifier = load_writable(arguments)
    changed = classifier.rename(arguments.old, arguments.new)
    return save_change(arguments, classifier, changed)
