"""Images and labels from lists, arrays and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np

from fewshot._class_names import class_name, is_blank, label_type
from fewshot.errors import SupportError
from fewshot.images.source import ImageSource, require_several

# What pandas has instead of a value, by the names of their types: it need not be installed.
_MISSING = ("NAType", "NaTType")


def as_images(images: Iterable[ImageSource], what: str) -> list[ImageSource]:
    """Return images as a list, whatever holds them: a list, an array, a column, a generator.

    SupportError: if they have no order, or are a table. ImageError: if it is a single image.
    """
    require_several(images)
    _require_column(images, what)
    return list(images)


def as_labels(labels: Iterable[object]) -> tuple[list[str | None], str]:
    """Return labels as names of classes; None, in a list or tuple, stands for a negative.

    Numbers become their text: 1 is "1", 1.0 is "1.0", True is "True". What they were is returned
    too, as `fewshot._class_names.label_type` calls it.

    Raises
    ------
    SupportError
        If one is missing, empty, bytes or a row; it says at which position.
    """
    if isinstance(labels, (bytes, bytearray)):
        raise SupportError("labels are bytes; expected one label for each image")
    _require_column(labels, "labels")
    negatives, labels = isinstance(labels, (list, tuple)), list(labels)
    names = [
        None if label is None and negatives else _as_label(label, f"the label at position {i}")
        for i, label in enumerate(labels)
    ]
    return names, label_type(labels)


def as_class(label: object) -> str | None:
    """Return a key of a mapping as the name of a class; None stands for negatives."""
    return None if label is None else _as_label(label, "a key of the mapping")


def require_text(label: str) -> None:
    """Refuse a label with half a character; what stands for a byte in a folder's name is none.

    Raises
    ------
    SupportError
        It names the label.
    """
    try:
        label.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise SupportError(f"label {label!r}: not Unicode text; give another name") from error


def _as_label(label: object, where: str) -> str:
    advice = "expected the name of a class"
    if isinstance(label, (bytes, bytearray)):
        raise SupportError(f"{where} is bytes, {label!r}; {advice}: decode it")
    if _is_missing(label):
        raise SupportError(
            f"{where} is missing ({label}); {advice}, or, in a list, None for a negative"
        )
    if hasattr(label, "__len__") and not isinstance(label, str):
        raise SupportError(f"{where} is a row, {str(label)[:40]}; {advice} and no more")
    if is_blank(str(label)):
        raise SupportError(f"{where} is an empty label; {advice}, or None for a negative")
    return class_name(label)


def _is_missing(label: Any) -> bool:
    if label is None or type(label).__name__ in _MISSING or label is np.ma.masked:
        return True
    if isinstance(label, (float, np.floating, np.datetime64, np.timedelta64)):
        return bool(label != label)  # as nothing but NaN and NaT
    return False


def _require_column(values: object, what: str) -> None:
    """Refuse what has no order, and what has rows."""
    if isinstance(values, (Set, Mapping)):
        raise SupportError(f"{what}: a {type(values).__name__} has no order; give a list")
    if not isinstance(values, Iterable) and not hasattr(values, "__getitem__"):
        raise SupportError(f"{what}: expected a list, found {type(values).__name__}")
    dimensions = getattr(values, "ndim", 1)
    images = isinstance(values, np.ndarray) and values.dtype.kind not in "OUS" and what != "labels"
    if dimensions != 1 and not images:
        wanted = "the name of a class" if what == "labels" else "an image"
        raise SupportError(
            f"{what}: a table of shape {getattr(values, 'shape', 'unknown')}, so position 0 is a "
            f"row; expected {wanted} at each position"
        )
