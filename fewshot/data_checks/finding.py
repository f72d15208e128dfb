"""What is wrong with a folder of labelled images: one record for each thing found."""

from __future__ import annotations

from dataclasses import dataclass

# What each kind is called, one and several.
WORDS = {
    "unreadable": ("image cannot be read", "images cannot be read"),
    "ignored": ("file is passed over", "files are passed over"),
    "extension": ("file name does not fit its content", "file names do not fit their content"),
    "rotation": ("image may lie on its side", "images may lie on their side"),
    "tiny": ("image is very small", "images are very small"),
    "elongated": ("image is very long", "images are very long"),
    "copy": ("image is there twice", "images are there more than once"),
    "conflict": ("image has two labels", "images have two labels"),
    "leak": (
        "image is both fitted on and asked about",
        "images are both fitted on and asked about",
    ),
    "label": ("label may be wrong", "labels may be wrong"),
    "outlier": (
        "image is unlike the rest of its class",
        "images are unlike the rest of their class",
    ),
    "few": ("class has few images", "classes have few images"),
    "imbalance": ("class is of another size", "classes are of other sizes"),
}
KINDS = tuple(WORDS)


@dataclass(frozen=True)
class Finding:
    """Something that needs attention.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    images : tuple of str
        The images it is about, by path; empty if it is about a class.
    label : str or None
        The class it is about, if it is about one.
    found : str
        What was found.
    advice : str
        What to do.
    """

    kind: str
    images: tuple[str, ...]
    label: str | None
    found: str
    advice: str
