"""Collect pictures to learn from."""

from __future__ import annotations

from fewshot.cli.output import as_json, capture_text, progress_bar

TYPE_CHECKING = False  # as `typing` has it, but for the time it takes to import
if TYPE_CHECKING:
    import argparse


def capture(arguments: argparse.Namespace) -> int:
    """Take pictures of a class from a camera or a video, and say what to type next."""
    from fewshot.artifact import artifact_path
    from fewshot.backbones.find import models_folder
    from fewshot.capture.record import capture as take
    from fewshot.training.support_set import list_folder

    source = arguments.source
    captured = take(
        arguments.label,
        count=arguments.count,
        source=int(source) if source.isdecimal() else source,
        data=arguments.data,
        progress=progress_bar("capturing"),
    )
    if arguments.json:
        print(as_json(captured.summary()))
    else:
        fitted = artifact_path(models_folder()).exists()
        classes = len(list_folder(arguments.data)) if captured.files else 0
        print(capture_text(captured, arguments.data, classes, fitted))
    return 0 if captured.complete else 1
