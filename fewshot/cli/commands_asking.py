"""Ask a classifier, about images or about itself."""

from __future__ import annotations

import sys

from fewshot.cli.output import (
    as_json,
    evidence_text,
    images_text,
    info_text,
    prediction_text,
    printable,
    progress_bar,
    say,
    verdict_text,
)
from fewshot.errors import ImageError, UsageError
from fewshot.prediction import class_number

TYPE_CHECKING = False  # as `typing` has it, but for the time it takes to import
if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from fewshot.classifier.base import Classifier
    from fewshot.explain.activation_map import Explanation
    from fewshot.prediction import Prediction

# A sheet of more would be too small to see anything on.
_MOST_DRAWN = 100
# The exit code when an image is not of the class that was asked for.
_NO = 3


def classify(arguments: argparse.Namespace) -> int:
    """Answer for each image; then learn what they show, if that is said."""
    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.classifier.load import load_classifier
    from fewshot.images.files import expand

    if arguments.faces is not None or arguments.annotate is not None:
        from fewshot.cli.commands_facing import classify_faces

        return classify_faces(arguments)
    images = expand(arguments.images)
    if arguments.correct is None and not arguments.why:  # a single file will do, too
        answering = load_classifier(arguments.models, threads=arguments.threads)
        return _answer(answering, images, arguments)[0]
    classifier = FewShotClassifier.load(arguments.models, threads=arguments.threads)
    status, read = _answer(classifier, images, arguments)
    if arguments.correct is not None and read:
        from fewshot.cli.commands_learning import save_taught

        taught = classifier.correct(read, arguments.correct)
        status = max(status, save_taught(arguments, classifier, taught))
    return status


def _answer(
    classifier: Classifier, images: list[Path], arguments: argparse.Namespace
) -> tuple[int, list[Path]]:
    """Print each answer as soon as it is there; return the status, and what could be read."""
    asked = arguments.asked
    if asked is not None:
        class_number(classifier.classes_, asked)
    progress = progress_bar("classifying") if len(images) > 1 else None
    read, status = [], 0
    for done, answer in enumerate(classifier.stream(images), 1):
        image = images[done - 1]
        if isinstance(answer, ImageError):
            say(f"fewshot: {answer}", sys.stderr)
            if arguments.json:
                say(as_json({"image": str(image), "error": str(answer)}))
        else:
            say(_worded(answer, arguments))
            read.append(image)
            if asked is not None and not answer.matches(asked):
                status = _NO
        if progress:
            progress(done, len(images))
    return status if len(read) == len(images) else 1, read


def _worded(answer: Prediction, arguments: argparse.Namespace) -> str:
    """Word a prediction as was asked for; JSON has every class unless --top says otherwise."""
    asked = arguments.asked
    if arguments.json:
        from dataclasses import asdict

        record = {**vars(answer), "scores": dict(list(answer.scores.items())[: arguments.top])}
        evidence = record.pop("evidence")
        if arguments.why:
            record["evidence"] = asdict(evidence)
        if asked is not None:
            record |= {"asked": asked, "yes": answer.matches(asked)}
        return as_json(record)
    if asked is None:
        lines = [prediction_text(answer, arguments.top or 1)]
    else:
        lines = [verdict_text(answer, asked)]
    if arguments.why and answer.evidence:
        lines.append(evidence_text(answer, answer.evidence))
    return "\n".join(lines)


def explain(arguments: argparse.Namespace) -> int:
    """Draw where in pictures the evidence for a class lies."""
    from pathlib import Path

    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.explain.heatmap import contact_sheet, draw_explanation
    from fewshot.images.files import expand
    from fewshot.images.write import require_png, write_png

    classifier = FewShotClassifier.load(arguments.models)
    images, output = expand(arguments.images), Path(arguments.output)
    require_png(output)
    if len(images) > _MOST_DRAWN:
        raise UsageError(f"{len(images)} images; expected at most {_MOST_DRAWN} on one sheet")
    drawn, progress = [], progress_bar("explaining") if len(images) > 1 else None
    for done, image in enumerate(images, 1):
        try:
            explanation = classifier.explain(image, arguments.label)
            drawn.append(draw_explanation(image, explanation))
            say(_worded_explanation(explanation, output, arguments))
        except ImageError as error:
            say(f"fewshot: {error}", sys.stderr)
            if arguments.json:
                say(as_json({"image": str(image), "error": str(error)}))
        if progress:
            progress(done, len(images))
    if drawn:
        write_png(contact_sheet(drawn) if len(drawn) > 1 else drawn[0], output)
        if not arguments.json:
            print(f"wrote {output}")
    return 0 if len(drawn) == len(images) else 1


def _worded_explanation(
    explanation: Explanation, output: Path, arguments: argparse.Namespace
) -> str:
    """Word an explanation; JSON has the numbers that are drawn."""
    if arguments.json:
        record = {
            **vars(explanation.prediction),
            "explained": explanation.label,
            "explained_probability": explanation.probability,
            "maps": explanation.maps.tolist(),
            "boxes": explanation.boxes,
            "file": str(output),
        }
        del record["evidence"]
        return as_json(record)
    text = prediction_text(explanation.prediction, 1)
    if explanation.label != explanation.prediction.label:
        text += f"  evidence for {printable(explanation.label)} {explanation.probability:.2f}"
    return text


def info(arguments: argparse.Namespace) -> int:
    """Show what a classifier file holds, without opening its backbone."""
    from fewshot.artifact import artifact_path, read_artifact
    from fewshot.backbones.find import models_folder
    from fewshot.classifier.exported import ExportedClassifier

    file = models_folder(arguments.models)
    if file.suffix == ".onnx" and arguments.images:
        raise UsageError(f"{file}: a single file, which holds no support images")
    if file.suffix == ".onnx":
        summary = ExportedClassifier(file).summary()
    else:
        file = artifact_path(file)
        artifact = read_artifact(file)
        summary = artifact.summary()
        if arguments.images:
            summary["images"] = artifact.list_images()
    if arguments.json:
        print(as_json({"file": str(file), **summary}))
    elif arguments.images:
        print(images_text(summary["images"]))
    else:
        print(info_text(summary, file))
    return 0
