"""Draw where in an image the score of a class comes from."""

from __future__ import annotations

import argparse
from functools import partial

from fewshot.cli.images import find_images
from fewshot.cli.options import add_images, add_models
from fewshot.cli.output import as_json, or_error, printable, say, show_each
from fewshot.cli.wording import prediction_text
from fewshot.errors import UsageError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image as Drawing

    from fewshot.cli.images import Image
    from fewshot.explain.activation_map import Explanation

EPILOG = """examples:
  fewshot explain new.jpg                     writes heat.png
  fewshot explain photos/ -o sheet.png        several on one sheet
  fewshot explain new.jpg --label tulip       the score of another class

An activation map: warm colours raise the score of the class, blue lowers it; dark parts were not
used. Only an image that 'fewshot explain' wrote is replaced."""
# A sheet of more would be too small to see anything on.
_MOST_DRAWN = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add_images(parser)
    add = parser.add_argument
    add("-o", "--output", metavar="FILE", default="heat.png", help="(default: heat.png)")
    add("--label", metavar="NAME", help="a class (default: the most probable)")
    add_models(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw an activation map of each image, all into one file."""
    from pathlib import Path

    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.explain.heatmap import contact_sheet, draw_explanation
    from fewshot.images.write import require_png, write_png

    classifier = FewShotClassifier.load(arguments.models)
    images, output = find_images(arguments.images), Path(arguments.output)
    require_png(output)
    if len(images) > _MOST_DRAWN:
        raise UsageError(f"{len(images)} images; expected at most {_MOST_DRAWN} on one sheet")
    drawn = []

    def explain(image: Image) -> tuple[Explanation, Drawing]:
        explanation = classifier.explain(image, arguments.label)
        return explanation, draw_explanation(image, explanation)

    def show(image: Image, result: tuple[Explanation, Drawing]) -> None:
        drawn.append(result[1])
        say(_worded(result[0], output, arguments))

    show_each(images, partial(map, partial(or_error, explain)), show, "explaining", arguments.json)
    if drawn:
        write_png(contact_sheet(drawn) if len(drawn) > 1 else drawn[0], output)
        if not arguments.json:
            say(f"wrote {printable(output)}")
    return 0 if len(drawn) == len(images) else 1


def _worded(explanation: Explanation, output: Path, arguments: argparse.Namespace) -> str:
    """Word an explanation; JSON has the numbers that are drawn."""
    if arguments.json:
        return as_json({**explanation.to_dict(), "file": str(output)})
    text = prediction_text(explanation.prediction)
    if explanation.label != explanation.prediction.label:
        text += f"  map of {printable(explanation.label)} {explanation.probability:.2f}"
    return text
