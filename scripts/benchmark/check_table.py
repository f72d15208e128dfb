"""Put mistakes into sets of images, and count which are found and what else is."""

import argparse
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_table import REJECT_RATE, load_set
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps
from threadpoolctl import threadpool_limits

from fewshot.artifact import SupportRecord
from fewshot.data_checks.labels import find_outliers, suspected_labels
from fewshot.embedder import Embedder
from fewshot.heads.decision import fit_decision
from fewshot.images.decode import open_rgb
from fewshot.training.near_duplicates import fingerprint, group_near_duplicates

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
# Images a class; None for all there are.
_SIZES = (None, 10)
_WRONG, _STRANGE = 0.05, 0.02
_KINDS = ("exact", "q30", "q60", "q90", "half", "double", "crop", "bright", "contrast", "mirror")
_FAULTS = ("labels", "copies", "outliers")
_EMBEDDER = Embedder()


@dataclass
class Tally:
    """How many mistakes were put in, how many of them found, and how much else was."""

    placed: int = 0
    found: int = 0
    false: int = 0

    def add(self, placed: set[Any], found: set[Any]) -> None:
        """Count one draw."""
        self.placed += len(placed)
        self.found += len(placed & found)
        self.false += len(found - placed)

    def figures(self) -> dict[str, float]:
        """Work out the rates; nothing found is nothing wrong."""
        reported = self.found + self.false
        precision = self.found / reported if reported else 1.0
        return {"precision": precision, "recall": self.found / max(self.placed, 1)}


def run(arguments: argparse.Namespace) -> None:
    """Measure, and print tables or JSON."""
    records = {folder: load_set(folder, 1, arguments.cache) for folder in arguments.data}
    sizes: dict[str, dict[str, Any]] = defaultdict(dict)
    with threadpool_limits(1):
        for folder, record in records.items():
            others = [r.embeddings for other, r in records.items() if other != folder]
            for size in _SIZES:
                figures = _measure(folder, record, others, size, arguments.draws)
                sizes[str(size or "all")][folder.name] = figures
    result = {"draws": arguments.draws, "sizes": sizes}
    print(json.dumps(result) if arguments.json else "\n".join(_tables(result)))


def _measure(
    folder: Path, record: SupportRecord, others: list[Floats], size: int | None, draws: int
) -> dict[str, Any]:
    """Put each kind of mistake into draws of a set, and none."""
    tallies = {fault: Tally() for fault in _FAULTS}
    untouched, images = dict.fromkeys(_FAULTS, 0), 0
    for seed in range(draws):
        rows = _draw_rows(record.labels, size, np.random.default_rng([0, seed]))
        part = _Part(folder, record, rows)
        if size or seed == 0:  # all images are the same in each draw
            images += len(rows)
            for fault, found in part.findings().items():
                untouched[fault] += len(found)
        chances = (np.random.default_rng([1 + i, seed]) for i in range(len(_FAULTS)))
        tallies["labels"].add(*part.with_wrong_labels(next(chances)))
        tallies["copies"].add(*part.with_copies(next(chances)))
        if others:
            tallies["outliers"].add(*part.with_strangers(np.concatenate(others), next(chances)))
    per_1000 = {fault: 1000 * count / images for fault, count in untouched.items()}
    return {fault: tally.figures() for fault, tally in tallies.items()} | {"untouched": per_1000}


