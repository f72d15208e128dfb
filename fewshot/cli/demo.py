"""Try fewshot on handwritten digits, offline."""

from __future__ import annotations

import argparse

from fewshot.cli import classify, fit, info
from fewshot.cli.output import as_json, printable, say
from fewshot.cli.parsing import command_parser, parse_words
from fewshot.cli.wording import quoted
from fewshot.errors import UsageError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from pathlib import Path

    from fewshot.cli.parsing import Command

EPILOG = """examples:
  fewshot demo
  fewshot demo digits/

It writes a small data set, and runs the commands that you would type."""
_SUPPORT_SHOTS = 12
_QUERY_SHOTS = 20
_SIDE = 64
_MARK = ".fewshot-demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "folder", metavar="DIR", nargs="?", default="fewshot-demo", help="(default: fewshot-demo)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write digits, fit on some of them, and classify others."""
    import io
    import sys
    from contextlib import redirect_stdout
    from pathlib import Path

    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.images.files import image_files

    folder = Path(arguments.folder)
    models = folder / "models"
    support, query = write_digits(folder)
    samples = [str(sorted((query / digit).iterdir())[0]) for digit in "258"]
    with redirect_stdout(io.StringIO() if arguments.json else sys.stdout):
        status = (
            _show(fit, str(support), "--output", str(models))
            or _show(classify, "--models", str(models), *samples)
            or _show(info, "--models", str(models))
        )
    if status:
        return status
    accuracy, images = FewShotClassifier.load(models).score(query), len(image_files(query))
    if arguments.json:
        say(as_json({"folder": str(folder), "query": images, "accuracy": accuracy}))
    else:
        say(f"accuracy on {images} other images, in {printable(query)}: {accuracy:.2f}")
    return 0


def _show(command: Command, *words: str) -> int:
    """Print a command and run it."""
    parser = command_parser(command)
    say(f"$ {parser.prog} {quoted(*words)}")
    status = command.run(parse_words(parser, words))
    say("")
    return status


def write_digits(folder: Path) -> tuple[Path, Path]:
    """Write handwritten digits as PNG files, a folder per digit.

    ``folder/support`` with 12 images a digit, and ``folder/query`` with 20 others. UsageError: if
    the folder holds something and was not made by this function.
    """
    mark = folder / _MARK
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not mark.exists())):
        raise UsageError(f"{folder}: holds other files; give the demo a new or empty folder")
    import numpy as np
    from sklearn.datasets import load_digits

    from fewshot.images.write import save_png

    folder.mkdir(parents=True, exist_ok=True)
    mark.touch()
    digits = load_digits()
    draw = np.random.default_rng(0)  # neighbours are by the same writer
    for digit in range(10):
        images = draw.permutation(digits.images[digits.target == digit])
        for i, image in enumerate(images[: _SUPPORT_SHOTS + _QUERY_SHOTS]):
            part = "support" if i < _SUPPORT_SHOTS else "query"
            path = folder / part / str(digit) / f"{i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = 255 - np.minimum(image * 16, 255).astype(np.uint8)  # ink on white paper
            save_png(pixels, path, _SIDE)
    return folder / "support", folder / "query"
