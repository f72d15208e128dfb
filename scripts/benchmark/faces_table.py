"""Measure recognising people, beside other networks and the pipeline of face_recognition."""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import numpy as np
from dlib_faces import TOLERANCE, make_embed
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits
from timing import timed

from fewshot.embedder import Embedder
from fewshot.errors import FewShotError, NoFaceError
from fewshot.evaluation.learning_curve import draw_splits
from fewshot.evaluation.metrics import t_interval, wilson_interval
from fewshot.heads.decision import fit_decision
from fewshot.training.support_set import SupportSet, gather

Floats: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int64]
# Class, confidence and whether known, of each embedding.
Answer: TypeAlias = Callable[[Floats], tuple[Labels, Floats, NDArray[np.bool_]]]
REJECT_RATE = 0.05
# Images of each person where other people are tried, too; None for all.
_OTHERS = (10, None)
# Targets: accuracy at so many images of each person, and the rest.
_ACCURACY = {1: 0.95, 10: 0.985, None: 0.985}
_AUROC, _OFF, _MILLISECONDS = 0.98, 0.02, 120.0


@dataclass(frozen=True)
class Method:
    """A way to recognise people: how an image is embedded, and how a head is fitted."""

    name: str
    embed: Callable[[Path], Floats | None]  # None of an image without a face
    fit: Callable[[Floats, Labels, int], Answer]


@dataclass
class Embedded:
    """A labelled set of images; those without a face have no embedding."""

    embeddings: Floats
    labels: Labels  # of the embeddings
    faceless: Labels  # labels of the others
    milliseconds: list[float] = field(default_factory=list)

    @property
    def found(self) -> float:
        """The part of the images in which there is something to embed."""
        return len(self.labels) / (len(self.labels) + len(self.faceless))


def run(arguments: argparse.Namespace) -> None:
    """Measure, and print a table or JSON."""
    train, test = gather(arguments.data), gather(arguments.test)
    if unknown := set(test.classes) - set(train.classes):
        raise FewShotError(
            f"{arguments.test}: {', '.join(sorted(unknown))} not in {arguments.data}"
        )
    rows: dict[str, dict[str, Any]] = {}
    with threadpool_limits(1):
        for name, make in METHODS.items():
            try:
                method = make()
            except FewShotError as error:
                rows[name] = {"missing": str(error)}
                continue
            own = _embed(train, method, train.classes)
            asked = _embed(test, method, train.classes, arguments.repeat)
            rows[name] = _measure(method, own, asked, arguments)
    result = {"draws": arguments.draws, "train": len(train), "test": len(test), "methods": rows}
    print(json.dumps(result) if arguments.json else "\n".join(_table(result, arguments)))


def _by_fewshot(name: str, **options: Any) -> Callable[[], Method]:
    """Describe a method that is an embedder of fewshot with its default head."""

    def make() -> Method:
        embedder = Embedder(threads=1, **options)
        same_person = embedder.backbone_.same_person

        def embed(image: Path) -> Floats | None:
            try:
                return embedder.embed_one(image)
            except NoFaceError:
                return None

        def fit(embeddings: Floats, labels: Labels, n_classes: int) -> Answer:
            decision, _ = fit_decision(
                "auto", embeddings, labels, n_classes, REJECT_RATE, same_person=same_person
            )

            def answer(of: Floats) -> tuple[Labels, Floats, NDArray[np.bool_]]:
                logits = decision.head.scores(of) / np.float32(decision.temperature)
                confidence = decision.rejection.confidence(logits, of)
                probabilities, known = decision.decide(of)
                return probabilities.argmax(axis=1), confidence, known

            return answer

        return Method(name, embed, fit)

    return make


def _nearest_face(embeddings: Floats, labels: Labels, n_classes: int) -> Answer:
    """Take the nearest training face, and nobody further off than 0.6, as the package does."""

    def answer(of: Floats) -> tuple[Labels, Floats, NDArray[np.bool_]]:
        distances = np.linalg.norm(of[:, np.newaxis] - embeddings, axis=2)
        nearest = distances.min(axis=1)
        return labels[distances.argmin(axis=1)], -nearest, nearest <= TOLERANCE

    return answer


METHODS: dict[str, Callable[[], Method]] = {
    "fewshot": _by_fewshot("fewshot", crop="face"),
    "face, mobilenet_v2": _by_fewshot("face, mobilenet_v2", crop="face", backbone="mobilenet_v2"),
    "whole, mobilenet_v2": _by_fewshot("whole, mobilenet_v2"),
    "face_recognition": lambda: Method("face_recognition", make_embed(), _nearest_face),
}


def _embed(
    images: SupportSet, method: Method, classes: tuple[str, ...], repeat: int = 0
) -> Embedded:
    """Embed images; time each `repeat` times, after one that does not count, and keep the best."""
    found, labels, faceless, times = [], [], [], []
    for image, label in zip(images.images, images.labels, strict=True):
        embed, number = partial(method.embed, Path(str(image))), classes.index(str(label))
        if (embedding := embed()) is None:
            faceless.append(number)
        else:
            found.append(embedding)
            labels.append(number)
        if repeat:
            times.append(1000 * min(timed(embed) for _ in range(repeat)))
    numbers = np.array(labels, np.int64), np.array(faceless, np.int64)
    return Embedded(np.array(found, np.float32), *numbers, times)


