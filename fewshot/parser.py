"""Describe the command line: commands, their arguments and their help.

It imports nothing of the package but its version, so that help is instant; carrying commands out
is left to `fewshot.cli`.
"""

from __future__ import annotations

import argparse

from fewshot import __version__

_FIT = """examples:
  fewshot fit data/                 data/rose/*.jpg, data/tulip/*.jpg, ...
  fewshot fit data/ -o garden/      then: fewshot classify --models garden/ new.jpg

Running it again embeds only images that are new or changed."""
_CLASSIFY = """examples:
  fewshot classify new.jpg
  fewshot classify photos/ 'more/*.png' --top 3
  fewshot classify photos/ --json | jq -r 'select(.known) | [.image, .label] | @tsv'

exit status: 0 all answered, 1 some images could not be read, 2 nothing could be done"""
_EXPORT = """examples:
  fewshot export                                  models/ into classifier.onnx
  fewshot export --precision int16                half the size, nearly the same numbers
  fewshot export --precision int8 --data data/    a third of it, calibrated on these photographs
  fewshot export --html page/                     a page that classifies in the browser

Reading the file takes onnxruntime alone, in any language; writing it takes the package onnx:
pip install 'fewshot[onnx]'"""
_VERIFY = """examples:
  fewshot verify classifier.onnx                  does it answer here as where it was fitted?
  fewshot verify models/
  fewshot verify classifier.onnx photos/          does it answer as models/ does?

An answer is a label, and whether it is known; without images, probabilities may not move by more
than 0.01 either.

exit status: 0 every answer is the same, 1 some are not, or an image could not be read, 2 nothing
could be done"""
_BENCHMARK = """examples:
  fewshot benchmark                               how fast is models/ here?
  fewshot benchmark --data data/                  and how accurate in each precision and size?
  fewshot benchmark --models classifier.onnx

Times are from decoded pictures to answers. Other precisions take the package onnx:
pip install 'fewshot[onnx]'"""
_EVALUATE = """examples:
  fewshot evaluate data/                         images left out in turn
  fewshot evaluate data/ --test other/           fit on data/, measure on other/
  fewshot evaluate data/ --shots 1,2,5,10        would more images help?
  fewshot evaluate data/ --episodes 100 --way 5 --shot 5"""


def build_parser() -> argparse.ArgumentParser:
    """Describe the commands; what is parsed names one in ``command``."""
    parser = argparse.ArgumentParser(
        prog="fewshot",
        description="Tell your own classes of images apart, from a handful of photographs of each.",
        epilog="start with: fewshot demo; then: fewshot fit DATA; fewshot classify IMAGE",
    )
    parser.add_argument("--version", action="version", version=f"fewshot {__version__}")
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )

    fit = _command(commands, "fit", "learn classes from a folder of images", _FIT)
    _add_fitting(fit)
    fit.add_argument("-o", "--output", metavar="DIR", help="where to write (default: as --models)")

    classify = _command(commands, "classify", "say what images show", _CLASSIFY)
    classify.add_argument("images", metavar="IMAGE", nargs="+", help="file, folder or glob")
    classify.add_argument("--top", metavar="K", type=_count, help="print the K likeliest classes")

    evaluate = _command(
        commands, "evaluate", "measure on images that were not fitted on", _EVALUATE
    )
    _add_fitting(evaluate)
    add = evaluate.add_argument
    add("--test", metavar="DIR", help="fit on all of DATA and measure on this folder of classes")
    add("--shots", metavar="N,N,...", type=_counts, help="accuracy against images per class")
    add("--episodes", metavar="N", type=_count, help="measure on N random tasks instead")
    add("--way", metavar="N", type=_count, default=5, help="classes a task (default: 5)")
    add("--shot", metavar="N", type=_count, default=5, help="images a class (default: 5)")

    export = _command(commands, "export", "write a classifier as one ONNX file", _EXPORT)
    form = export.add_mutually_exclusive_group()
    form.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="classifier.onnx",
        help="(default: classifier.onnx)",
    )
    form.add_argument("--html", metavar="DIR", help="write a web page into this folder instead")
    add = export.add_argument
    add(
        "--onnxruntime-web",
        metavar="DIR",
        help="dist folder of that npm package, for --html "
        "(default: node_modules/onnxruntime-web/dist)",
    )
    add(
        "--precision",
        choices=("fp32", "fp16", "int16", "int8"),
        default="fp32",
        help="of the weights (default: fp32)",
    )
    add("--top-level-resize", action="store_true", help="let it take photographs of any size")
    add("--data", metavar="DATA", help="what it was fitted on, for int8 to be fitted on again")
    add("--negatives", metavar="DIR", help="as it was fitted with, for int8")

    verify = _command(
        commands, "verify", "tell whether a classifier answers as it should here", _VERIFY
    )
    verify.add_argument("classifier", metavar="CLASSIFIER", help="an .onnx file, or a folder")
    verify.add_argument("images", metavar="IMAGE", nargs="*", help="to compare with --models on")

    benchmark = _command(
        commands, "benchmark", "measure what is fastest here, and what it costs", _BENCHMARK
    )
    add = benchmark.add_argument
    add("--data", metavar="DATA", help="what it was fitted on, to measure accuracy with")
    add("--negatives", metavar="DIR", help="as it was fitted with")
    add("--seconds", metavar="N", type=_count, default=15, help="time for timing (default: 15)")

    info = _command(commands, "info", "show what a classifier file is made of")
    for command in (fit, classify, evaluate):
        command.add_argument(
            "--threads",
            metavar="N",
            type=_count,
            help="images worked on at the same time (default: one for each processor at hand)",
        )
    folder = "folder of the classifier and its backbone"
    file = f"{folder}, or a file that 'fewshot export' wrote"
    for command in (fit, classify, evaluate, export, verify, benchmark, info):
        what = folder if command in (fit, evaluate, export) else file
        command.add_argument(
            "--models", metavar="DIR", help=f"{what} (default: $FEWSHOT_MODELS or models)"
        )

    demo = _command(commands, "demo", "try everything on handwritten digits, offline")
    demo.add_argument(
        "folder", metavar="DIR", nargs="?", default="fewshot-demo", help="(default: fewshot-demo)"
    )
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    """Add a command; all of them can answer in JSON."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser


def _add_fitting(parser: argparse.ArgumentParser) -> None:
    """Add what says how to fit."""
    add = parser.add_argument
    add("data", metavar="DATA", help="folder with one folder of images per class")
    add(
        "--head",
        choices=("auto", "logistic", "discriminant", "centroid"),
        default="auto",
        help="classifier over embeddings (default: auto, a blend of the next two)",
    )
    add(
        "--backbone",
        metavar="NAME|FILE",
        default="mobilenet_v2",
        help="network that turns images into embeddings (default: mobilenet_v2, built in)",
    )
    add(
        "--views",
        metavar="N",
        type=_count,
        default=1,
        help="looks at each image, 1 to 8: more accurate, and that much slower (default: 1)",
    )
    add(
        "--reject-rate",
        metavar="RATE",
        type=float,
        default=0.05,
        help="part of genuine images that may be called unknown (default: 0.05; 0: never)",
    )
    add("--negatives", metavar="DIR", help="images of things that are none of the classes")


def _counts(text: str) -> list[int]:
    """Parse numbers of 1 or more with commas between."""
    return [_count(part) for part in text.split(",")]


def _count(text: str) -> int:
    """Parse a number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)
