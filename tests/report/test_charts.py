"""Plots are SVG that fits into a page: names of any script, no id twice, nothing from outside."""

import dataclasses
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="plots need matplotlib: pip install 'fewshot[report]'")

from fewshot.report.charts import curve_chart, reliability_chart
from fewshot.report.confusion_chart import confusion_chart
from fewshot.report.embedding_map import Box, map_chart
from fewshot.report.escape import clean, shorten, text_width
from fewshot.report.projection import choose, project
from fewshot.report.svg import Plot, colour, drawing
from tests.conftest import clusters, make_record

NAMES = (
    "<b>&\"'",
    "日本語の花の名前はとても長いのでここで切れるはずです",
    "$\\frac",
    "כלב",
    "W" * 80,
)


def parse(svg: str) -> ElementTree.Element:
    """Read an SVG as strictly as XML is read."""
    return ElementTree.fromstring(svg.replace("xlink:href", "href"))


def texts(svg: str) -> list[str]:
    """List what is written in a plot, without what shows on hover."""
    elements = parse(svg).iter("text")
    return [(element.text or "") + "".join(e.tail or "" for e in element) for element in elements]


def titles(svg: str) -> list[str]:
    return [element.text or "" for element in parse(svg).iter("title")]


def test_the_confusion_matrix_names_classes_and_counts() -> None:
    confusion = np.eye(5, dtype=np.int64) * 3
    confusion[1, 2] = 4
    with drawing():
        svg = confusion_chart(confusion, NAMES)
    written = texts(svg)
    assert written.count("3") == 5 and written.count("4") == 1 and "0" not in written
    assert all(written.count(name) == 2 for name in (NAMES[0], NAMES[2], NAMES[3]))
    assert sum(text.startswith("WWWWW") and text.endswith("W…") for text in written) == 2
    assert f"{NAMES[1]}: 4 of 7 taken for {NAMES[2]}" in titles(svg)
    assert titles(svg).count(NAMES[4]) == 2  # what was shortened can be read on hover
    assert parse(svg).get("aria-label", "").endswith("4 of 19 images off the diagonal")


def test_a_large_confusion_matrix_is_shaded_and_numbered() -> None:
    confusion = np.eye(100, dtype=np.int64) * 3
    confusion[7, 9] = 1
    with drawing():
        svg = confusion_chart(confusion, [f"class {i}" for i in range(100)])
    numbers = ["1", *map(str, range(10, 101, 10))]
    assert sorted(texts(svg)) == sorted([*numbers, *numbers, "label given", "true class"])
    assert "class 7: 1 of 4 taken for class 9" in titles(svg)


def test_the_curve_writes_its_accuracies() -> None:
    curve = [{"shots": n, "accuracy": a} for n, a in ((1, 0.04), (2, 0.613), (4, 1.0))]
    with drawing():
        written = texts(curve_chart(curve))
    assert {"1", "2", "4", "4 %", "61 %", "100 %"} <= set(written)
    with drawing():
        assert "97 %" in texts(curve_chart([{"shots": 1, "accuracy": 0.97}]))


def test_the_reliability_diagram_counts_images_in_bins() -> None:
    probabilities = np.float32([[0.99, 0.01]] * 7 + [[0.55, 0.45]] * 3 + [[1, 0]])
    with drawing():
        svg = reliability_chart(probabilities, np.array([0] * 6 + [1] + [0, 1, 1, 0]))
    assert {"8", "3"} <= set(texts(svg))
    assert titles(svg) == [
        "1 of 3 right at a probability of 0.55",
        "7 of 8 right at a probability of 0.99",
    ]


def test_the_map_names_classes_and_points() -> None:
    embeddings, labels = clusters(5, 4)
    record = make_record(embeddings, labels)
    with drawing():
        svg = map_chart(record, NAMES[:4], {"0/1.png"})  # the last label is the negatives
    assert sum(text in NAMES for text in texts(svg)) == 3
    assert len(titles(svg)) == 20 + 1  # and a name that was shortened
    assert f"{NAMES[0]}: 0/1.png" in titles(svg)
    assert "none of the classes: 4/16.png" in titles(svg)
    assert "20 support images of 4 classes" in parse(svg).get("aria-label", "")


def test_the_map_of_many_classes_has_numbers() -> None:
    embeddings, labels = clusters(25, 2)
    with drawing():
        written = texts(map_chart(make_record(embeddings, labels), [*map(str, labels)][:25], ()))
    assert set(written) <= {str(i + 1) for i in range(25)} and len(written) > 15


