"""Write what commands say: lines, JSON, tables, progress, and images that cannot be read."""

from __future__ import annotations

import os
import re
import sys

from fewshot.errors import ImageError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TextIO, TypeVar

    from fewshot.cli.images import Image
    from fewshot.images.files import PassedOver

    Result = TypeVar("Result")


# Controls, line and paragraph separators, what turns the direction of writing, lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# No path is longer, but what was pasted by mistake is.
_LONGEST_WORD, _LONGEST_LINE = 1000, 4000
# Of the files and folders that are not used, so many are named.
_MOST_UNUSED = 10


def printable(name: object) -> str:
    """Escape what a terminal would act on, or what would end the line."""
    return _UNSAFE.sub(lambda match: ascii(match[0])[1:-1], str(name))


def one_line(message: str) -> str:
    """Make a message safe to print as one line, of a length that can be read."""
    words = [_shorten(word, _LONGEST_WORD) for word in message.split(" ")]
    return _shorten(printable(" ".join(" ".join(words).splitlines())), _LONGEST_LINE)


def _shorten(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return f"{text[:100]}...({len(text) - 150} characters)...{text[-50:]}"


def as_json(record: object) -> str:
    """Return a record as one line of JSON."""
    import json

    return json.dumps(record, allow_nan=False)  # other programs know no NaN


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
    say(f"fewshot: {one_line(message)}", sys.stderr)


def warn_skipped(skipped: Iterable[ImageError]) -> None:
    """Name the images that could not be read."""
    for error in skipped:
        warn(f"skipped {error}")


def warn_unused(passed_over: Sequence[PassedOver], classes: Iterable[str]) -> dict[str, Any]:
    """Name what in folders is not used, and classes that look alike; return it as JSON has it."""
    from fewshot._class_names import name_alike

    for each in passed_over[:_MOST_UNUSED]:
        warn(f"not used: {each}")
    if len(passed_over) > _MOST_UNUSED:
        warn(f"not used: {len(passed_over) - _MOST_UNUSED} more, which --json lists")
    for text in name_alike(classes):
        warn(text)
    return {"passed_over": [{"path": str(e.path), "reason": e.reason} for e in passed_over]}


def show_each(
    images: Sequence[Image | ImageError],
    classify: Callable[[list[Image]], Iterable[Result | ImageError]],
    show: Callable[[Image, Result], None],
    what: str,
    json: bool,
) -> list[Image]:
    """Show the result for each image as soon as it is there; return the images that were read.

    Errors among the images are reported in their place, and the others are given to `classify`.
    """
    progress = progress_bar(what) if len(images) > 1 else None
    results = iter(classify([image for image in images if not isinstance(image, ImageError)]))
    read = []
    for done, image in enumerate(images, 1):
        result = image if isinstance(image, ImageError) else next(results)
        if isinstance(result, ImageError):
            _report(image, result, json)
        elif not isinstance(image, ImageError):
            show(image, result)
            read.append(image)
        if progress:
            progress(done, len(images))
    return read


def _report(image: Image | ImageError, error: ImageError, json: bool) -> None:
    """Report an image that cannot be read."""
    warn(str(error))
    if json:
        name = image.name if isinstance(image, ImageError) else name_of(image)
        say(as_json({"image": name, "error": str(error)}))


def name_of(image: Image) -> str:
    """Return what an image was called on the command line."""
    return os.fspath(image) if isinstance(image, os.PathLike) else image.name


def or_error(function: Callable[[Image], Result], image: Image) -> Result | ImageError:
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
