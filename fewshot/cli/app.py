"""Dispatch: import the command, parse, run, and turn errors into exit codes."""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module

from fewshot import __version__
from fewshot.cli.output import warn
from fewshot.cli.parsing import Parser, command_parser, parse_words, suggestion
from fewshot.cli.process import INTERRUPTED, standard_streams
from fewshot.errors import FewShotError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import NoReturn

    from fewshot.cli.parsing import Command

# The docstring of each command's module, which is imported only if that is the command to run.
COMMANDS = {
    "capture": "take images of a class from a camera or a video",
    "fit": "learn classes from a folder of images",
    "add": "add training images of known or new classes",
    "remove": "remove a class or single training images",
    "relabel": "move training images to another class",
    "rename": "rename a class",
    "undo": "undo the last change of the classifier",
    "classify": "classify images",
    "compare": "tell whether two images show the same person",
    "explain": "draw where in an image the score of a class comes from",
    "check": "find what is wrong with labelled images",
    "evaluate": "measure accuracy on held-out images",
    "report": "write an HTML report about the classifier",
    "export": "write the classifier as one ONNX file or as a web page",
    "verify": "check that a classifier gives the same predictions here as where it was fitted",
    "benchmark": "measure speed on this machine and recommend settings",
    "info": "show what a classifier file holds",
    "backbones": "list the backbones that can be named",
    "demo": "try fewshot on handwritten digits, offline",
}


def run(argv: Sequence[str]) -> int:
    """Run a command, and return the exit code."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what matters in them is reported by the commands
    with standard_streams():
        try:
            status = _run(argv)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
            _drop_output()
            status = 0
        except KeyboardInterrupt:
            warn("interrupted")
            status = INTERRUPTED
        except (FewShotError, ImportError, OSError) as error:
            status = _fail(error)
    return status


def _run(argv: Sequence[str]) -> int:
    try:
        command, arguments = parse(argv)
    except SystemExit as end:  # help, or what is wrong, is printed
        return int(end.code or 0)
    return command.run(arguments)


def _fail(error: Exception) -> int:
    """Report on one line that nothing could be done."""
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    message = str(error)
    if isinstance(error, ModuleNotFoundError):  # a device may have no more than classifying needs
        from fewshot._optional import advice

        message = advice(error)
    warn(message)
    return 2


def parse(argv: Sequence[str]) -> tuple[Command, Namespace]:
    """Import the command that is named first, and parse what follows.

    Raises
    ------
    SystemExit
        After printing help, the version, or what is wrong.
    """
    if not argv or argv[0] not in COMMANDS:
        _refuse(argv)
    command: Command = import_module(f"fewshot.cli.{argv[0]}")
    return command, parse_words(command_parser(command), argv[1:])


def _refuse(argv: Sequence[str]) -> NoReturn:
    """Answer what names no command: print help or the version, or say what is wrong."""
    listed = "\n".join(f"  {name:<11}{summary}" for name, summary in COMMANDS.items())
    parser = Parser(
        prog="fewshot",
        usage="fewshot [-h] [--version] COMMAND ...",
        description="Few-shot image classification: learn classes from a handful of images each.",
        epilog=f"commands:\n{listed}\n\n"
        "start with: fewshot demo; then: fewshot fit DATA; fewshot classify IMAGE",
    )
    parser.add_argument("--version", action="version", version=f"fewshot {__version__}")
    parser.parse_known_args(argv)  # ends here if it is --help or --version
    if not argv:
        parser.error("the following arguments are required: COMMAND")
    if argv[0].startswith("-"):
        parser.error(f"unrecognized arguments: {argv[0]}; a command comes first")
    if os.path.exists(argv[0]):
        parser.error(f"{argv[0]} is no command; did you mean fewshot classify {argv[0]}?")
    parser.error(f"there is no command {argv[0]!r}{suggestion(argv[0], COMMANDS)}")


def _drop_output() -> None:
    """Keep Python from writing once more, at its end, to where nothing can be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