def _measure(
    method: Method, own: Embedded, asked: Embedded, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Measure one method."""
    smallest = int(np.bincount(own.labels).min())
    shots = [n for n in arguments.shots if n < smallest]
    return {
        "found": asked.found,
        "accuracy": [_accuracy(method, own, asked, n, arguments.draws) for n in [*shots, None]],
        "others": [
            _others(method, own, asked, n, arguments.draws)
            for n in _OTHERS
            if n is None or n < smallest
        ],
        "milliseconds": median(asked.milliseconds),
    }


def _draws(labels: Labels, shots: int | None, draws: int) -> Iterator[Labels]:
    """Draw so many images of each person; all of them are drawn once."""
    if shots is None:
        yield np.arange(len(labels))
        return
    for rows, _ in draw_splits(labels, shots, draws):
        yield rows


def _accuracy(
    method: Method, own: Embedded, asked: Embedded, shots: int | None, draws: int
) -> dict[str, Any]:
    """Measure accuracy, an image without a face being wrong; the interval is that over draws."""
    total, rates = len(asked.labels) + len(asked.faceless), []
    for rows in _draws(own.labels, shots, draws):
        n_classes = int(own.labels.max()) + 1
        given, _, _ = method.fit(own.embeddings[rows], own.labels[rows], n_classes)(
            asked.embeddings
        )
        rates.append(float((given == asked.labels).sum()) / total)
    rate = float(np.mean(rates))
    one = wilson_interval(round(rate * total), total)
    low, high = t_interval(rates) if len(rates) > 1 else one
    return {"shots": shots, "rate": rate, "low": max(low, 0.0), "high": min(high, 1.0)}


def _others(
    method: Method, own: Embedded, asked: Embedded, shots: int | None, draws: int
) -> dict[str, Any]:
    """Fit on every pair of people, and ask about everybody; nobody is known without a face."""
    found: dict[str, list[float]] = {"auroc": [], "false_rejection": [], "false_acceptance": []}
    none = np.full(len(asked.faceless), -np.inf)
    for pair in combinations(np.unique(own.labels).tolist(), 2):
        rows = np.flatnonzero(np.isin(own.labels, pair))
        labels = np.searchsorted(pair, own.labels[rows])
        mine = np.isin(np.concatenate([asked.labels, asked.faceless]), pair)
        for chosen in _draws(labels, shots, draws):
            fitted = method.fit(own.embeddings[rows[chosen]], labels[chosen], 2)
            _, confidence, known = fitted(asked.embeddings)
            known = np.concatenate([known, np.zeros(len(none), bool)])
            # Infinity is no number that scikit-learn takes.
            lowest = np.nan_to_num(np.concatenate([confidence, none]), neginf=-1e9)
            found["auroc"].append(float(roc_auc_score(mine, lowest)))
            found["false_rejection"].append(float(1 - known[mine].mean()))
            found["false_acceptance"].append(float(known[~mine].mean()))
    return {"shots": shots, **{name: float(np.mean(values)) for name, values in found.items()}}


def _table(result: dict[str, Any], arguments: argparse.Namespace) -> Iterator[str]:
    """Lay out the results as text; the targets are those of fewshot."""
    rows = {name: row for name, row in result["methods"].items() if "missing" not in row}
    columns, wide = [*arguments.shots, None], max(map(len, METHODS))
    yield "{train} images to fit on, {test} to measure on; {draws} draws".format(**result)
    yield "accuracy in %, with its 95 % interval over draws, or over images if there is one draw"
    yield f"{'images of each':{wide}}" + "".join(f"{n or 'all':>16}" for n in columns)
    for name, row in rows.items():
        cells = {point["shots"]: _cell(point) for point in row["accuracy"]}
        yield f"{name:{wide}}" + "".join(f"{cells.get(n, ''):>16}" for n in columns)
    targets = (f"{100 * _ACCURACY[n]:g}" if n in _ACCURACY else "" for n in columns)
    yield f"{'target':{wide}}" + "".join(f"{target:>16}" for target in targets)
    yield f"\ntwo people known, the others not; false rejections asked for: {REJECT_RATE}"
    yield f"{'images':>{wide + 8}}{'AUROC':>8}{'false rejections':>19}{'false acceptances':>19}"
    for name, row in rows.items():
        for each in row["others"]:
            rates = f"{each['false_rejection']:19.3f}{each['false_acceptance']:19.3f}"
            yield f"{name:{wide}}{each['shots'] or 'all':>8}{each['auroc']:8.3f}{rates}"
    yield f"{'target':{wide}}{_AUROC:16g}{f'{REJECT_RATE - _OFF:g} to {REJECT_RATE + _OFF:g}':>19}"
    yield f"\n{'':{wide}}{'faces found':>12}{'ms an image':>13}"
    for name, row in rows.items():
        yield f"{name:{wide}}{row['found']:12.3f}{row['milliseconds']:13.0f}"
    yield f"{'target':{wide}}{'':12}{_MILLISECONDS:13g}"
    for name, row in result["methods"].items():
        if "missing" in row:
            yield f"{name:{wide}}  {row['missing']}"


def _cell(point: dict[str, Any]) -> str:
    rate, low, high = (100 * point[key] for key in ("rate", "low", "high"))
    return f"{rate:.1f} {f'{low:.0f} to {high:.0f}':>9}"