@pytest.mark.parametrize("n", [2, 3, 9, 30])
def test_like_lies_by_like(n: int) -> None:
    embeddings, labels = clusters(2, 15)
    rows = np.sort(np.random.default_rng(n).permutation(30)[:n])
    places = project(embeddings[rows])
    assert places.shape == (n, 2) and places.dtype == np.float32
    assert places.min() == 0 and places.max() == pytest.approx(1)
    np.testing.assert_array_equal(places, project(embeddings[rows]))
    if n == 30:
        apart = np.linalg.norm(places[:, None] - places[None], axis=2)
        same = labels[:, None] == labels[None]
        assert apart[same].mean() < apart[~same].mean() / 2


def test_copies_of_one_image_have_a_place_too() -> None:
    places = project(np.repeat(clusters(2, 1)[0][:1], 12, axis=0))
    assert np.isfinite(places).all()


def test_of_many_images_the_mistakes_are_kept() -> None:
    record = make_record(*clusters(2, 1100, dim=2))
    record = dataclasses.replace(record, names=tuple(map(str, range(2200))))
    mistakes = {str(i) for i in range(0, 2200, 40)}
    few = choose(record, mistakes)
    assert len(few.names) == 2000 and mistakes <= set(few.names)
    assert few.names == choose(record, mistakes).names == tuple(sorted(few.names, key=int))
    assert choose(few, ()) is few


def test_plots_share_no_id_and_depend_on_nothing() -> None:
    with drawing():
        plots = [
            curve_chart([{"shots": 1, "accuracy": 0.5}, {"shots": 2, "accuracy": 0.7}]),
            reliability_chart(np.float32([[0.9, 0.1]]), np.array([0])),
            confusion_chart(np.eye(2, dtype=np.int64), "ab"),
            map_chart(make_record(*clusters(2, 2)), "ab", ()),
        ]
    page = "".join(plots)
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids)) > 0
    references = re.findall(r'(?:href="|url\()#([^")]*)', page)
    assert set(references) <= set(ids)
    assert not re.search(r"http|<style|<metadata|<image|#0[ef]\w\w0[ef]\b|@@|DejaVu", page)
    assert "var(--ink)" in page and "var(--font)" in page


def test_a_users_settings_of_matplotlib_change_nothing() -> None:
    import matplotlib

    def draw() -> str:
        with drawing():
            return curve_chart([{"shots": 1, "accuracy": 0.5}])

    plain = draw()
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.grid": True}):
        assert draw() == plain
        assert matplotlib.rcParams["font.size"] == 30


def test_names_are_cut_to_the_room_there_is() -> None:
    for name in NAMES:
        cut = shorten(name, 60)
        assert text_width(cut) <= 60 and (cut == name or cut.endswith("…"))
    assert shorten("daisy", 60) == "daisy"
    assert shorten("a daisy of the meadow", 62) == "a daisy…"


def test_names_are_made_safe() -> None:
    assert clean("<a href='x'>&\"") == "&lt;a href=&#x27;x&#x27;&gt;&amp;&quot;"
    assert clean("a\nb\0") == "a\ufffdb\ufffd"
    assert clean("\udcff").encode() == b"?"  # a file name that is no UTF-8


def test_a_plot_measures_in_pixels() -> None:
    with drawing():
        plot = Plot("tiny", 100, 50)
        axes = plot.axes(10, 20, 40, 10)
        axes.set(xlim=(0, 40), ylim=(10, 0))
        axes.axis("off")
        gid = plot.titled(["a", "b"])
        axes.plot([0, 40], [0, 10], "o", ls="none", mfc=colour("ink"), gid=gid)
        svg = plot.svg("two points", least_width=70)
    assert parse(svg).get("viewBox") == "0 0 100 50"
    assert "min-width:70px" in svg
    points = [(use.get("x"), use.get("y")) for use in parse(svg).iter("use")]
    assert points == [("10", "20"), ("50", "30")]
    assert titles(svg) == ["a", "b"]


def test_boxes_meet_where_they_overlap() -> None:
    box = Box(0, 0, 10, 10)
    assert box.meets(Box(9, 9, 10, 10)) and box.meets(Box(2, 2, 3, 3))
    assert not box.meets(Box(10, 0, 10, 10)) and not box.meets(Box(0, 11, 10, 10))
