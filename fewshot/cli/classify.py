"""Classify images."""

from __future__ import annotations

import argparse
from functools import partial

from fewshot.cli.images import find_images
from fewshot.cli.options import add_images, add_models, add_threads, count
from fewshot.cli.output import as_json, or_error, printable, say, show_each
from fewshot.cli.wording import evidence_lines, prediction_text

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fewshot.classifier.base import Classifier
    from fewshot.cli.images import Image
    from fewshot.errors import ImageError
    from fewshot.prediction import Prediction

EPILOG = """examples:
  fewshot classify new.jpg
  fewshot classify new.jpg --why             with the most similar training images
  fewshot classify new.jpg --correct tulip   learn from a mistake
  fewshot classify new.jpg --is tulip && echo "it is"
  fewshot classify group.jpg --all-faces --annotate named.png
  fewshot classify photos/ 'more/*.png' --top 3
  fewshot classify photos/ --json | jq -r 'select(.known) | [.image, .label] | @tsv'

exit status: 0 all classified, 1 some images could not be read, 2 nothing could be done, 3 --is: an
image is not of the class"""
# The exit code when an image is not of the class that was asked for.
_NO = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add_images(parser)
    add = parser.add_argument
    add("--top", metavar="K", type=count, help="print the K most probable classes")
    add("--why", action="store_true", help="print the most similar training images")
    then = parser.add_mutually_exclusive_group()
    then.add_argument("--correct", metavar="NAME", help="add the images to this class")
    then.add_argument("--is", metavar="NAME", dest="asked", help="answer yes or no")
    add(
        "--all-faces",
        action="store_true",
        help="classify every face; takes a classifier fitted with --crop face",
    )
    add("--faces", dest="all_faces", choices=("all",), help=argparse.SUPPRESS)  # its old name
    add("--annotate", metavar="FILE", help="draw boxes and names, .png; with --all-faces")
    add_threads(parser)
    add_models(parser, exported=True)


def run(arguments: argparse.Namespace) -> int:
    """Classify each image; then add the images to a class if that is wanted."""
    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.classifier.load import load_classifier

    if arguments.all_faces or arguments.annotate is not None:
        from fewshot.cli.classify_faces import classify_faces

        return classify_faces(arguments)
    images = find_images(arguments.images)
    if arguments.correct is None and not arguments.why:  # an exported file will do, too
        classifier = load_classifier(arguments.models, threads=arguments.threads)
        return _classify(classifier, images, arguments)[0]
    known = FewShotClassifier.load(arguments.models, threads=arguments.threads)
    if arguments.correct is not None:
        from fewshot.cli.changes import require_spelling

        require_spelling(known.class_names_, [arguments.correct])
    status, read = _classify(known, images, arguments)
    if arguments.correct is not None and read:
        from fewshot.cli.changes import save_change

        changed = known.correct(read, arguments.correct)
        status = max(status, save_change(arguments, known, changed))
    return status


def _classify(
    classifier: Classifier, images: list[Image | ImageError], arguments: argparse.Namespace
) -> tuple[int, list[Image]]:
    """Print a prediction for each image; return the exit code, and the images that were read."""
    status, asked = 0, arguments.asked
    if asked is not None:
        from fewshot.prediction import class_number

        classes = classifier.class_names_
        arguments.asked = asked = classes[class_number(classes, asked)]  # in its form of Unicode

    def show(image: Image, prediction: Prediction) -> None:
        nonlocal status
        say(_worded(prediction, arguments))
        if asked is not None and not prediction.matches(asked):
            status = _NO

    stream = _stream(classifier, asked)
    read = show_each(images, stream, show, "classifying", arguments.json)
    return status if len(read) == len(images) else 1, read


def _stream(
    classifier: Classifier, asked: str | None
) -> Callable[[list[Image]], Iterable[Prediction | ImageError]]:
    """Return what classifies images one after another: of several faces, the one asked for."""
    if asked is None:
        return classifier.stream
    from fewshot._parallel import in_order

    function = partial(or_error, partial(classifier.classify, label=asked))
    return lambda images: in_order(function, images, classifier.threads)


def _worded(prediction: Prediction, arguments: argparse.Namespace) -> str:
    """Word a prediction; JSON has every class unless --top says otherwise."""
    asked = arguments.asked
    if arguments.json:
        record = prediction.to_dict(arguments.top, evidence=arguments.why)
        if asked is not None:
            record |= {"asked": asked, "yes": prediction.matches(asked)}
        return as_json(record)
    if asked is None:
        lines = [prediction_text(prediction, arguments.top or 1)]
    else:
        lines = [_verdict_text(prediction, asked)]
    if arguments.why:
        lines += evidence_lines(prediction)
    return "\n".join(lines)


def _verdict_text(prediction: Prediction, asked: str) -> str:
    """Say whether an image is of a class, and what is more probable if not."""
    yes = prediction.matches(asked)
    if not prediction.face_found:
        return f"{printable(prediction.image)}  no (no face found)"
    verdict = f"{'yes' if yes else 'no'} {prediction.scores[asked]:.2f}"
    if not yes:
        closest = printable(prediction.label)
        likely = f" ({closest} {prediction.probability:.2f})"
        verdict += likely if prediction.known else f" (unknown, closest: {closest})"
    return f"{printable(prediction.image)}  {verdict}"
