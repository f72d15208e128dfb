"""Write things other than a classifier: what other programs use, and a demonstration."""

from __future__ import annotations

import sys
import warnings

from fewshot.cli.output import as_json
from fewshot.errors import FewShotWarning, SkippedWarning

TYPE_CHECKING = False  # as `typing` has it, but for the time it takes to import
if TYPE_CHECKING:
    import argparse


def export(arguments: argparse.Namespace) -> int:
    """Write a classifier as one ONNX file, or as a web page with that file in it."""
    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.export.onnx_file import export_classifier
    from fewshot.export.web_page import export_page

    classifier = FewShotClassifier.load(arguments.models)
    options = {name: getattr(arguments, name) for name in ("precision", "data", "negatives")}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FewShotWarning)
        if arguments.html:
            options["runtime"] = arguments.onnxruntime_web
            file = export_page(classifier, arguments.html, **options)
            note = "; open it in a browser"
        else:
            options["resize_in_graph"] = arguments.top_level_resize
            file = export_classifier(classifier, arguments.output, **options)
            note = f", and {file.with_suffix('.json')}"
    for warning in caught:
        print(f"fewshot: {warning.message}", file=sys.stderr)
    size = file.stat().st_size
    if arguments.json:
        print(as_json({"file": str(file), "bytes": size, "precision": arguments.precision}))
    else:
        print(f"wrote {file}, {size / 1e6:.1f} MB{note}")
    return 1 if any(issubclass(w.category, SkippedWarning) for w in caught) else 0


def demo(arguments: argparse.Namespace) -> int:
    """Write digits, then run the commands a user would type on them."""
    import io
    import shlex
    from contextlib import redirect_stdout
    from pathlib import Path

    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.cli.app import main
    from fewshot.cli.digits import write_digits
    from fewshot.images.files import image_files

    folder = Path(arguments.folder)
    support, query = write_digits(folder)
    models = folder / "models"
    samples = [str(sorted((query / digit).iterdir())[0]) for digit in "258"]
    steps = (
        ["fit", str(support), "--output", str(models)],
        ["classify", "--models", str(models), *samples],
        ["info", "--models", str(models)],
    )
    with redirect_stdout(io.StringIO() if arguments.json else sys.stdout):
        for step in steps:
            print(f"$ {shlex.join(['fewshot', *step])}")
            if status := main(step):
                return status
            print()
    accuracy = FewShotClassifier.load(models).score(query)
    n_query = len(image_files(query))
    if arguments.json:
        print(as_json({"folder": str(folder), "query": n_query, "accuracy": accuracy}))
    else:
        print(f"accuracy on {n_query} other images, in {query}: {accuracy:.2f}")
    return 0
