"""Take images of a class from a camera or a video."""

from __future__ import annotations

import argparse

from fewshot.cli.options import count
from fewshot.cli.output import printable, progress_bar, say_result
from fewshot.cli.wording import quoted

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from fewshot.capture.record import Captured

EPILOG = """examples:
  fewshot capture --label cup                      20 images from the first camera
  fewshot capture --label cup --source cup.mp4     from a video, spread over its length

Blurred frames and near duplicates are left out. Images of one recording are alike, so accuracy
measured on them is too high: record each class more than once, in different places and at different
times. Cameras and videos are read with OpenCV.

exit status: 0 all images taken, 1 fewer than --count, 2 nothing could be done"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add = parser.add_argument
    add("--label", metavar="NAME", required=True, help="the class")
    add("--count", metavar="N", type=count, default=20, help="how many images (default: 20)")
    add(
        "--source",
        metavar="N|FILE|URL",
        default="0",
        help="camera, video file or stream (default: 0)",
    )
    add("--data", metavar="DIR", default="data", help="folder of classes (default: data)")


def run(arguments: argparse.Namespace) -> int:
    """Write images into the folder of a class, and say what to type next."""
    from fewshot.artifact import artifact_path
    from fewshot.backbones.find import models_folder
    from fewshot.capture.record import capture
    from fewshot.training.support_set import list_folder

    source, data = arguments.source, arguments.data
    captured = capture(
        arguments.label,
        count=arguments.count,
        source=int(source) if source.isdecimal() else source,
        data=data,
        progress=progress_bar("capturing"),
    )
    lines = [*_taken(captured)]
    if captured.files:
        fitted = artifact_path(models_folder()).exists()
        lines.append(f"next: {_next(data, len(list_folder(data)), fitted)}")
    say_result(arguments, captured.to_dict(), "\n".join(lines))
    return 0 if captured.complete else 1


def _taken(captured: Captured) -> list[str]:
    """Say what was written, and why not more."""
    n, names = len(captured.files), [printable(file) for file in captured.files]
    places = f", {names[0]}{f' to {names[-1]}' if n > 1 else ''}" if names else ""
    of = "" if captured.complete else f" of {captured.wanted}"
    reasons = {
        "blank": captured.blank,
        "blurred": captured.blurred,
        "near duplicates": captured.near_duplicates,
    }
    left_out = ", ".join(f"{number} {why}" for why, number in reasons.items() if number)
    lines = [
        f"wrote {n}{of} image{'s' * (captured.wanted > 1)}{places}",
        f"{captured.examined} frames examined; left out: {left_out or 'none'}",
    ]
    if captured.interrupted:
        lines.append("stopped from the keyboard")
    elif not captured.complete:
        lines.append("for more, record for longer, and move the camera or the object slowly")
    return lines


def _next(data: str, classes: int, fitted: bool) -> str:
    """Return the command to type next."""
    fit, add = (f"fewshot {command} {quoted(data)}" for command in ("fit", "add"))
    if fitted:
        return f"{add}; or to start anew: {fit}"
    return f"fewshot capture --label ANOTHER; then: {fit}" if classes < 2 else fit
