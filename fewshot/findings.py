"""What is wrong with a folder of labelled images: one record for each thing found.

Finding them is left to `fewshot.checking`.
"""

from __future__ import annotations

from dataclasses import dataclass

KINDS = (
    "unreadable",
    "ignored",
    "extension",
    "rotation",
    "tiny",
    "elongated",
    "copy",
    "conflict",
    "leak",
    "label",
    "outlier",
    "few",
    "imbalance",
)


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
