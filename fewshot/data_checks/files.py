"""Find what is wrong with single files, and with the number of images of each class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from fewshot.data_checks.finding import Finding
from fewshot.errors import ImageError
from fewshot.images.decode import Header, read_header
from fewshot.images.files import IMAGE_EXTENSIONS, PassedOver
from fewshot.images.formats import format_of

# Pixels below which the shorter side must be enlarged 3.5 times and more.
_TINY = 64
# How many times longer than wide an image may be: of more, the middle square shows under a third.
_ELONGATED = 3.0
_FEW, _FEW_FACES = 5, 2
# By how many times classes may differ in size.
_BALANCE = 4
# How many files a finding names; and bytes from which a file is not opened to see what it is.
_NAMED, _LARGE = 5, 50_000_000


def unreadable(
    errors: Iterable[ImageError], passed_over: Iterable[PassedOver]
) -> Iterator[Finding]:
    """Report images that could not be read, and folders that may not be."""
    for error in errors:
        yield Finding("unreadable", (error.name,), None, error.reason, "replace or remove it")
    for each in passed_over:
        if each.unreadable:
            advice = "let this user read it, or remove it"
            yield Finding("unreadable", (str(each.path),), None, each.reason, advice)


def unused(passed_over: Iterable[PassedOver]) -> Iterator[Finding]:
    """Report what in the folders is not used: files of other formats, images beside the classes."""
    for each in passed_over:
        if each.unreadable:
            continue
        names = sorted(_misnamed(each.path))
        images = f"; images by another name: {', '.join(names[:_NAMED])}" if names else ""
        advice = "convert, rename or move what should be used, and remove the rest"
        yield Finding("unused", (str(each.path),), None, each.reason + images, advice)


def _misnamed(folder: Path) -> Iterator[str]:
    """Find images by their content among the files that their names exclude."""
    for path in folder.iterdir() if folder.is_dir() else ():
        name = path.name.lower()
        other = not name.startswith(".") and not name.endswith(IMAGE_EXTENSIONS)
        if other and path.is_file() and path.stat().st_size < _LARGE:
            with suppress(ImageError):
                read_header(path)
                yield path.name


def odd_files(images: Iterable[tuple[str, Header | None]]) -> Iterator[Finding]:
    """Report extensions that say another format, and images that are tiny or elongated."""
    for name, header in images:
        if header is None:
            continue
        yield from _wrong_extension(name, header)
        short, long = sorted((header.width, header.height))
        size = f"{header.width} x {header.height} pixels"
        if short < _TINY:
            advice = f"find a larger version, of {_TINY} pixels or more"
            yield Finding("tiny", (name,), None, f"only {size}", advice)
        if long > _ELONGATED * short:
            found = f"{size}: only the square in the middle is used"
            yield Finding("elongated", (name,), None, found, "crop it to what it shows")


def _wrong_extension(name: str, header: Header) -> Iterator[Finding]:
    """Report a file whose name says another format than it has; MPO is JPEG with more behind."""
    suffix = Path(name).suffix
    said, found = format_of(suffix), "JPEG" if header.format == "MPO" else header.format
    if said != found:
        found = f"a {found} file named {suffix or 'without an extension'}"
        advice = "give it the right name: other programs may refuse it"
        yield Finding("extension", (name,), None, found, advice)


def small_classes(shots: Mapping[str, int], alone: bool, people: bool) -> Iterator[Finding]:
    """Report classes with few images, far fewer than others, or without others or negatives.

    Of people one class is enough, and few images are.
    """
    most = max(shots.values(), default=0)
    few, enough = (_FEW_FACES, 3) if people else (_FEW, 10)
    if len(shots) == 1 and alone and not people:
        advice = "add a folder of something else, or negatives"
        yield Finding("few", (), next(iter(shots)), "the only class", advice)
    for label, n in shots.items():
        images = "1 image" if n == 1 else f"{n} images"
        if n < few:
            advice = f"a class is learned well from {enough} or more"
            yield Finding("few", (), label, images, advice)
        elif n * _BALANCE < most and not people:
            found = f"{images}, where the largest class has {most}"
            yield Finding("imbalance", (), label, found, "add some, or use fewer of the largest")
