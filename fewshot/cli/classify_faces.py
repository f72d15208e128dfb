"""Classify every face in images: ``fewshot classify --all-faces``."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from fewshot.cli.images import find_images
from fewshot.cli.output import as_json, name_of, or_error, printable, say, show_each
from fewshot.cli.wording import evidence_lines, prediction_text
from fewshot.errors import UsageError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fewshot.cli.images import Image
    from fewshot.prediction import FacePrediction


def classify_faces(arguments: argparse.Namespace) -> int:
    """Print a prediction for each face, and draw them if that is wanted."""
    from fewshot.classifier.load import load_classifier

    if not arguments.all_faces:
        raise UsageError("--annotate draws what --all-faces finds; add that")
    if arguments.correct is not None or arguments.asked is not None:
        raise UsageError("--all-faces cannot be combined with --correct or --is: --is looks at all")
    images = find_images(arguments.images)
    drawing = _drawing(arguments, images)
    classifier = load_classifier(arguments.models, threads=arguments.threads)
    classifier.require_faces()

    def show(image: Image, faces: Sequence[FacePrediction]) -> None:
        say(_worded(image, faces, arguments))
        if drawing is not None:
            _draw(image, faces, drawing)
            say(f"wrote {printable(drawing)}", sys.stderr if arguments.json else None)

    classify = partial(map, partial(or_error, classifier.classify_faces))
    read = show_each(images, classify, show, "classifying", arguments.json)
    return 0 if len(read) == len(images) else 1


def _drawing(arguments: argparse.Namespace, images: Sequence[object]) -> Path | None:
    """Return the file to draw into, if there is one and it can be written."""
    from pathlib import Path

    from fewshot.images.write import require_png

    if arguments.annotate is None:
        return None
    require_png(Path(arguments.annotate))
    if len(images) != 1:
        raise UsageError(f"{len(images)} images; --annotate draws one: name one, or leave it out")
    return Path(arguments.annotate)


def _draw(image: Image, faces: Sequence[FacePrediction], output: Path) -> None:
    from fewshot.faces.draw import draw_faces
    from fewshot.images.write import write_png

    write_png(draw_faces(image, faces), output)


def _worded(image: Image, faces: Sequence[FacePrediction], arguments: argparse.Namespace) -> str:
    """Word the predictions for one image; JSON has every class unless --top says otherwise."""
    if arguments.json:
        records = [face.to_dict(arguments.top, arguments.why) for face in faces]
        return as_json({"image": name_of(image), "faces": records})
    lines = []
    for face in faces:
        lines.append(prediction_text(face, arguments.top or 1, _place(face)))
        lines += evidence_lines(face) if arguments.why else []
    return "\n".join(lines or [f"{printable(name_of(image))}  no face found"])


def _place(face: FacePrediction) -> str:
    left, top, right, bottom = face.box
    return f"{right - left} x {bottom - top} at {left}, {top}"
