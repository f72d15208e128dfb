"""List what there is to choose from."""

from __future__ import annotations

from fewshot.cli.output import as_json, backbones_text

TYPE_CHECKING = False  # as `typing` has it, but for the time it takes to import
if TYPE_CHECKING:
    import argparse


def backbones(arguments: argparse.Namespace) -> int:
    """List the backbones that can be named; those that cannot be used, with the reason."""
    from dataclasses import asdict

    from fewshot.backbones.find import name_folders
    from fewshot.backbones.listing import list_backbones

    found = [asdict(backbone) for backbone in list_backbones(arguments.models)]
    folders = [str(folder) for folder in name_folders(arguments.models)]
    if arguments.json:
        print(as_json({"folders": folders, "backbones": found}))
    else:
        print(backbones_text(found, folders))
    return 0
