"""Undo the last change of the classifier."""

from __future__ import annotations

import argparse

from fewshot.cli.changes import say_change
from fewshot.cli.options import add_models

EPILOG = """Changes are made by fit, add, remove, relabel, rename, classify --correct and undo.
A second undo undoes the first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add_models(parser)


def run(arguments: argparse.Namespace) -> int:
    """Put the previous classifier file back."""
    from fewshot._files import require_writable
    from fewshot.artifact import artifact_path, restore_previous
    from fewshot.backbones.find import models_folder

    file = artifact_path(models_folder(arguments.models))
    require_writable(file.parent)
    before, after = restore_previous(file)
    say_change(arguments, before, after, file)
    return 0