@dataclass
class _Part:
    """Some images of a set."""

    folder: Path
    record: SupportRecord
    rows: Labels

    @property
    def embeddings(self) -> Floats:
        return self.record.embeddings[self.rows]

    @property
    def labels(self) -> Labels:
        return self.record.labels[self.rows]

    @property
    def files(self) -> list[Path]:
        return [self.folder / self.record.names[row] for row in self.rows]

    def findings(self) -> dict[str, set[Any]]:
        """Check the images as they are."""
        return {
            "labels": _suspects(self.embeddings, self.labels),
            "copies": self._copies([], np.zeros((0, self.embeddings.shape[1]), np.float32)),
            "outliers": _outliers(self.embeddings, self.labels),
        }

    def with_wrong_labels(self, chance: np.random.Generator) -> tuple[set[Any], set[Any]]:
        """Give some images another label."""
        labels, n_classes = self.labels, int(self.labels.max()) + 1
        wrong = chance.choice(len(labels), max(1, round(_WRONG * len(labels))), replace=False)
        labels[wrong] = (labels[wrong] + chance.integers(1, n_classes, len(wrong))) % n_classes
        return set(wrong.tolist()), _suspects(self.embeddings, labels)

    def with_copies(self, chance: np.random.Generator) -> tuple[set[Any], set[Any]]:
        """Add a copy of each kind, of different images."""
        chosen = chance.choice(len(self.rows), len(_KINDS), replace=False)
        copies = [
            _copy(self.files[row], kind, chance)
            for row, kind in zip(chosen.tolist(), _KINDS, strict=True)
        ]
        rows = range(len(self.rows), len(self.rows) + len(copies))
        placed = set(zip(chosen.tolist(), rows, strict=True))
        return placed, self._copies(copies, _EMBEDDER.embed(copies))

    def with_strangers(
        self, others: Floats, chance: np.random.Generator
    ) -> tuple[set[Any], set[Any]]:
        """Add images of other sets under any label."""
        labels, n_strange = self.labels, max(1, round(_STRANGE * len(self.labels)))
        strangers = others[chance.choice(len(others), n_strange, replace=False)]
        given = chance.integers(0, labels.max() + 1, n_strange)
        found = _outliers(
            np.concatenate([self.embeddings, strangers]), np.concatenate([labels, given])
        )
        return set(range(len(labels), len(labels) + n_strange)), found

    def _copies(self, more: list[bytes], embeddings: Floats) -> set[Any]:
        """Look for copies among the images and more of them."""
        images = (open_rgb(image, at_least=128) for image in [*self.files, *more])
        found = np.array([fingerprint(image) for image in images], np.float16)
        every = np.concatenate([self.embeddings, embeddings])
        groups = group_near_duplicates(every, found)
        pairs = combinations(range(len(groups)), 2)
        return {(one, two) for one, two in pairs if groups[one] == groups[two]}


def _draw_rows(labels: Labels, size: int | None, chance: np.random.Generator) -> Labels:
    """Draw images of each class."""
    members = (np.flatnonzero(labels == label) for label in np.unique(labels))
    return np.concatenate([chance.permutation(rows)[:size] for rows in members])


def _suspects(embeddings: Floats, labels: Labels) -> set[Any]:
    n_classes = int(labels.max()) + 1
    _, held_out = fit_decision("auto", embeddings, labels, n_classes, REJECT_RATE)
    return {s.row for s in suspected_labels(held_out, labels, embeddings, n_classes)}


def _outliers(embeddings: Floats, labels: Labels) -> set[Any]:
    return set(find_outliers(embeddings, labels, int(labels.max()) + 1).tolist())


def _copy(file: Path, kind: str, chance: np.random.Generator) -> bytes:
    """Store a picture another way."""
    if kind == "exact":
        return file.read_bytes()
    image = open_rgb(file)
    if kind == "crop":
        left, top = (chance.uniform(0, 0.05) * side for side in image.size)
        box = left, top, left + 0.95 * image.width, top + 0.95 * image.height
        image = image.crop(tuple(round(edge) for edge in box))
    elif kind in ("half", "double"):
        times = {"half": 0.5, "double": 2}[kind]
        image = image.resize((round(times * image.width), round(times * image.height)))
    elif kind in ("bright", "contrast"):
        change = {"bright": ImageEnhance.Brightness, "contrast": ImageEnhance.Contrast}[kind]
        image = change(image).enhance(float(chance.choice([0.85, 1.15])))
    elif kind == "mirror":
        image = ImageOps.mirror(image)
    return _encode(image, int(kind[1:]) if kind[0] == "q" else 90)


def _encode(image: Image.Image, quality: int) -> bytes:
    data = io.BytesIO()
    image.save(data, format="JPEG", quality=quality)
    return data.getvalue()


def _tables(result: dict[str, Any]) -> Iterator[str]:
    """Lay out the results as text."""
    yield (
        f"{result['draws']} draws; precision and recall in % for {_WRONG:.0%} wrong labels, "
        f"{len(_KINDS)} copies, {_STRANGE:.0%} images of other sets; and what is reported of 1000 "
        "images of the set as it is"
    )
    for size, sets in result["sizes"].items():
        yield ""
        yield f"images a class: {size:8}{'labels':>12}{'copies':>14}{'outliers':>16}     untouched"
        for name, figures in sets.items():
            yield _line(name, figures)
        every = list(sets.values())
        mean = {
            part: {k: float(np.mean([f[part][k] for f in every])) for k in every[0][part]}
            for part in every[0]
        }
        yield _line("mean", mean)


def _line(name: str, figures: dict[str, Any]) -> str:
    """Lay out one set."""
    pairs = "".join(
        f"{100 * figures[fault]['precision']:8.0f}{100 * figures[fault]['recall']:6.0f}"
        for fault in _FAULTS
    )
    return f"{name:24}{pairs}  " + "".join(f"{figures['untouched'][f]:6.1f}" for f in _FAULTS)
