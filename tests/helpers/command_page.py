"""Make ``docs/commands.md`` from the parsers: ``python -m tests.helpers.command_page``."""

import argparse
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot.cli.app import COMMANDS
from fewshot.cli.parsing import command_parser

if TYPE_CHECKING:
    from fewshot.cli.parsing import Command

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
_HEAD = """\
# Every command and option

<!-- Made from the help texts by `python -m tests.helpers.command_page`; not edited by hand. -->

Every command takes `--json`, to print JSON instead of text, and `--help`, which shows examples.
`fewshot --version` prints the version.
"""


def load(name: str) -> "Command":
    """Import the module of a command."""
    command: Command = import_module(f"fewshot.cli.{name}")
    return command


def visible(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the arguments that its help shows, without those that every command takes."""
    hidden = {"help", "json"}
    actions = [action for action in parser._actions if action.dest not in hidden]
    return [action for action in actions if action.help != argparse.SUPPRESS]


def command_page() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *(_section(name) for name in COMMANDS)])


def _section(name: str) -> str:
    parser = command_parser(load(name))
    actions = visible(parser)
    places = [_usage(action) for action in actions if not action.option_strings]
    optional = ["[OPTION]..."] if len(places) < len(actions) else []
    usage = " ".join([parser.prog, *optional, *places])
    options = [f"| {_name(action)} | {_meaning(action)} |" for action in actions]
    heads = ["| argument | meaning |", "| --- | --- |"] if options else []
    lines = [f"## {parser.prog}", "", _one_line(parser.description), "", f"`{usage}`", ""]
    return "\n".join([*lines, *heads, *options, *([""] if options else [])])


def _usage(action: argparse.Action) -> str:
    text = " ".join([str(action.metavar)] * (action.nargs if type(action.nargs) is int else 1))
    if action.nargs in ("?", "*"):
        text = f"[{text}]"
    return f"{text}..." if action.nargs in ("+", "*") else text


def _name(action: argparse.Action) -> str:
    """Return an option with its value, or the name of a position."""
    if not action.option_strings:
        return f"`{_escaped(str(action.metavar))}`"
    value = f" {_usage(action)}" if action.metavar else ""
    names = [f"`{option}{_escaped(value)}`" for option in action.option_strings]
    return ", ".join(names)


def _meaning(action: argparse.Action) -> str:
    text = _escaped(_one_line(action.help))
    if action.choices:
        text = f"one of {', '.join(f'`{choice}`' for choice in action.choices)}: {text}"
    return text


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(command_page(), encoding="utf-8")
