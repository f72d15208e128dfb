"""The command line: parse, call the public API, print.

Nothing is decided here that a Python user could not call too; libraries are imported by the
commands that need them, so that help is instant.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot import __version__
from fewshot.console import (
    evaluation_text,
    fit_text,
    info_text,
    prediction_text,
    progress_bar,
)
from fewshot.errors import FewShotError, ImageError

if TYPE_CHECKING:
    from fewshot.classifier import FewShotClassifier, Prediction

_FIT = """examples:
  fewshot fit data/                 data/rose/*.jpg, data/tulip/*.jpg, ...
  fewshot fit data/ -o garden/      then: fewshot classify --models garden/ new.jpg

Running it again embeds only images that are new or changed."""
_CLASSIFY = """examples:
  fewshot classify new.jpg
  fewshot classify photos/ 'more/*.png' --top 3
  fewshot classify photos/ --json | jq -r 'select(.known) | [.image, .label] | @tsv'

exit status: 0 all answered, 1 some images could not be read, 2 nothing could be done"""
_EVALUATE = """examples:
  fewshot evaluate data/                         images left out in turn
  fewshot evaluate data/ --test other/           fit on data/, measure on other/
  fewshot evaluate data/ --shots 1,2,5,10        would more images help?
  fewshot evaluate data/ --episodes 100 --way 5 --shot 5"""


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
    arguments = _parser().parse_args(argv)
    try:
        status = int(arguments.run(arguments))
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


def _parser() -> argparse.ArgumentParser:
    """Describe the commands."""
    parser = argparse.ArgumentParser(
        prog="fewshot",
        description="Tell your own classes of images apart, from a handful of photographs of each.",
        epilog="start with: fewshot demo; then: fewshot fit DATA; fewshot classify IMAGE",
    )
    parser.add_argument("--version", action="version", version=f"fewshot {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    fit = _command(commands, "fit", _fit, "learn classes from a folder of images", _FIT)
    _add_fitting(fit)
    fit.add_argument("-o", "--output", metavar="DIR", help="where to write (default: as --models)")

    classify = _command(commands, "classify", _classify, "say what images show", _CLASSIFY)
    classify.add_argument("images", metavar="IMAGE", nargs="+", help="file, folder or glob")
    classify.add_argument("--top", metavar="K", type=_count, help="print the K likeliest classes")

    evaluate = _command(
        commands, "evaluate", _evaluate, "measure on images that were not fitted on", _EVALUATE
    )
    _add_fitting(evaluate)
    add = evaluate.add_argument
    add("--test", metavar="DIR", help="fit on all of DATA and measure on this folder of classes")
    add("--shots", metavar="N,N,...", type=_counts, help="accuracy against images per class")
    add("--episodes", metavar="N", type=_count, help="measure on N random tasks instead")
    add("--way", metavar="N", type=_count, default=5, help="classes a task (default: 5)")
    add("--shot", metavar="N", type=_count, default=5, help="images a class (default: 5)")

    info = _command(commands, "info", _info, "show what a classifier file is made of")
    for command in (fit, classify, evaluate, info):
        command.add_argument(
            "--models",
            metavar="DIR",
            help="folder of the classifier and its backbone (default: $FEWSHOT_MODELS or models)",
        )

    demo = _command(commands, "demo", _demo, "try everything on handwritten digits, offline")
    demo.add_argument(
        "folder", metavar="DIR", nargs="?", default="fewshot-demo", help="(default: fewshot-demo)"
    )
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
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
    parser.set_defaults(run=run)
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
        print(json.dumps({"file": str(file), "skipped": skipped, **summary}))
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
    from fewshot.evaluation import learning_curve, run_episodes

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
    print(json.dumps(result) if arguments.json else evaluation_text(result))
    return 1 if skipped else 0


def _classify(arguments: argparse.Namespace) -> int:
    """Answer for each image, as soon as its answer is there."""
    from fewshot.classifier import FewShotClassifier
    from fewshot.support import expand

    classifier = FewShotClassifier.load(arguments.models)
    images = expand(arguments.images)
    failed = 0
    for image, answer in zip(images, classifier.stream(images), strict=True):
        if isinstance(answer, ImageError):
            failed += 1
            print(f"fewshot: {answer}", file=sys.stderr)
            if arguments.json:
                print(json.dumps({"image": str(image), "error": str(answer)}))
        else:
            print(_answer(answer, arguments), flush=True)
    return 1 if failed else 0


def _answer(answer: Prediction, arguments: argparse.Namespace) -> str:
    """Word a prediction as was asked for; JSON has every class unless --top says otherwise."""
    if not arguments.json:
        return prediction_text(answer, arguments.top or 1)
    scores = dict(list(answer.scores.items())[: arguments.top])
    return json.dumps({**asdict(answer), "scores": scores})


def _info(arguments: argparse.Namespace) -> int:
    """Show what a classifier file holds, without opening its backbone."""
    from fewshot.artifact import artifact_path, read_artifact
    from fewshot.backbones import models_folder

    file = artifact_path(models_folder(arguments.models))
    summary = read_artifact(file).summary()
    as_json = json.dumps({"file": str(file), **summary})
    print(as_json if arguments.json else info_text(summary, file))
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    """Write digits, then run the commands a user would type on them."""
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
        print(json.dumps({"folder": str(folder), "query": n_query, "accuracy": accuracy}))
    else:
        print(f"accuracy on {n_query} other images, in {query}: {accuracy:.2f}")
    return 0


def _drop_output() -> None:
    """Keep Python from writing once more, at its end, to where nothing can be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> int:
    """Report on one line that nothing could be done."""
    print(f"fewshot: {' '.join(message.splitlines())}", file=sys.stderr)
    return 2
