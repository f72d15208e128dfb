"""Measure fewshot on folders of images; docs/benchmarks.md holds what they say."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import accuracy_table
import check_table
import episodes
import faces_table
import speed_table

from fewshot.errors import FewShotError
from fewshot.heads.linear import HEADS

_REPEAT = "rounds of each comparison, fewer of what takes long (default: 15)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark; return 0, or 2 when nothing could be measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (add_arguments, text) in _COMMANDS.items():
        add_arguments(commands.add_parser(name, help=text))
    given = sys.argv[1:] if argv is None else argv
    arguments = parser.parse_args(given or ["speed"])
    try:
        arguments.run(arguments)
    except (FewShotError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _add_accuracy(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    _add_sets(parser)
    add("--shots", type=_numbers, default=[1, 5, 10, 20], metavar="N,N,...")
    add("--views", type=_numbers, default=[1], metavar="N,N,...", help="of fewshot (default: 1)")
    parser.set_defaults(run=accuracy_table.run)


def _add_episodes(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    _add_sets(parser, draws=False)
    add("--episodes", type=int, default=600, metavar="N", help="to draw (default: 600)")
    add("--way", type=int, default=5, metavar="N", help="classes an episode (default: 5)")
    add("--shot", type=int, default=5, metavar="N", help="images a class (default: 5)")
    add("--head", choices=HEADS, default="auto", help="kind of head (default: auto)")
    parser.set_defaults(run=episodes.run)


def _add_sets(parser: argparse.ArgumentParser, draws: bool = True) -> None:
    """Add what every benchmark on draws from labelled sets takes."""
    add = parser.add_argument
    add("data", nargs="+", type=Path, metavar="DATA", help="folder with a folder per class")
    if draws:
        add("--draws", type=int, default=10, metavar="N", help="of the support set (default: 10)")
    add(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir(), "fewshot-benchmark"),
        metavar="DIR",
        help="where embeddings are kept between runs",
    )
    add("--json", action="store_true", help="print JSON instead of tables")


def _add_check(parser: argparse.ArgumentParser) -> None:
    _add_sets(parser)
    parser.set_defaults(run=check_table.run)


def _add_faces(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("data", type=Path, metavar="TRAIN", help="folder with a folder of images per person")
    add("--test", type=Path, required=True, metavar="TEST", help="other images of the same people")
    add("--shots", type=_numbers, default=[1, 2, 5, 10], metavar="N,N,...")
    add("--draws", type=int, default=20, metavar="N", help="of training images (default: 20)")
    add("--repeat", type=int, default=3, metavar="N", help="rounds of timing (default: 3)")
    add("--json", action="store_true", help="print JSON instead of tables")
    parser.set_defaults(run=faces_table.run)


def _add_precision(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    _add_sets(parser)
    add("--repeat", type=int, default=60, metavar="N", help="rounds of timing (default: 60)")
    parser.set_defaults(run=_precisions)


def _precisions(arguments: argparse.Namespace) -> None:
    """Import what needs the package onnx only when it is asked for."""
    import precision_table

    precision_table.run(arguments)


def _add_speed(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--data",
        nargs="+",
        type=Path,
        default=[],
        metavar="DIR",
        help="folder with a folder per class, or folder of such; default: digits and drawn images",
    )
    add("--large", type=Path, metavar="DIR", help="large photographs (default: drawn)")
    add("--repeat", type=int, default=15, metavar="N", help=_REPEAT)
    add(
        "--only",
        type=_groups,
        metavar="NAME,...",
        help=f"some of {', '.join(speed_table.GROUPS)}",
    )
    add("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=speed_table.run)


def _groups(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(speed_table.GROUPS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return names


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


_COMMANDS = {
    "accuracy": (_add_accuracy, "accuracy, calibration and rejection, beside published methods"),
    "episodes": (_add_episodes, "accuracy on random small tasks, the episodes of few-shot papers"),
    "speed": (_add_speed, "speed and memory, beside their targets; the default"),
    "precision": (_add_precision, "size, accuracy and speed of exported precisions"),
    "check": (_add_check, "how many mistakes in labelled images are found, and false alarms"),
    "faces": (_add_faces, "recognising people, beside other networks and face_recognition"),
}

if __name__ == "__main__":
    sys.exit(main())
