"""Measure speed and memory beside their targets, and print a table or JSON."""

import argparse
import json
import platform
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from decoding_loss import decoding
from image_sets import ImageSets, find_images
from library_speed import head, throughput, warm
from process_speed import cold_start, memory, refit
from timing import Figure
from tutorial_table import tutorials

from fewshot._parallel import available_processors
from fewshot.classifier.verification import machine

GROUPS = {
    "cold": cold_start,
    "warm": warm,
    "throughput": throughput,
    "decoding": decoding,
    "memory": memory,
    "tutorials": tutorials,
    "head": head,
    "refit": refit,
}
_WIDTH, _INDENT = 98, " " * 6
_LIBRARIES = ("fewshot", "numpy", "onnxruntime", "pillow", "scikit-learn")


def run(arguments: argparse.Namespace) -> None:
    """Measure, and print tables or JSON."""
    groups = {}
    with tempfile.TemporaryDirectory(prefix="fewshot-speed-") as folder:
        images = find_images(arguments.data, arguments.large, Path(folder))
        if not arguments.json:
            print(textwrap.fill(_machine(), _WIDTH))
        for name in arguments.only or GROUPS:
            groups[name] = _measure(name, images, max(1, arguments.repeat))
            if not arguments.json:
                print("\n".join(_table(name, groups[name])), flush=True)
    if arguments.json:
        figures = {name: list(map(_record, group)) for name, group in groups.items()}
        print(json.dumps({"machine": _machine(), "figures": figures}))


def _measure(name: str, images: ImageSets, repeat: int) -> list[Figure]:
    """Take one group of figures, and say so if somebody is watching."""
    watched = sys.stderr.isatty()
    if watched:
        print(f"measuring {name} ...", end="\r", file=sys.stderr, flush=True)
    figures = list(GROUPS[name](images, repeat))
    if watched:
        print(" " * 30, end="\r", file=sys.stderr, flush=True)
    return figures


def _machine() -> str:
    """Describe what the figures were measured on."""
    here = machine()
    versions = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{platform.system()}, {here['processor']}, {available_processors()} processors, "
        f"Python {here['python']}, {versions}"
    )


def _record(figure: Figure) -> dict[str, object]:
    """Make a figure fit for JSON."""
    return {**asdict(figure), "holds": figure.holds}


def _table(name: str, figures: list[Figure]) -> Iterator[str]:
    """Lay out a group: for each figure a row, and below it what it was made from."""
    yield f"\n{name:63}{'value':>10}{'target':>14}  holds"
    for figure in figures:
        value = "" if figure.value is None else f"{figure.value:.{_decimals(figure.value)}f}"
        target = "{} {:g}".format(*figure.target) if figure.target else ""
        holds = {True: "yes", False: "NO", None: ""}[figure.holds]
        yield f"  {figure.name:61}{value:>10} {figure.unit:6}{target:>7}  {holds}".rstrip()
        yield from textwrap.wrap(
            figure.note, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT
        )


def _decimals(value: float) -> int:
    """Show about three digits."""
    return 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2
