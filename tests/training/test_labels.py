"""Images and labels come from any container, or it is said at which position they do not."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from fewshot import FewShotClassifier
from fewshot.errors import FewShotWarning, ImageError, SupportError
from fewshot.training.support_set import collect
from tests.conftest import draw

PATHS = ["a.png", "b.png", "c.png"]


class Column:
    """A column of a table, as pandas and polars have them: no sequence, and of no truth value."""

    ndim = 1

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __getitem__(self, key: int) -> Any:
        raise KeyError(key)  # the labels of rows need not be positions

    def __eq__(self, other: object) -> Any:
        return Column([value == other for value in self.values])

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise ValueError("The truth value of a Series is ambiguous")


class NAType:
    """What pandas has for a missing text."""

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    def __eq__(self, other: object) -> Any:
        return self

    __ne__ = __eq__
    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "images",
    [
        list(PATHS),
        tuple(PATHS),
        np.array(PATHS),
        np.array(PATHS, object),
        Column(PATHS),
        (path for path in PATHS),
        iter(PATHS),
    ],
)
def test_images_and_labels_come_from_any_container(images: Any) -> None:
    support = collect(images, Column(["x", "y", "x"]))
    assert list(map(str, support.images)) == PATHS and support.labels == ("x", "y", "x")


@pytest.mark.parametrize("container", [list, tuple, np.array, Column, iter])
def test_mappings_hold_any_container(container: Any) -> None:
    support = collect({"x": container(PATHS), "y": container(["d.png"])})
    assert support.labels == ("x", "x", "x", "y")
    with pytest.raises(SupportError, match="class 'z': no images found"):
        collect({"x": container(PATHS), "y": container(PATHS), "z": container([])})
    assert collect(container(PATHS), "aba", container(["n.png"])).labels == ("a", "b", "a", None)


def test_an_array_of_images_is_several() -> None:
    rgb, grey = np.zeros((3, 64, 64, 3), np.uint8), np.zeros((3, 28, 28), np.uint8)
    assert collect({"x": rgb, "y": grey}).labels == ("x",) * 3 + ("y",) * 3
    assert collect(grey, np.array(["x", "y", "x"])).names == ("image[0]", "image[1]", "image[2]")
    with pytest.raises(ImageError, match="one image where several were expected"):
        collect({"x": rgb[0], "y": rgb})


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1, 2, 1], ("1", "2", "1")),
        (np.array([1, 2, 1]), ("1", "2", "1")),
        ([1.0, 2.0, 1.0], ("1.0", "2.0", "1.0")),
        ([True, False, True], ("True", "False", "True")),
        (np.array(["x", "y", "x"]), ("x", "y", "x")),
        (Column([np.int64(3), np.str_("y"), "x"]), ("3", "y", "x")),
        (["x", "y", None], ("x", "y", None)),
        (["Cafe\u0301", "y", "Caf\u00e9"], ("Caf\u00e9", "y", "Caf\u00e9")),
    ],
)
def test_labels_become_text(labels: Any, expected: tuple[str | None, ...]) -> None:
    assert collect(PATHS, labels).labels == expected


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["x", float("nan"), "y"], r"label at position 1 is missing \(nan\)"),
        (np.array([1.0, 2.0, np.nan]), r"position 2 is missing"),
        (Column(["x", "y", NAType()]), r"position 2 is missing"),
        (["x", np.datetime64("NaT"), "y"], r"position 1 is missing"),
        (Column(["x", None, "y"]), r"position 1 is missing \(None\)"),
        (np.array(["x", None, "y"], object), r"position 1 is missing"),
        (np.ma.masked_array([1, 2, 3], [0, 1, 0]), r"position 1 is missing"),
        (np.eye(3), r"labels: a table of shape \(3, 3\), so position 0 is a row"),
        (np.array([["x"], ["y"], ["x"]]), r"table of shape \(3, 1\)"),
        ([["x"], ["y"], ["x"]], r"position 0 is a row, \['x'\]"),
        ([(0, 1), (1, 0), (0, 1)], r"position 0 is a row"),
        (["x", b"y", "x"], r"position 1 is bytes, b'y'; .*decode it"),
        (b"xyx", r"labels are bytes"),
        (["x", "", "y"], r"position 1 is an empty label"),
        (["x", " \u200b", "y"], r"position 1 is an empty label"),
        ({"x", "y", "z"}, r"labels: a set has no order"),
        ({0: "x"}, r"labels: a dict has no order"),
        (7, r"labels: expected a list, found int"),
        (["x", "y"], r"3 images but 2 labels; give one for each"),
    ],
)
def test_labels_that_are_none_are_refused_by_position(labels: Any, message: str) -> None:
    with pytest.raises(SupportError, match=message):
        collect(PATHS, labels)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"x": PATHS, float("nan"): PATHS}, r"a key of the mapping is missing"),
        ({"x": PATHS, b"y": PATHS}, r"a key of the mapping is bytes"),
        ({1: PATHS, "1": PATHS}, r"1 and '1': two keys of one name"),
        ({"Cafe\u0301": PATHS, "Caf\u00e9": PATHS}, r"'Cafe\\u0301' and 'Caf\\xe9': two keys"),
        ({"x": PATHS, "y": {"a.png": 1}}, r"class 'y': a dict has no order"),
        ({"x": PATHS, "y": 5}, r"class 'y': expected a list, found int"),
        ({"x": PATHS, "y": __file__}, r"class 'y': .* is a file; give a list of files"),
        ({"x": PATHS, "y": os.curdir + "/nowhere"}, r"class 'y': no images found"),
    ],
)
def test_mappings_that_are_none_are_refused(data: Any, message: str) -> None:
    with pytest.raises(SupportError, match=message):
        collect(data)


def test_a_classifier_is_fitted_on_arrays_columns_and_generators() -> None:
    stack = np.stack([np.asarray(draw(label, i)) for label in ("disc", "grid") for i in range(3)])
    labels = Column(["disc"] * 3 + ["grid"] * 3)
    fitted = FewShotClassifier().fit(stack, labels)
    new = np.stack([np.asarray(draw(c, i)) for c in ("disc", "grid") for i in range(50, 53)])
    assert fitted.score({"disc": new[:3], "grid": iter(new[3:])}) == 1
    more = (draw("stripes", i) for i in range(2))
    assert fitted.partial_fit(more, np.array(["stripes"] * 2)).class_names_[-1] == "stripes"
    assert fitted.evaluate(new, labels) is not None


def test_classes_that_look_alike_are_pointed_out() -> None:
    images = [draw(label, i) for label in ("disc", "grid") for i in range(2)]
    with pytest.warns(FewShotWarning, match=r"classes 'Cat' and 'cat ' look alike; rename one"):
        fitted = FewShotClassifier().fit(images, ["Cat", "Cat", "cat ", "cat "])
    more = [draw("stripes", 1)]
    with pytest.warns(FewShotWarning, match=r"'Cat' and 'cat ' and 'c\\u0430t'"):
        fitted.partial_fit(more, ["c\u0430t"])  # Cyrillic
