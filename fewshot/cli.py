"""Carry out commands: call the public API, print what it answers.

Nothing is decided here that a Python user could not call too; the arguments are described in
`fewshot.parser`, and libraries are imported by the commands that need them.
"""

from __future__ import annotations

import os
import sys
import warnings

from fewshot.console import (
    agreement_text,
    as_json,
    benchmark_text,
    evaluation_text,
    fit_text,
    info_text,
    prediction_text,
    printable,
    progress_bar,
    say,
)
from fewshot.errors import FewShotError, FewShotWarning, ImageError, SkippedWarning
from fewshot.parser import build_parser

TYPE_CHECKING = False  # as `typing` has it, but for the time it takes to import
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from fewshot.classifier import FewShotClassifier
    from fewshot.prediction import Prediction


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0 all done; 1 some images could not be read; 2 nothing could be done.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show is escaped
            stream.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what matters in them is reported by the commands
    arguments = build_parser().parse_args(argv)
    try:
        status = _COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
        return status
    except FewShotError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:  # a device may have no more than classifying needs
        return _fail(f"{error}, which this command needs: pip install fewshot")
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        _drop_output()
        return 0
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130


def _fit(arguments: argparse.Namespace) -> int:
    """Fit and save a classifier; say what came of it."""
    from fewshot.artifact import artifact_path
    from fewshot.backbones import models_folder
    from fewshot.files import require_writable

    output = models_folder(arguments.output or arguments.models)
    require_writable(artifact_path(output).parent)
    classifier = _fitted(arguments, reuse=output)
    file = classifier.save(output)
    summary = classifier.artifact_.summary()
    if arguments.json:
        skipped = [str(error) for error in classifier.skipped_]
        print(as_json({"file": str(file), "skipped": skipped, **summary}))
    else:
        print(fit_text(summary, len(classifier.skipped_), file))
    return 1 if classifier.skipped_ else 0


def _fitted(arguments: argparse.Namespace, reuse: Path) -> FewShotClassifier:
    """Fit as the arguments say, and report what was skipped."""
    from fewshot.classifier import FewShotClassifier

    classifier = FewShotClassifier(
        arguments.head,
        arguments.backbone,
        models=arguments.models,
        views=arguments.views,
        reject_rate=arguments.reject_rate,
        threads=arguments.threads,
    )
    classifier.fit(
        arguments.data,
        negatives=arguments.negatives,
        reuse=reuse,
        progress=progress_bar("embedding"),
    )
    _report_skipped(classifier.skipped_)
    return classifier


def _report_skipped(skipped: Sequence[ImageError]) -> None:
    """Name the images that could not be read."""
    for error in skipped:
        print(f"fewshot: skipped {error}", file=sys.stderr)


def _evaluate(arguments: argparse.Namespace) -> int:
    """Measure a kind of classifier, and write nothing."""
    from fewshot.backbones import models_folder
    from fewshot.protocols import learning_curve, run_episodes

    classifier = _fitted(arguments, reuse=models_folder(arguments.models))
    artifact, skipped = classifier.artifact_, len(classifier.skipped_)
    if arguments.episodes:
        result = run_episodes(artifact, arguments.episodes, arguments.way, arguments.shot)
    else:
        evaluation = classifier.evaluate(arguments.test, progress=progress_bar("measuring"))
        _report_skipped(evaluation.skipped)
        skipped += len(evaluation.skipped)
        result = evaluation.summary()
    if arguments.shots:
        result |= learning_curve(artifact, arguments.shots)
    print(as_json(result) if arguments.json else evaluation_text(result))
    return 1 if skipped else 0


def _classify(arguments: argparse.Namespace) -> int:
    """Answer for each image, as soon as its answer is there."""
    from fewshot.classifier import load_classifier
    from fewshot.support import expand

    classifier = load_classifier(arguments.models, threads=arguments.threads)
    images = expand(arguments.images)
    progress = progress_bar("classifying") if len(images) > 1 else None
    failed = 0
    for done, answer in enumerate(classifier.stream(images), 1):
        if isinstance(answer, ImageError):
            failed += 1
            say(f"fewshot: {answer}", sys.stderr)
            if arguments.json:
                say(as_json({"image": str(images[done - 1]), "error": str(answer)}))
        else:
            say(_answer(answer, arguments))
        if progress:
            progress(done, len(images))
    return 1 if failed else 0


def _answer(answer: Prediction, arguments: argparse.Namespace) -> str:
    """Word a prediction as was asked for; JSON has every class unless --top says otherwise."""
    if not arguments.json:
        return prediction_text(answer, arguments.top or 1)
    scores = dict(list(answer.scores.items())[: arguments.top])
    return as_json({**vars(answer), "scores": scores})


def _export(arguments: argparse.Namespace) -> int:
    """Write a classifier as one ONNX file, or as a web page with that file in it."""
    from fewshot.classifier import FewShotClassifier
    from fewshot.export import export_classifier
    from fewshot.page import export_page

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


def _verify(arguments: argparse.Namespace) -> int:
    """Compare what a classifier answers with what it should."""
    from fewshot.classifier import load_classifier
    from fewshot.support import expand
    from fewshot.verification import compare, verify

    classifier = load_classifier(arguments.classifier)
    if arguments.images:
        images = expand(arguments.images)
        agreement = compare(load_classifier(arguments.models), classifier, images)
    else:
        agreement = verify(classifier)
    _report_skipped(agreement.skipped)
    summary = agreement.summary()
    print(as_json(summary) if arguments.json else agreement_text(summary))
    return 0 if agreement.holds and not agreement.skipped else 1


def _benchmark(arguments: argparse.Namespace) -> int:
    """Measure how fast a classifier is here, and how fast it could be."""
    from fewshot.benchmarking import benchmark

    result = benchmark(
        arguments.models,
        arguments.data,
        negatives=arguments.negatives,
        seconds=arguments.seconds,
        progress=progress_bar("measuring"),
    )
    _report_skipped(result.skipped)
    summary = result.summary()
    print(as_json(summary) if arguments.json else benchmark_text(summary))
    return 1 if result.skipped else 0


def _info(arguments: argparse.Namespace) -> int:
    """Show what a classifier file holds, without opening its backbone."""
    from fewshot.artifact import artifact_path, read_artifact
    from fewshot.backbones import models_folder
    from fewshot.exported import ExportedClassifier

    file = models_folder(arguments.models)
    if file.suffix == ".onnx":
        summary = ExportedClassifier(file).summary()
    else:
        file = artifact_path(file)
        summary = read_artifact(file).summary()
    if arguments.json:
        print(as_json({"file": str(file), **summary}))
    else:
        print(info_text(summary, file))
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    """Write digits, then run the commands a user would type on them."""
    import io
    import shlex
    from contextlib import redirect_stdout
    from pathlib import Path

    from fewshot.classifier import FewShotClassifier
    from fewshot.demo import write_digits
    from fewshot.support import image_files

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


_COMMANDS = {
    "fit": _fit,
    "classify": _classify,
    "evaluate": _evaluate,
    "export": _export,
    "verify": _verify,
    "benchmark": _benchmark,
    "info": _info,
    "demo": _demo,
}


def _drop_output() -> None:
    """Keep Python from writing once more, at its end, to where nothing can be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> int:
    """Report on one line that nothing could be done."""
    print(f"fewshot: {printable(' '.join(message.splitlines()))}", file=sys.stderr)
    return 2
