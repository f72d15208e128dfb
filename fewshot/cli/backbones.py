"""List the backbones that can be named."""

from __future__ import annotations

import argparse

from fewshot.cli.output import printable, say_result, table

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

EPILOG = """examples:
  fewshot backbones
  fewshot fit data/ --backbone NAME

A name is looked up in --models, $FEWSHOT_MODELS, ./models and the installed package. Any ONNX image
model works, as --backbone FILE.onnx: fewshot tells you which settings it still needs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("--models", metavar="DIR", help="folder to look in first")


def run(arguments: argparse.Namespace) -> int:
    """List backbones; those that cannot be used, with the reason."""
    from dataclasses import asdict

    from fewshot.backbones.find import name_folders
    from fewshot.backbones.listing import list_backbones

    record = {
        "folders": [str(folder) for folder in name_folders(arguments.models)],
        "backbones": [asdict(backbone) for backbone in list_backbones(arguments.models)],
    }
    say_result(arguments, record, _text(record))
    return 0


def _text(record: Mapping[str, Any]) -> str:
    """Return a table of the backbones that can be used, their sources, and the other files."""
    found = record["backbones"]
    usable = [backbone for backbone in found if not backbone["error"]]
    heads = ["name", "MB", "dim", "image size", "licence", "file"]
    lines = [*table(heads, [_row(each) for each in usable], numbers=False), ""] if usable else []
    lines += [f"{printable(each['name'])}: {printable(each['source'])}" for each in usable]
    lines += [f"not usable: {printable(each['error'])}" for each in found if each["error"]]
    return "\n".join(lines or [f"no backbone in {printable(', '.join(record['folders']))}"])


def _row(backbone: Mapping[str, Any]) -> list[str]:
    return [
        printable(backbone["name"]),
        f"{backbone['bytes'] / 1e6:.1f}",
        str(backbone["dim"]),
        f"{backbone['image_size']}{'' if backbone['any_size'] else ' only'}",
        printable(backbone["licence"]),
        printable(backbone["file"]),
    ]
