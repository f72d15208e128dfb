"""Ask a classifier about every face in a picture: ``fewshot classify --faces all``."""

from __future__ import annotations

import sys

from fewshot.cli.output import as_json, faces_text, progress_bar, say
from fewshot.errors import ImageError, UsageError

TYPE_CHECKING = False  # as `typing` has it, but for the time it takes to import
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from fewshot.classifier.faces import FacePrediction


def classify_faces(arguments: argparse.Namespace) -> int:
    """Answer for each face in each image, and draw the answers if that is wanted."""
    from pathlib import Path

    from fewshot.classifier.faces import require_face_classifier
    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.faces.detect import require_opencv
    from fewshot.faces.draw import draw_faces
    from fewshot.images.files import expand
    from fewshot.images.write import require_png, write_png

    if arguments.faces is None:
        raise UsageError("--annotate draws what --faces all finds; add that")
    if arguments.why or arguments.correct is not None or arguments.asked is not None:
        raise UsageError("--faces all goes with none of --why, --correct and --is; leave one out")
    images = expand(arguments.images)
    output = None if arguments.annotate is None else Path(arguments.annotate)
    if output is not None:
        require_png(output)
        if len(images) != 1:
            raise UsageError(f"{len(images)} images; --annotate draws one: name one, or leave it")
    classifier = FewShotClassifier.load(arguments.models, threads=arguments.threads)
    require_face_classifier(classifier.artifact_)
    require_opencv()
    progress, failed = progress_bar("classifying") if len(images) > 1 else None, 0
    for done, image in enumerate(images, 1):
        try:
            answers = classifier.classify_faces(image)
        except ImageError as error:
            failed += 1
            _say_error(image, error, arguments.json)
        else:
            say(_worded(image, answers, arguments))
            if output is not None:
                write_png(draw_faces(image, answers), output)
                say(f"wrote {output}", sys.stderr if arguments.json else None)
        if progress:
            progress(done, len(images))
    return 1 if failed else 0


def _say_error(image: Path, error: ImageError, json: bool) -> None:
    """Report an image that could not be read."""
    say(f"fewshot: {error}", sys.stderr)
    if json:
        say(as_json({"image": str(image), "error": str(error)}))


def _worded(image: Path, answers: Sequence[FacePrediction], arguments: argparse.Namespace) -> str:
    """Word the answers for one image; JSON has every class unless --top says otherwise."""
    if not arguments.json:
        return faces_text(str(image), answers, arguments.top or 1)
    faces = [
        {
            "box": answer.box,
            "label": answer.label,
            "probability": answer.probability,
            "known": answer.known,
            "scores": dict(list(answer.scores.items())[: arguments.top]),
        }
        for answer in answers
    ]
    return as_json({"image": str(image), "faces": faces})
