"""Not run, but checked by mypy: what holds images and labels may be passed without a cast."""

from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from fewshot import FewShotClassifier

T = TypeVar("T")


class Series(Generic[T]):
    """A column of a table, of which a type checker knows no more than this."""

    def __iter__(self) -> Iterator[T]:
        return iter(())

    def __len__(self) -> int:
        return 0


def pass_containers(classifier: FewShotClassifier, paths: Series[str], labels: Series[int]) -> None:
    classifier.fit(paths, labels)
    classifier.fit(np.array(["a.png"]), np.array([1]))
    classifier.fit({"x": paths, "y": np.zeros((3, 8, 8, 3), np.uint8)}, negatives=paths)
    classifier.fit({1: [Path("a.png")], 2: [Path("b.png")]})
    classifier.fit({"x": "folder", "y": Path("other")})
    classifier.fit((path for path in Path().iterdir()), ["x", None])
    classifier.partial_fit(paths, labels)
    classifier.score(paths, labels)
    classifier.evaluate(paths, labels)
