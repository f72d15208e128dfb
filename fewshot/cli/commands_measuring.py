"""Measure: accuracy, agreement and speed. Nothing is changed by it."""

from __future__ import annotations

from contextlib import nullcontext, suppress

from fewshot.cli.output import (
    agreement_text,
    as_json,
    benchmark_text,
    checkup_text,
    evaluation_text,
    progress_bar,
    report_skipped,
)
from fewshot.errors import FewShotError, UsageError

TYPE_CHECKING = False  # as `typing` has it, but for the time it takes to import
if TYPE_CHECKING:
    import argparse

    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.evaluation.cross_validation import Evaluation


def check(arguments: argparse.Namespace) -> int:
    """Look for what is wrong with a folder of images."""
    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.data_checks.run import check as check_images

    classifier = None
    with nullcontext() if arguments.models else suppress(FewShotError):
        # It may know the images, which then are not embedded again.
        classifier = FewShotClassifier.load(arguments.models)
    summary = check_images(
        arguments.data,
        negatives=arguments.negatives,
        test=arguments.test,
        classifier=classifier,
        progress=progress_bar("embedding"),
    ).summary()
    print(as_json(summary) if arguments.json else checkup_text(summary))
    return 1 if summary["findings"] else 0


def evaluate(arguments: argparse.Namespace) -> int:
    """Measure a kind of classifier, and write nothing but a report if one is wanted."""
    from fewshot.artifact import read_artifact
    from fewshot.backbones.find import models_folder
    from fewshot.cli.commands_learning import fitted
    from fewshot.evaluation.episodes import learning_curve, run_episodes

    if arguments.report and arguments.episodes:
        raise UsageError("episodes are drawn from DATA again and again; give --report without them")
    if arguments.report:
        _require_report(arguments.report)
    models, reuse = models_folder(arguments.models), None
    with suppress(FewShotError):  # one that is of no use is not in the way either
        read_artifact(models)
        reuse = models
    classifier = fitted(arguments, reuse)
    artifact, skipped = classifier.artifact_, len(classifier.skipped_)
    if arguments.episodes:
        result = run_episodes(artifact, arguments.episodes, arguments.way, arguments.shot)
    else:
        evaluation = classifier.evaluate(arguments.test, progress=progress_bar("measuring"))
        report_skipped(evaluation.skipped)
        skipped += len(evaluation.skipped)
        result = evaluation.summary()
        if arguments.report:
            _write_report(arguments, classifier, evaluation, arguments.report)
    if arguments.shots:
        result |= learning_curve(artifact, arguments.shots)
    print(as_json(result) if arguments.json else evaluation_text(result))
    return 1 if skipped else 0


def report(arguments: argparse.Namespace) -> int:
    """Write what can be said of the classifier as a page for people."""
    from fewshot.classifier.few_shot import FewShotClassifier
    from fewshot.training.support_set import list_folder

    _require_report(arguments.output)
    if arguments.data:
        list_folder(arguments.data)
    elif arguments.negatives:
        raise UsageError("--negatives goes with --data; give the folder it was fitted on, too")
    classifier = FewShotClassifier.load(arguments.models)
    evaluation = classifier.evaluate(progress=progress_bar("measuring"))
    _write_report(arguments, classifier, evaluation, arguments.output)
    if arguments.json:
        print(as_json({"file": arguments.output, **evaluation.summary()}))
    else:
        print(f"wrote {arguments.output}; open it in a browser")
    return 0


def _require_report(file: str) -> None:
    """Make sure that a report can be written, before work is done for it."""
    from pathlib import Path

    from fewshot.report.page import require_replaceable
    from fewshot.report.svg import require_matplotlib

    require_matplotlib()
    require_replaceable(Path(file))


def _write_report(
    arguments: argparse.Namespace,
    classifier: FewShotClassifier,
    evaluation: Evaluation,
    file: str,
) -> None:
    """Write a report, with the photographs that are at hand."""
    from fewshot.data_checks.run import check as check_images
    from fewshot.images.files import expand
    from fewshot.report.page import write_report
    from fewshot.report.thumbnails import find_photographs
    from fewshot.training.support_set import gather

    test = getattr(arguments, "test", None)
    asked = None
    if test:
        others = gather(test)
        asked = dict(zip(others.names, others.images, strict=True))
    folders = [folder for folder in (arguments.data, arguments.negatives) if folder]
    write_report(
        classifier.artifact_,
        evaluation,
        file,
        findings=check_images(
            arguments.data, negatives=arguments.negatives, test=test, classifier=classifier
        ).findings,
        photographs=find_photographs(classifier.artifact_.support, expand(folders)),
        asked=asked,
        progress=progress_bar("drawing"),
    )


def verify(arguments: argparse.Namespace) -> int:
    """Compare what a classifier answers with what it should."""
    from fewshot.classifier.load import load_classifier
    from fewshot.classifier.verification import compare, verify
    from fewshot.images.files import expand

    classifier = load_classifier(arguments.classifier)
    if arguments.images:
        images = expand(arguments.images)
        agreement = compare(load_classifier(arguments.models), classifier, images)
    else:
        agreement = verify(classifier)
    report_skipped(agreement.skipped)
    summary = agreement.summary()
    print(as_json(summary) if arguments.json else agreement_text(summary))
    return 0 if agreement.holds and not agreement.skipped else 1


def benchmark(arguments: argparse.Namespace) -> int:
    """Measure how fast a classifier is here, and how fast it could be."""
    from fewshot.benchmark.run import benchmark

    result = benchmark(
        arguments.models,
        arguments.data,
        negatives=arguments.negatives,
        seconds=arguments.seconds,
        progress=progress_bar("measuring"),
    )
    report_skipped(result.skipped)
    summary = result.summary()
    print(as_json(summary) if arguments.json else benchmark_text(summary))
    return 1 if result.skipped else 0
