"""What a check of labelled images found."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

# What each kind is called, one and several; findings are listed in this order.
WORDS = {
    "unreadable": ("image or folder cannot be read", "images or folders cannot be read"),
    "unused": ("folder has something that is not used", "folders have something that is not used"),
    "extension": ("file name does not fit its content", "file names do not fit their content"),
    "rotation": ("image may be turned", "images may be turned"),
    "tiny": ("image is very small", "images are very small"),
    "elongated": ("image is very long", "images are very long"),
    "copy": ("image is there twice", "images are there more than once"),
    "near_duplicate": ("group of near duplicates", "groups of near duplicates"),
    "conflict": ("image has two labels", "images have two labels"),
    "leak": (
        "image is in both training and test data",
        "images are in both training and test data",
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
        The images or folders it is about, by path; empty if it is about a class.
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


@dataclass(frozen=True)
class Checkup:
    """All that was found.

    Attributes
    ----------
    images, classes : int
        How many were checked; images include those that cannot be read.
    findings : tuple of Finding
        In the order of `KINDS`.
    """

    images: int
    classes: int
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it in types that JSON knows: ``images classes counts findings``."""
        return {
            "images": self.images,
            "classes": self.classes,
            "counts": dict(Counter(finding.kind for finding in self.findings)),
            "findings": [asdict(finding) for finding in self.findings],
        }
