"""Names of classes: in one form of Unicode, and which of them look alike."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import category, normalize

import numpy as np
from numpy.typing import NDArray

# Letters of other alphabets, in lower case, that look like these in lower or upper case.
_CYRILLIC = dict(zip("авеикмнорстухіјѕһԁԛԝӏ", "abeukmhopctyxijshdqwl", strict=True))
_GREEK = dict(zip("αβεζηικμνορτυχ", "abezhikmvoptux", strict=True))
_ALIKE = str.maketrans({**_CYRILLIC, **_GREEK})


def class_name(label: object) -> str:
    """Return a label as text, in Unicode's composed form (NFC), whatever form it came in."""
    return normalize("NFC", str(label))


def label_type(labels: Iterable[object]) -> str:
    """Return what labels are, but for None: "int", "bool", or "str" for anything else."""
    labels = [label for label in labels if label is not None]
    kinds = {_type_of(label) for label in labels}
    kind = kinds.pop() if len(kinds) == 1 else "str"
    return kind if are_of_type(map(str, labels), kind) else "str"


def _type_of(label: object) -> str:
    if isinstance(label, (bool, np.bool_)):
        return "bool"
    return "int" if isinstance(label, numbers.Integral) else "str"


def are_of_type(classes: Iterable[str], kind: str) -> bool:
    """Tell whether all names are texts of what `label_type` calls by that name."""
    if kind == "int":
        return all(_is_integer(name) for name in classes)
    return kind == "str" or (kind == "bool" and {*classes} <= {"False", "True"})


def _is_integer(name: str) -> bool:
    digits = name.removeprefix("-")
    return digits.isdecimal() and digits.isascii() and len(digits) < 19 and str(int(name)) == name


def sort_classes(classes: Iterable[str], kind: str) -> tuple[str, ...]:
    """Sort names without duplicates: integers by their value."""
    return tuple(sorted({*classes}, key=int if kind == "int" else None))


def as_labels_were(classes: Sequence[str], kind: str) -> NDArray[Any]:
    """Return names as an array of the labels that they are texts of."""
    if kind == "int":
        return np.array([int(name) for name in classes], np.int64)
    return np.array([name == "True" for name in classes]) if kind == "bool" else np.array(classes)


def find_class(classes: Sequence[str], label: str) -> int | None:
    """Return the position of a class, whatever form of Unicode its name is in; None if none is."""
    if label in classes:
        return classes.index(label)
    names = [class_name(name) for name in classes]  # older files have other forms
    return names.index(class_name(label)) if class_name(label) in names else None


def is_blank(name: str) -> bool:
    """Tell a name of which nothing is visible."""
    return not _appearance(name)


def name_alike(classes: Iterable[str]) -> list[str]:
    """Say which classes differ in nothing that a reader surely sees, a sentence for each group.

    They may differ in case, in spaces and invisible characters, or in letters of other alphabets
    that look the same.
    """
    groups: dict[str, list[str]] = {}
    for name in sorted(set(classes)):
        groups.setdefault(_appearance(name), []).append(name)
    return [
        f"the classes {' and '.join(map(ascii, names))} look alike; rename one if they are the same"
        for names in groups.values()
        if len(names) > 1
    ]


def _appearance(name: str) -> str:
    folded = normalize("NFKC", name).casefold().translate(_ALIKE)
    visible = (c for c in folded if category(c) not in ("Cf", "Cc", "Mn") or c in "\t\n")
    return " ".join("".join(visible).split())
