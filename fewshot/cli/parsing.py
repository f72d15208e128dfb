"""Parse the words of a command, and help with typing errors."""

from __future__ import annotations

import argparse
import os

from fewshot.cli.output import one_line

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import NoReturn, Protocol

    class Command(Protocol):
        """A module of `fewshot.cli` that is a command; its docstring is the description."""

        EPILOG: str
        __name__: str
        __doc__: str | None

        def add_arguments(self, parser: argparse.ArgumentParser) -> None:
            """Add what follows the name of the command."""

        def run(self, arguments: argparse.Namespace) -> int:
            """Run it, and return the exit code."""


# Arguments that may be something else than the name of a file or a folder.
_NO_FILES = ("label", "old", "new", "asked", "correct", "source")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are safe to print, and which takes no abbreviations."""

    def __init__(self, prog: str, description: str | None, epilog: str, usage: str = "") -> None:
        super().__init__(
            prog=prog,
            usage=usage or None,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Print the usage and a line, and exit."""
        super().error(one_line(message))


def command_parser(command: Command) -> Parser:
    """Build the parser of one command."""
    name = command.__name__.rpartition(".")[2]
    parser = Parser(f"fewshot {name}", command.__doc__, command.EPILOG)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    command.add_arguments(parser)
    return parser


def parse_words(parser: Parser, words: Sequence[str]) -> argparse.Namespace:
    """Parse what follows the name of a command.

    Raises
    ------
    SystemExit
        After printing help, or what is wrong.
    """
    _check_options(parser, words)
    arguments, unknown = parser.parse_known_args(words)
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{_advice(arguments, unknown)}")
    for url in _urls(arguments):
        parser.error(f"{url} is a URL, and fewshot reads files; download it first")
    return arguments


def suggestion(word: str, known: Iterable[str]) -> str:
    """Suggest what may have been meant."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _check_options(parser: Parser, words: Sequence[str]) -> None:
    """Refuse an option that is not known, or whose value is given twice."""
    given = set()
    for word in words:
        if word == "--":
            return
        name = word.partition("=")[0]
        option = parser._option_string_actions.get(name)
        if option is None and name.startswith("--"):
            parser.error(f"unrecognized arguments: {name}{suggestion(name, _shown(parser))}")
        if isinstance(option, argparse._StoreAction):
            if option.dest in given:
                parser.error(f"argument {name}: given more than once; give it once")
            given.add(option.dest)


def _shown(parser: Parser) -> Iterator[str]:
    """Yield the options that the help shows."""
    for name, option in parser._option_string_actions.items():
        if option.help != argparse.SUPPRESS and name.startswith("--"):
            yield name


def _advice(arguments: argparse.Namespace, unknown: Sequence[str]) -> str:
    """Tell apart what is one folder of classes from several folders, one for each class."""
    data = getattr(arguments, "data", None)
    if not isinstance(data, str) or any(word.startswith("-") for word in unknown):
        return ""
    parents = {os.path.dirname(os.path.normpath(word)) or "." for word in (data, *unknown)}
    where = f": {parents.pop()}" if len(parents) == 1 else ", one folder for each class"
    return f"; give the folder that holds them{where}"


def _urls(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the URLs that stand where files are expected."""
    for name, value in vars(arguments).items():
        if name not in _NO_FILES:
            for word in value if isinstance(value, list) else [value]:
                if isinstance(word, str) and _is_url(word):
                    yield word


def _is_url(word: str) -> bool:
    scheme, found, _ = word.partition("://")
    return bool(found) and len(scheme) > 1 and scheme.isalnum() and scheme.isascii()
