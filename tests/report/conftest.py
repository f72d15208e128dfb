"""Evaluations that the tests of the report make up, and a reader of its page."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from fewshot import Artifact
from fewshot.evaluation.cross_validation import Evaluation
from fewshot.prediction import Evidence, Neighbour
from tests.conftest import clusters, make_artifact

HARD_NAMES = ("<script>alert(1)</script>", "a\u202egpj\n.exe", "日本語の名前" * 9, "כלב")


class Page(HTMLParser):
    """What a page holds: its tags, its attributes, and its text."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.source = file.read_text(encoding="utf-8")
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())

    def values(self, name: str) -> list[str]:
        """List the values of an attribute, of whatever tag."""
        return [value for _, found, value in self.attributes if found == name]


def make_evaluation(
    confusion: Sequence[Sequence[int]],
    protocol: str = "4-fold cross-validation",
    names: Sequence[str] = "abcdefgh",
) -> Evaluation:
    """Make up the answers of a confusion matrix; each is sure, and known."""
    counts = np.array(confusion)
    truth, given = np.repeat(np.argwhere(counts), counts[counts > 0], axis=0).T
    n, total = len(counts), len(truth)
    evidence = Evidence((Neighbour("0/0.png", names[0], 0.75),), None)
    return Evaluation(
        protocol,
        tuple(names[:n]),
        tuple(f"{i}.jpg" for i in range(total)),
        truth,
        np.eye(n, dtype=np.float32)[given],
        np.ones(total, bool),
        0.05,
        np.zeros(0, bool),
        dict.fromkeys(np.flatnonzero(truth != given).tolist(), evidence),
    )


def noisy_artifact(names: Sequence[str] = "abcd", shots: int = 6) -> Artifact:
    """A classifier that makes mistakes, as some labels are wrong."""
    embeddings, labels = clusters(len(names), shots)
    labels = labels.copy()
    labels[::5] = (labels[::5] + 1) % len(names)
    artifact = make_artifact(embeddings, labels)
    return dataclasses.replace(artifact, classes=tuple(names), created="2026-05-17T08:09:10+00:00")
