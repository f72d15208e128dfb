"""Run a command line: import its command, parse, run, and turn errors into exit codes."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from importlib import import_module

from fewshot import __version__
from fewshot.cli.options import command_parser
from fewshot.cli.output import warn
from fewshot.errors import FewShotError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Sequence

    from fewshot.cli.options import Command

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0 all done; 1 some images could not be read, or a check failed; 2 nothing could be done;
        3 an image is not of the class that ``--is`` names; 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show is escaped
            stream.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what matters in them is reported by the commands
    try:
        command, arguments = parse(sys.argv[1:] if argv is None else argv)
        status = command.run(arguments)
        sys.stdout.flush()
        return status
    except FewShotError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:  # a device may have no more than classifying needs
        return _fail(_missing(error))
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        _drop_output()
        return 0
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130


def parse(argv: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """Import the command that is named first, and parse what follows.

    Raises
    ------
    SystemExit
        After printing help, the version, or what is wrong.
    """
    if not argv or argv[0] not in COMMANDS:
        _refuse(argv)
    command: Command = import_module(f"fewshot.cli.{argv[0]}")
    return command, command_parser(command).parse_args(argv[1:])


def _refuse(argv: Sequence[str]) -> None:
    """Answer what names no command: print help or the version, or say what is wrong."""
    listed = "\n".join(f"  {name:<11}{summary}" for name, summary in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="fewshot",
        usage="fewshot [-h] [--version] COMMAND ...",
        description="Few-shot image classification: learn classes from a handful of images each.",
        epilog=f"commands:\n{listed}\n\n"
        "start with: fewshot demo; then: fewshot fit DATA; fewshot classify IMAGE",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fewshot {__version__}")
    parser.parse_known_args(argv)  # ends here if it is --help or --version
    if not argv:
        parser.error("the following arguments are required: COMMAND")
    if argv[0].startswith("-"):
        parser.error(f"unrecognized arguments: {argv[0]}")
    parser.error(f"argument COMMAND: invalid choice: {argv[0]!r}")


def _missing(error: ModuleNotFoundError) -> str:
    """Say which package to install."""
    module = (error.name or "").partition(".")[0]
    package = {"PIL": "pillow", "sklearn": "scikit-learn"}.get(module, module)
    return f"this command needs {module}, which is not installed: pip install {package}"


def _drop_output() -> None:
    """Keep Python from writing once more, at its end, to where nothing can be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> int:
    """Report on one line that nothing could be done."""
    warn(message)
    return 2
