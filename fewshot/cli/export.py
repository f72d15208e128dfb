"""Write the classifier as one ONNX file or as a web page."""

from __future__ import annotations

import argparse
import warnings

from fewshot.cli.options import PRECISIONS, add_models, add_training_data
from fewshot.cli.output import printable, say_result, warn
from fewshot.errors import FewShotWarning, SkippedWarning

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from pathlib import Path

EPILOG = """examples:
  fewshot export                                  models/ into classifier.onnx
  fewshot export --precision fp16                 half the size, nearly the same numbers
  fewshot export --precision int8 --data data/    a third of it, calibrated on these images
  fewshot export --html page/                     a page that classifies in the browser
  fewshot export --javascript                     with classifier.mjs, for Node and browsers

The file is read with onnxruntime alone, in any language; it is written with the package onnx."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="classifier.onnx",
        help="(default: classifier.onnx)",
    )
    form.add_argument("--html", metavar="DIR", help="write a web page into this folder instead")
    add = parser.add_argument
    add(
        "--onnxruntime-web",
        metavar="DIR",
        help="dist folder of that npm package, for --html "
        "(default: node_modules/onnxruntime-web/dist)",
    )
    add(
        "--precision",
        metavar=f"{{{','.join(PRECISIONS)}}}",
        default=PRECISIONS[0],
        help="of the weights (default: fp32)",
    )
    add(
        "--resize-in-graph",
        action="store_true",
        help="put resizing into the file, so that it takes images of any size",
    )
    add(  # its old name
        "--top-level-resize", dest="resize_in_graph", action="store_true", help=argparse.SUPPRESS
    )
    add(
        "--javascript", action="store_true", help="write a JavaScript module that uses the file too"
    )
    add_training_data(parser, "to calibrate int8 and fit its head again")
    add_models(parser)


def run(arguments: argparse.Namespace) -> int:
    """Export a classifier."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FewShotWarning)
        file, note = _export(arguments)
    for warning in caught:
        warn(str(warning.message))
    size = file.stat().st_size
    record = {"file": str(file), "bytes": size, "precision": arguments.precision}
    say_result(arguments, record, f"wrote {printable(file)}, {size / 1e6:.1f} MB{note}")
    return 1 if any(issubclass(w.category, SkippedWarning) for w in caught) else 0


def _export(arguments: argparse.Namespace) -> tuple[Path, str]:
    """Write a file; return it, and what to say of it."""
    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.export.description import read_description
    from fewshot.export.onnx_file import export_classifier, javascript_modules
    from fewshot.export.web_page import export_page

    classifier = FewShotClassifier.load(arguments.models)
    options = {name: getattr(arguments, name) for name in ("precision", "data", "negatives")}
    if arguments.html:
        options["runtime"] = arguments.onnxruntime_web
        return export_page(classifier, arguments.html, **options), "; open it in a browser"
    options |= {name: getattr(arguments, name) for name in ("resize_in_graph", "javascript")}
    file = export_classifier(classifier, arguments.output, **options)
    recipe = classifier.artifact_.preprocessing
    beside = [file.with_suffix(".json")]
    if recipe.crop == "face":
        beside.append(file.with_name(read_description(file)["detector"]))
    if arguments.javascript:
        beside += javascript_modules(recipe, file)
    return file, f", and {' and '.join(map(printable, beside))}"
