"""Names of classes: in one form of Unicode, and which of them look alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from unicodedata import category, normalize

# Letters of other alphabets, in lower case, that look like these in lower or upper case.
_CYRILLIC = dict(zip("авеикмнорстухіјѕһԁԛԝӏ", "abeukmhopctyxijshdqwl", strict=True))
_GREEK = dict(zip("αβεζηικμνορτυχ", "abezhikmvoptux", strict=True))
_ALIKE = str.maketrans({**_CYRILLIC, **_GREEK})


def class_name(label: object) -> str:
    """Return a label as text, in Unicode's composed form (NFC), whatever form it came in."""
    return normalize("NFC", str(label))


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
