"""The images that a command line means: files, folders, globs and standard input."""

from __future__ import annotations

import os
import sys

from fewshot.errors import ImageError, SupportError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import TypeAlias

    from fewshot.images.source import LoadedImage

    Image: TypeAlias = Path | LoadedImage

_STANDARD_INPUT = ("-", "/dev/stdin")


def find_images(words: Sequence[str]) -> list[Image | ImageError]:
    """List what words mean; a file that does not exist is kept, to be reported among the others.

    Raises
    ------
    SupportError
        If a word is empty.
    """
    found: list[Image | ImageError] = []
    for word in words:
        if not word:
            raise SupportError("an empty name was given for an image; expected a file or folder")
        if word in _STANDARD_INPUT:
            found.append(_read_standard_input(word))
        else:
            for path in _matches(word):
                found += _in_folder(path) if os.path.isdir(path) else [path]
    return found


def require_images(words: Sequence[str]) -> list[Image]:
    """List what words mean, where all of it must be there.

    Raises
    ------
    FewShotError
        For a folder without images, or standard input that cannot be read.
    """
    images: list[Image] = []
    for image in find_images(words):
        if isinstance(image, ImageError):
            raise image
        images.append(image)
    return images


def _matches(word: str) -> list[Path]:
    """List what a path or a glob stands for; brackets in the name of a folder are no glob."""
    import glob
    from pathlib import Path

    path = Path(word)
    if os.path.lexists(word):
        return [path]
    literal = next((parent for parent in path.parents if os.path.exists(parent)), None)
    if literal is not None:
        rest = path.parts[len(literal.parts) :]
        word = os.path.join(glob.escape(str(literal)), *rest)
    return [Path(match) for match in sorted(glob.glob(word, recursive=True))] or [path]


def _in_folder(folder: Path) -> Sequence[Path | ImageError]:
    from fewshot.images.files import EXTENSIONS_TEXT, list_images

    found = list_images(folder)
    denied = [ImageError(e.reason, str(e.path)) for e in found.passed_over if e.unreadable]
    if not found.images and not denied:
        return [ImageError(f"no images in this folder ({EXTENSIONS_TEXT})", str(folder))]
    return [*found.images, *denied]


def _read_standard_input(word: str) -> LoadedImage | ImageError:
    from fewshot.images.source import LoadedImage, load_image

    if sys.stdin is None:
        return ImageError("there is no standard input", word)
    try:
        return LoadedImage(word, load_image(sys.stdin.buffer).content)
    except ImageError as error:
        return ImageError(error.reason, word)
