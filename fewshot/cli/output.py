"""Write what commands say: lines, JSON, tables, progress, and images that cannot be read."""

from __future__ import annotations

import argparse
import sys

from fewshot.errors import ImageError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import TextIO, TypeVar

    Result = TypeVar("Result")


def printable(name: object) -> str:
    """Escape what would move a terminal's cursor or worse."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name))


def as_json(record: object) -> str:
    """Return a record as one line of JSON."""
    import json

    return json.dumps(record)


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line at once, above the progress bar if there is one."""
    stream = stream or sys.stdout
    if "tqdm" in sys.modules:
        sys.modules["tqdm"].tqdm.write(text, file=stream)
    else:
        print(text, file=stream)
    stream.flush()


def say_result(arguments: argparse.Namespace, record: object, text: str) -> None:
    """Print a result as it is wanted: as JSON or as text."""
    say(as_json(record) if arguments.json else text)


def warn(message: str) -> None:
    """Print one line on stderr."""
    say(f"fewshot: {printable(' '.join(message.splitlines()))}", sys.stderr)


def warn_skipped(skipped: Iterable[ImageError]) -> None:
    """Name the images that could not be read."""
    for error in skipped:
        warn(f"skipped {error}")


def show_each(
    images: Sequence[Path],
    results: Iterable[Result | ImageError],
    show: Callable[[Path, Result], None],
    what: str,
    json: bool,
) -> list[Path]:
    """Show the result for each image as soon as it is there; return the images that were read."""
    progress = progress_bar(what) if len(images) > 1 else None
    read = []
    for done, (image, result) in enumerate(zip(images, results, strict=True), 1):
        if isinstance(result, ImageError):
            warn(str(result))
            if json:
                say(as_json({"image": str(image), "error": str(result)}))
        else:
            show(image, result)
            read.append(image)
        if progress:
            progress(done, len(images))
    return read


def or_error(function: Callable[[Path], Result], image: Path) -> Result | ImageError:
    """Call a function on an image; an image that cannot be read is returned as its error."""
    try:
        return function(image)
    except ImageError as error:
        return error


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = True) -> list[str]:
    """Align columns: the first to the left, the others to the right if they are numbers."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = []
    for first, *others in (heads, *rows):
        cells = [first.ljust(widths[0])]
        for cell, width in zip(others, widths[1:], strict=True):
            cells.append(cell.rjust(width) if numbers else cell.ljust(width))
        lines.append("  ".join(cells).rstrip())
    return lines


def progress_bar(what: str) -> Callable[[int, int], None] | None:
    """Make a progress bar if somebody is watching."""
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:  # a device may have no more than classifying needs
        return None
    bar = None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:  # not before there is something to do
            bar = tqdm(desc=what, total=total, leave=False)
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return show
