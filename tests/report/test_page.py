"""A report is one file that needs nothing else, and says what was measured, whatever the names."""

import dataclasses
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="a report needs jinja2: pip install jinja2")

from fewshot import Artifact
from fewshot.data_checks.finding import Finding
from fewshot.errors import UsageError
from fewshot.evaluation.cross_validation import Evaluation, cross_validate
from fewshot.heads.decision import fit_decision
from fewshot.prediction import Answers
from fewshot.report.page import require_report, write_report
from tests.conftest import clusters, make_artifact, make_record
from tests.helpers.browser import Browser
from tests.report.conftest import HARD_NAMES, Page, make_evaluation, noisy_artifact

Measured = tuple[Artifact, Evaluation]


def measured(artifact: Artifact) -> Measured:
    return artifact, cross_validate(artifact)


def many_classes(n: int, shots: int) -> Measured:
    """A classifier of many classes with hard names, and answers by chance."""
    names = tuple(f"{HARD_NAMES[i % 4]} {i}" for i in range(n))
    embeddings, labels = clusters(n, shots)
    artifact = dataclasses.replace(
        make_artifact(*clusters(2, 2)),
        classes=names,
        decision=fit_decision("centroid", embeddings, labels, n, 0.0)[0],
        support=make_record(embeddings, labels),
        references=Answers(embeddings[:4], np.zeros((4, n), np.float32), np.ones(4, bool)),
    )
    confusion = 2 * np.eye(n, dtype=int) + np.roll(np.eye(n, dtype=int), 1, axis=1)
    return artifact, make_evaluation(confusion.tolist(), "others", names)


@pytest.fixture(scope="module")
def hard() -> Measured:
    """A classifier that makes mistakes, with hard names of classes."""
    return measured(noisy_artifact(HARD_NAMES))


@pytest.fixture(scope="module")
def quick() -> Measured:
    """A classifier with too few images for a learning curve, which takes long."""
    embeddings, labels = clusters(3, 4)
    return measured(make_artifact(embeddings[:9], labels[:9]))


