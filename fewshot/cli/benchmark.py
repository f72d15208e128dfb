"""Measure speed on this machine and recommend settings."""

from __future__ import annotations

import argparse

from fewshot.cli.options import add_models, add_training_data, count
from fewshot.cli.output import printable, progress_bar, say_result, table, warn_skipped

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

EPILOG = """examples:
  fewshot benchmark                               how fast is models/ here?
  fewshot benchmark --data data/                  with the accuracy of each precision and size
  fewshot benchmark --models classifier.onnx

Times are from decoded images to predictions. Other precisions are made with the package onnx."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add_training_data(parser, "to measure accuracy")
    parser.add_argument(
        "--seconds", metavar="N", type=count, default=15, help="time for timing (default: 15)"
    )
    add_models(parser, exported=True)


def run(arguments: argparse.Namespace) -> int:
    """Time a classifier and its variants."""
    from fewshot.benchmark.run import benchmark

    result = benchmark(
        arguments.models,
        arguments.data,
        negatives=arguments.negatives,
        seconds=arguments.seconds,
        progress=progress_bar("measuring"),
    )
    warn_skipped(result.skipped)
    record = result.to_dict()
    say_result(arguments, record, _text(record))
    return 1 if result.skipped else 0


def _text(record: Mapping[str, Any]) -> str:
    """Word a benchmark: a table of variants, and what to type."""
    machine, memory = record["machine"], record["peak_memory_mib"]
    classifier, processors = printable(record["classifier"]), machine["processors"]
    lines = [
        f"{classifier} on {machine['processor']}, {processors} processors",
        f"peak memory {'not known' if memory is None else f'{memory:.0f} MiB'}",
        "",
        *_variants(record["rows"]),
        "",
        *record["notes"],
        record["reason"],
        f"recommended: {printable(record['recommendation'])}",
    ]
    return "\n".join(lines)


def _variants(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    threads = ", ".join(map(str, rows[0]["images_per_second"]))
    heads = ["precision", "image size", "MB", "ms/image", f"images/s on {threads} threads"]
    cells = [
        [
            row["precision"],
            str(row["image_size"]),
            f"{row['bytes'] / 1e6:.1f}",
            f"{row['latency_ms']:.1f}",
            ", ".join(f"{rate:.0f}" for rate in row["images_per_second"].values()),
            "not known" if row["accuracy"] is None else f"{row['accuracy']:.3f}",
        ]
        for row in rows
    ]
    return table([*heads, "accuracy"], cells)
