"""Run a command line: parse it, carry out its command, turn errors into exit codes."""

from __future__ import annotations

import os
import sys
import warnings

from fewshot.cli.output import printable
from fewshot.cli.parser import build_parser
from fewshot.errors import FewShotError

TYPE_CHECKING = False  # as `typing` has it, but for the time it takes to import
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

_COMMANDS = {
    "capture": "collecting",
    "fit": "learning",
    "add": "learning",
    "remove": "learning",
    "relabel": "learning",
    "rename": "learning",
    "undo": "learning",
    "classify": "asking",
    "explain": "asking",
    "info": "asking",
    "check": "measuring",
    "evaluate": "measuring",
    "report": "measuring",
    "verify": "measuring",
    "benchmark": "measuring",
    "backbones": "listing",
    "export": "making",
    "demo": "making",
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
        3 what was asked is not so.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show is escaped
            stream.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what matters in them is reported by the commands
    arguments = build_parser().parse_args(argv)
    try:
        status = _command(arguments.command)(arguments)
        sys.stdout.flush()
        return status
    except FewShotError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:  # a device may have no more than classifying needs
        return _fail(f"{error}, which this command needs: pip install fewshot")
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


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """Import a command from the module it is in."""
    from importlib import import_module

    command: Callable[[argparse.Namespace], int] = getattr(
        import_module(f"fewshot.cli.commands_{_COMMANDS[name]}"), name
    )
    return command


def _drop_output() -> None:
    """Keep Python from writing once more, at its end, to where nothing can be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> int:
    """Report on one line that nothing could be done."""
    print(f"fewshot: {printable(' '.join(message.splitlines()))}", file=sys.stderr)
    return 2