@pytest.fixture(scope="module")
def page(hard: Measured, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A report without images; not to be written to."""
    file = tmp_path_factory.mktemp("report") / "r.html"
    return Page(write_report(*hard, file, folder="flowers/<x>", findings=[]))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def test_nothing_is_loaded_from_elsewhere(page: Page) -> None:
    assert not re.search(r"https?:|@import|//[a-z]", page.source)
    assert all(value.startswith("#") for value in page.values("href"))
    assert not page.values("src") and not page.values("action")
    assert not page.tags & Counter(("link", "iframe", "object", "embed", "base", "form", "img"))
    assert "default-src 'none'" in page.source


def test_names_are_text_and_tags_are_closed(page: Page) -> None:
    assert page.open == [] and page.tags["script"] == 1
    assert "<script>alert(1)</script>" in page.text and "flowers/<x>" in page.text
    assert r"a\u202egpj\n.exe" in page.text
    assert "\u202e" not in page.source and "{{" not in page.source
    ids = page.values("id")
    assert len(ids) == len(set(ids)) > 0


def test_title_date_and_folder_are_at_the_top(page: Page) -> None:
    top = page.text[: page.text.index("accuracy:")]
    assert "Classifier of 4 classes" in top
    assert "Fitted 2026-05-17 08:09 UTC, training images in flowers/<x>" in top


def test_the_sections_have_the_terms_of_the_field(page: Page) -> None:
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page.source)
    assert headings == [
        "What to do next",
        "Data checks",
        "Mistakes",
        "Confusion matrix",
        "Precision and recall per class",
        "Learning curve",
        "Calibration",
        "Embedding map",
        "About this classifier",
    ]


def test_the_numbers_are_the_same_everywhere(page: Page, hard: Measured) -> None:
    found = hard[1].to_dict()
    right, total = found["correct"], found["images"]
    title = re.findall(r"<title>(.*?)</title>", page.source.replace("\u00a0", " "))[0]
    assert title == f"Classifier of 4 classes: {100 * right / total:.0f} % accuracy"
    assert f"{100 * right / total:.0f} % accuracy: {right} of {total} images correct" in page.text
    assert f"{total - right} images of {total} got a wrong label" in page.text
    assert page.tags["article"] == total - right
    cells = re.findall(r'<i class="(ok|bad).*?>(\d+)</i>', page.source)
    assert sum(int(count) for kind, count in cells if kind == "ok") == right
    assert sum(int(count) for kind, count in cells if kind == "bad") == total - right
    pairs = re.search(r'<div class="pairs">.*?</div>', page.source, re.S)
    assert pairs
    assert sum(map(int, re.findall(r"<b>(\d+)</b>", pairs[0]))) == total - right
    rejected = int((~hard[1].known).sum())
    assert f"False rejections: {rejected} of {total} images" in page.text


def test_every_mistake_is_there_with_its_nearest_images(page: Page, hard: Measured) -> None:
    cards = re.findall(r"<article.*?</article>", page.source, re.S)
    mistakes = hard[1].to_dict()["mistakes"]
    for card, mistake in zip(cards, mistakes, strict=True):
        assert f"{mistake['image']}</small>" in card
        assert f"probability {mistake['probability']:.2f}" in card
        similarities = re.findall(r"<small>([\d.]+)</small>", card)
        assert similarities == [f"{near['similarity']:.2f}" for near in mistake["nearest"]]
        assert ("unknown</span>" in card) == (not mistake["known"])


def test_the_table_has_the_weakest_class_first(page: Page, hard: Measured) -> None:
    bars = [float(n) for n in re.findall(r"--part:([\d.]+)", page.source)]
    recalls = [row["recall"] for row in hard[1].to_dict()["classes"].values()]
    assert bars[1::2] == pytest.approx(sorted(recalls), abs=5e-4)


def test_the_same_bytes_twice(quick: Measured, tmp_path: Path) -> None:
    first, second = (write_report(*quick, tmp_path / name) for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_images_are_shown(support_folder: Path, tmp_path: Path) -> None:
    artifact, evaluation = measured(noisy_artifact())
    paths = sorted(support_folder.rglob("*.png"))
    images = {name: paths[i % 12] for i, name in enumerate(artifact.support.names)}
    steps: list[tuple[int, int]] = []
    file = tmp_path / "r.html"
    write_report(
        artifact,
        evaluation,
        file,
        images=images,
        progress=lambda done, total: steps.append((done, total)),
    )
    page = Page(file)
    copies = re.findall(r"\.(t\d+)\{background-image:url\(data:image/jpeg", page.source)
    assert len(copies) == len(set(copies)) == len(steps) - 1
    assert steps == [(i, len(steps)) for i in range(1, len(steps) + 1)]
    shown = re.findall(r'class="photo (\w+)"', page.source)
    assert set(shown) == set(copies) and len(shown) > len(copies)
    assert "There are no thumbnails" not in page.text
    others = dataclasses.replace(evaluation, protocol="others, 24 images")
    write_report(artifact, others, file, test_images=images)
    assert 0 < len(re.findall(r"url\(data:", file.read_text("utf-8"))) < len(copies)


def test_without_images_it_says_why(page: Page) -> None:
    assert "There are no thumbnails, because the images were not given" in page.text
    assert page.source.count("not given</span>") > page.tags["article"]


def test_an_image_that_cannot_be_read_leaves_its_name(quick: Measured, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    findings = [Finding("unreadable", (str(broken),), None, "no image", "replace it")]
    images = {"x": np.zeros((8, 8, 3), np.uint8)}
    page = Page(write_report(*quick, tmp_path / "r", findings=findings, images=images))
    assert "broken.png cannot be read" in page.text


def test_images_that_were_not_held_out_are_not_marked(tmp_path: Path) -> None:
    artifact = make_artifact(*clusters(2, 2))
    confusion = [[1, 1], [0, 2]]
    for protocol, marked in (("test/, 4 images", False), ("4-fold cross-validation", True)):
        evaluation = make_evaluation(confusion, protocol)
        evaluation = dataclasses.replace(evaluation, names=artifact.support.names)
        page = Page(write_report(artifact, evaluation, tmp_path / "r.html"))
        assert ("ring" in page.values("class"), "Rings mark" in page.text) == (marked, marked)


def test_findings_are_shown(quick: Measured, tmp_path: Path) -> None:
    findings = [
        Finding("tiny", ("1/0.png",), None, "12 x 9 pixels <b>", "find a larger one"),
        *(Finding("copy", (f"0/{i}.png",), None, "the same", "remove one") for i in range(25)),
        Finding("few", (), "<c>", "2 images", "add some"),
    ]
    file = tmp_path / "r.html"
    text = Page(write_report(*quick, file, findings=findings)).text
    assert "25 images are there more than once" in text and "and 5 more" in text
    assert "12 x 9 pixels <b>" in text and "<c> : 2 images" in text
    assert "checks found nothing" in Page(write_report(*quick, file, findings=[])).text
    assert "Data checks" not in Page(write_report(*quick, file)).text


def test_two_classes_without_mistakes(tmp_path: Path) -> None:
    page = Page(write_report(*measured(make_artifact(*clusters(2, 6))), tmp_path / "r.html"))
    assert "100 % accuracy: 12 of 12 images correct" in page.text
    assert "There are none." in page.text and page.tags["article"] == 0
    assert "Most confused" not in page.text


def test_one_class_and_negatives(tmp_path: Path) -> None:
    embeddings, labels = clusters(2, 8)
    artifact, evaluation = measured(make_artifact(embeddings, labels, n_classes=1))
    page = Page(write_report(artifact, evaluation, tmp_path / "r.html"))
    assert f"accepted: {evaluation.known.sum()} of 8 images of" in page.text
    assert "negatives 8" in page.text and "none of the classes" in page.text
    assert "Calibration" not in page.text and "Confusion matrix" not in page.text


def test_a_class_with_one_image_has_no_learning_curve(tmp_path: Path) -> None:
    embeddings, labels = clusters(2, 3)
    page = Page(write_report(*measured(make_artifact(embeddings[:4], labels[:4])), tmp_path / "r"))
    assert "Not measured: a class has only one image." in page.text
    assert "1 image could not be held out" in page.text


def test_a_hundred_classes_make_no_large_file(tmp_path: Path) -> None:
    page = Page(write_report(*many_classes(100, 1), tmp_path / "r.html"))
    assert page.tags["article"] == 60 and "100 images of 300 got a wrong label" in page.text
    assert len(re.findall(r'<i class="(?:ok|bad)', page.source)) == 200
    assert len(page.source) < 0.5e6


def test_another_file_is_not_replaced(quick: Measured, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("<p>mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"report\.html: exists and was not written by fewshot"):
        write_report(*quick, file)
    assert file.read_text(encoding="utf-8") == "<p>mine"
    with pytest.raises(UsageError, match="is a folder; give the name of a file"):
        write_report(*quick, tmp_path)
    file.unlink()
    for _ in range(2):  # its own it replaces
        write_report(*quick, file)
    require_report(tmp_path / "new" / "folder" / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_without_jinja2_it_says_what_to_install(tmp_path: Path) -> None:
    script = """
import sys
sys.modules["jinja2"] = None
from pathlib import Path
from fewshot.errors import UsageError
from fewshot.report.page import require_report
try:
    require_report(Path("report.html"))
except UsageError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert "pip install jinja2" in done.stdout, done.stderr


def show(browser: Browser, file: Path, width: int) -> None:
    """Open a page in a window of that width."""
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.call("Emulation.setDeviceMetricsOverride", **size)
    browser.open(file.as_uri())
    browser.wait_for("document.querySelector('[data-hint]') !== null")


def test_on_a_phone_nothing_but_charts_is_wider_than_the_screen(
    browser: Browser, hard: Measured, tmp_path: Path
) -> None:
    names = ("W" * 80, "日本語" * 20, "a" * 80, "b")
    artifact, evaluation = (dataclasses.replace(each, classes=names) for each in hard)
    findings = [Finding("label", ("x" * 200,), "a" * 80, "odd " * 50, "look")]
    file = write_report(artifact, evaluation, tmp_path / "r.html", findings=findings)
    show(browser, file, 390)
    assert browser.value("document.documentElement.scrollWidth") == 390
    hint = "document.querySelector('.map').parentElement.dataset.hint"
    assert "sideways" in browser.value(hint)
    show(browser, file, 1280)
    assert browser.value(hint) == ""


def test_the_names_of_75_classes_overlap_nothing(browser: Browser, tmp_path: Path) -> None:
    show(browser, write_report(*many_classes(75, 2), tmp_path / "r.html"), 1280)
    overlaps = """
(() => {
  const boxes = [...document.querySelectorAll("%s")].map((name) => name.getBoundingClientRect());
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
    && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return [boxes.length, boxes.filter((a, i) => boxes.slice(i + 1).some((b) => meet(a, b))).length];
})()"""
    for selector in (".matrix .true", ".matrix .given", ".matrix .true, .matrix i"):
        count, overlapping = browser.value(overlaps % selector)
        assert count >= 75 and overlapping == 0, selector
    count, overlapping = browser.value(overlaps % ".map .label")
    assert count > 60 and overlapping == 0


def test_the_table_sorts(browser: Browser, hard: Measured, tmp_path: Path) -> None:
    artifact, evaluation = (dataclasses.replace(each, classes=tuple("badc")) for each in hard)
    show(browser, write_report(artifact, evaluation, tmp_path / "r.html"), 1280)
    first = "document.querySelector('tbody bdi').textContent"
    for expected in "ad":
        browser.value("document.querySelector('th button').click()")
        assert browser.value(first) == expected
