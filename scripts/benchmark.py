"""Measure fewshot on folders of images; every number in the README comes from here.

Each command is a module of its own; the methods compared with are in `peers`.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import accuracy_table

from fewshot.errors import FewShotError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0, or 2 when nothing could be measured.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    accuracy = commands.add_parser(
        "accuracy", help="accuracy, calibration and rejection, beside published methods"
    )
    add = accuracy.add_argument
    add("data", nargs="+", type=Path, metavar="DATA", help="folder with a folder per class")
    add("--shots", type=_numbers, default=[1, 5, 10, 20], metavar="N,N,...")
    add("--views", type=_numbers, default=[1], metavar="N,N,...", help="of fewshot (default: 1)")
    add("--draws", type=int, default=10, metavar="N", help="of the support set (default: 10)")
    add(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir(), "fewshot-benchmark"),
        metavar="DIR",
        help="where embeddings are kept between runs",
    )
    add("--json", action="store_true", help="print JSON instead of tables")
    accuracy.set_defaults(run=accuracy_table.run)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except FewShotError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _numbers(text: str) -> list[int]:
    """Parse numbers with commas between."""
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
