"""A report is one file that needs nothing else, and says what was measured, whatever the names."""

import dataclasses
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="plots need matplotlib: pip install 'fewshot[report]'")

from fewshot import Artifact, FewShotClassifier
from fewshot.artifact import SupportRecord
from fewshot.data_checks.finding import Finding
from fewshot.errors import ImageError, UsageError
from fewshot.evaluation.cross_validation import Evaluation, cross_validate, evaluate_on
from fewshot.heads.decision import fit_decision
from fewshot.prediction import Answers
from fewshot.report.page import require_replaceable, write_report
from fewshot.report.sections import section
from fewshot.report.sentences import confused_pairs, next_steps, percent, plural
from tests.conftest import Floats, Labels, clusters, make_artifact, make_record
from tests.helpers.browser import Browser

HARM = "<script>alert(1)</script>"


class Page(HTMLParser):
    """What a page holds: its tags, its attributes, and its text."""

    VOID = frozenset({"meta", "use", "path", "rect"})

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
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
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
        return " ".join("".join(self.words).replace("\u00a0", " ").split())

    def ids(self) -> list[str]:
        return [value for _, name, value in self.attributes if name == "id"]


def renamed(artifact: Artifact, *classes: str) -> Artifact:
    return dataclasses.replace(artifact, classes=classes)


def noisy(n_classes: int = 4, shots: int = 6) -> Artifact:
    """A classifier that makes mistakes, as some labels are wrong."""
    embeddings, labels = clusters(n_classes, shots)
    labels = labels.copy()
    labels[::5] = (labels[::5] + 1) % n_classes
    return make_artifact(embeddings, labels)


def large_artifact(embeddings: Floats, labels: Labels, classes: tuple[str, ...]) -> Artifact:
    """As `make_artifact`, of any number of classes."""
    small = make_artifact(*clusters(2, 2))
    n = len(classes)
    return dataclasses.replace(
        small,
        classes=classes,
        decision=fit_decision("centroid", embeddings, labels, n, 0.0)[0],
        support=make_record(embeddings, labels),
        references=Answers(embeddings[:4], np.zeros((4, n), np.float32), np.ones(4, bool)),
    )


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return renamed(noisy(), HARM, "Äpfel & “Birnen”", "כלב", 'a "b" {{title}}')


@pytest.fixture(scope="module")
def evaluation(artifact: Artifact) -> Evaluation:
    return cross_validate(artifact)


@pytest.fixture(scope="module")
def quick() -> tuple[Artifact, Evaluation]:
    """A classifier with too few images for a learning curve, which takes long."""
    embeddings, labels = clusters(3, 4)
    artifact = make_artifact(embeddings[:9], labels[:9])
    return artifact, cross_validate(artifact)


@pytest.fixture(scope="module")
def page(
    artifact: Artifact, evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory
) -> Page:
    """A report without photographs; not to be written to."""
    return Page(write_report(artifact, evaluation, tmp_path_factory.mktemp("report") / "r.html"))


def test_nothing_is_loaded_from_elsewhere(page: Page) -> None:
    assert not re.search(r"https?:|@import|//[a-z]", page.source.replace("// Sort", ""))
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "action", "data"):
            assert value.startswith("#"), (tag, name, value)
    assert not page.tags & Counter(("link", "iframe", "object", "embed", "base", "form", "img"))
    assert "default-src 'none'" in page.source
    assert all(url.startswith(("data:", "#")) for url in re.findall(r"url\(([^)]*)\)", page.source))


def test_names_are_text_and_tags_are_closed(page: Page) -> None:
    assert page.open == []
    assert page.tags["script"] == 1 and HARM in page.text
    assert 'a "b" {{title}}' in page.text and "Äpfel & “Birnen”" in page.text
    assert len(page.ids()) == len(set(page.ids()))


def test_the_order_is_that_of_importance(page: Page) -> None:
    wanted = ["mistakes", "confusion", "classes", "curve", "reliability", "map"]
    assert [name for name in page.ids() if name in wanted] == wanted
    assert page.text.index("What to do next") < page.text.index("Mistakes")
    assert [tag for tag in ("h1", "h2") if page.tags[tag]] == ["h1", "h2"]
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labels) == page.tags["svg"] == 4


def test_the_headline_has_its_interval_and_how_it_was_measured(
    page: Page, artifact: Artifact, evaluation: Evaluation
) -> None:
    found = evaluation.to_dict()
    assert f"{found['correct']} of 24 images got the right label" in page.text
    assert f"95 % interval {percent(found['accuracy_low'])}".replace("\u00a0", " ") in page.text
    assert "Leave-one-out: each image was asked about once" in page.text
    assert "4 classes" in page.text.replace("4classes", "4 classes")
    away = int((~evaluation.known).sum())
    assert f"{away} of 24 genuine images were called unknown" in page.text
    assert "(asked for: 5 %). Of 24 images of classes it was not shown" in page.text


def test_every_mistake_is_there_with_its_evidence(page: Page, evaluation: Evaluation) -> None:
    mistakes = evaluation.to_dict()["mistakes"]
    assert 3 < len(mistakes) == page.tags["article"]
    for mistake in mistakes:
        words = (
            f"is {mistake['truth']}taken for {mistake['label']}"
            f"probability {mistake['probability']:.2f}"
        )
        assert words in page.text.replace("\ufffd", "")
        assert mistake["image"] in page.text
        assert all(f"{near['similarity']:.2f}" in page.text for near in mistake["nearest"])
    assert page.text.count("unknown") >= sum(not mistake["known"] for mistake in mistakes)


def test_the_table_has_the_weakest_class_first(page: Page, evaluation: Evaluation) -> None:
    rows = re.findall(r'<th scope="row"><bdi class="name" title="([^"]*)">.*?</tr>', page.source)
    recalls = [row["recall"] for row in evaluation.to_dict()["classes"].values()]
    assert len(rows) == 4
    bars = [float(n) for n in re.findall(r"--part:([\d.]+)", page.source)]
    assert bars[1::2] == pytest.approx(sorted(recalls), abs=5e-4)


def test_the_same_bytes_twice(artifact: Artifact, evaluation: Evaluation, tmp_path: Path) -> None:
    first, second = (write_report(artifact, evaluation, tmp_path / name) for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_photographs_are_in_it_once(
    classifier: FewShotClassifier, support_folder: Path, tmp_path: Path
) -> None:
    artifact = classifier.artifact_
    given = np.roll(np.eye(3, dtype=np.float32)[artifact.support.labels], 1, axis=1)
    asked = artifact.support
    evaluation = Evaluation(
        "leave-one-out",
        artifact.classes,
        asked.names,
        asked.labels,
        given,
        np.arange(12) % 2 == 0,
        0.05,
        np.zeros(0, bool),
        {
            i: asked.take(np.arange(12) != i).nearest(artifact.classes, asked.embeddings[i], 0)
            for i in range(12)
        },
    )
    photographs = {name: support_folder / name for name in asked.names}
    steps: list[tuple[int, int]] = []
    file = write_report(
        artifact,
        evaluation,
        tmp_path / "report.html",
        photographs=photographs,
        progress=lambda done, total: steps.append((done, total)),
    )
    page = Page(file)
    assert page.tags["article"] == 12 and "12 images got a wrong label" in page.text
    assert len(re.findall("data:image/jpeg", page.source)) == 12
    assert len(set(re.findall(r"\.s\d+\{background-image", page.source))) == 12
    shown = [value for _, name, value in page.attributes if name == "class" and " s" in value]
    assert len(shown) == 12 + 12 * 3
    assert steps == [(i, 13) for i in range(1, 14)]
    again = write_report(
        artifact,
        evaluation,
        tmp_path / "other.html",
        photographs=photographs,
        asked=dict.fromkeys(asked.names, support_folder / asked.names[0]),
    )
    assert len(re.findall(r"\.q\d+\{", again.read_text(encoding="utf-8"))) == 12


def test_photographs_that_are_missing_leave_their_name(
    artifact: Artifact, evaluation: Evaluation, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    photographs = dict.fromkeys(evaluation.names, broken)
    photographs[evaluation.names[0]] = tmp_path / "gone.png"
    file = write_report(artifact, evaluation, tmp_path / "r.html", photographs=photographs)
    page = Page(file)
    assert "data:image" not in page.source
    mistake = evaluation.to_dict()["mistakes"][0]["image"]
    assert mistake.split("/")[-1] in page.text


def test_other_images_are_not_shown_as_support_images(
    artifact: Artifact, support_folder: Path, tmp_path: Path
) -> None:
    record = artifact.support
    evaluation = evaluate_on(artifact, record, "test/, 24 images")
    evaluation = dataclasses.replace(evaluation, skipped=(ImageError("damaged", "x.jpg"),))
    photograph = next(support_folder.rglob("*.png"))
    file = write_report(
        artifact,
        evaluation,
        tmp_path / "r.html",
        photographs=dict.fromkeys(record.names, photograph),
    )
    text = Page(file).text
    assert "Measured on other images than it was fitted on: test/, 24 images. 1 image could" in text
    assert "Rings mark mistakes" not in text
    assert "q0" not in file.read_text(encoding="utf-8")


def test_two_classes_without_mistakes(tmp_path: Path) -> None:
    artifact = make_artifact(*clusters(2, 6))
    page = Page(write_report(artifact, cross_validate(artifact), tmp_path / "r.html"))
    assert "100 % 12 of 12 images got the right label" in re.sub("%(?=1)", "% ", page.text)
    assert "There are none." in page.text and page.tags["article"] == 0
    assert page.tags["svg"] == 4 and "Most confused" not in page.text


def test_one_class_and_negatives(tmp_path: Path) -> None:
    embeddings, labels = clusters(2, 8)
    artifact = make_artifact(embeddings, labels, n_classes=1)
    evaluation = cross_validate(artifact)
    page = Page(write_report(artifact, evaluation, tmp_path / "r.html"))
    assert f"{evaluation.known.sum()} of 8 images of a were known as such" in page.text
    assert page.tags["svg"] == 1 and "8negatives" in page.text.replace(" ", "")
    assert "reliability" not in page.ids() and "classes" not in page.ids()


def test_a_hundred_classes(tmp_path: Path) -> None:
    labels = np.arange(199, dtype=np.int64) // 2  # the last class has one image
    embeddings = clusters(100, 2)[0][:199]
    classes = tuple(f"class {i:03} " + "x" * 70 for i in range(100))
    artifact = large_artifact(embeddings, labels, classes)
    chance = np.random.default_rng(0)
    truth = np.repeat(labels, 5)
    probabilities = chance.dirichlet(np.full(100, 0.02), len(truth)).astype(np.float32)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != truth).tolist()
    evidence = artifact.support.nearest(classes, embeddings[0], 0)
    evaluation = Evaluation(
        "other, 995 images",
        classes,
        tuple(f"{i}.jpg" for i in range(len(truth))),
        truth,
        probabilities,
        np.ones(len(truth), bool),
        0.0,
        np.zeros(0, bool),
        dict.fromkeys(wrong, evidence),
    )
    file = write_report(artifact, evaluation, tmp_path / "r.html")
    page = Page(file)
    assert page.tags["article"] == 60
    assert f"{len(wrong)} images got a wrong label, the surest first. The 60 surest" in page.text
    assert "Not measured: a class has only one image." in page.text
    assert "It never says unknown" in page.text
    assert len(re.findall(r'<th scope="row">', page.source)) == 100
    assert file.stat().st_size < 1.5e6


def test_it_fits_on_a_phone_and_sorts(
    artifact: Artifact, evaluation: Evaluation, tmp_path: Path
) -> None:
    browser = Browser(tmp_path / "profile")
    names = ("W" * 80, "日本語" * 20, "a" * 80, "b")
    classifier = renamed(artifact, *names)
    found = dataclasses.replace(evaluation, classes=names)
    try:
        size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        browser.call("Emulation.setDeviceMetricsOverride", **size)
        findings = [Finding("label", ("x" * 200,), "a" * 80, "odd " * 50, "look")]
        page = write_report(classifier, found, tmp_path / "r.html", findings=findings)
        browser.open(page.as_uri())
        browser.wait_for("document.querySelector('th button') !== null")
        assert browser.value("document.documentElement.scrollWidth") == 390
        first = "document.querySelector('tbody td').textContent"
        browser.value("document.querySelector('th button').click()")
        assert browser.value(first) == "1"
        browser.value("document.querySelector('th button').click()")
        assert browser.value(first) == "4"
    finally:
        browser.close()


FINDINGS = (
    Finding("tiny", ("1/0.png",), None, "12 x 9 pixels <b>", "find a larger one"),
    Finding("label", ("0/0.png", "gone.png"), "b", "looks like c", "look at it"),
    *(Finding("copy", (f"0/{i}.png",), None, "the same", "remove one") for i in range(25)),
)


def test_findings_are_grouped_and_counted(
    quick: tuple[Artifact, Evaluation], tmp_path: Path
) -> None:
    file = tmp_path / "r.html"
    page = Page(write_report(*quick, file, findings=FINDINGS))
    for words in ("1 label may be wrong", "1 image is very small", "25 images are there more than"):
        assert words in page.text
    assert page.text.index("1 label may") < page.text.index("1 image is very small")
    assert "12 x 9 pixels <b>" in page.text and "and 5 more" in page.text
    assert "Look at a label that may be wrong" in page.text
    assert "check" in page.ids()
    page = Page(write_report(*quick, file, findings=[]))
    assert "found nothing that needs attention" in page.text
    assert "check" not in Page(write_report(*quick, file)).ids()


def test_findings_show_photographs_by_their_path(
    quick: tuple[Artifact, Evaluation], support_folder: Path, tmp_path: Path
) -> None:
    photograph = next(support_folder.rglob("*.png"))
    findings = [Finding("outlier", (str(photograph), "gone.png"), "a", "odd", "look at it")]
    file = tmp_path / "r.html"
    for where in ("photographs", "asked"):
        page = Page(write_report(*quick, file, findings=findings, **{where: {"x.png": photograph}}))
        assert page.source.count("data:image") == 1 and "gone.png" in page.text


def test_another_file_is_not_replaced(quick: tuple[Artifact, Evaluation], tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("<p>mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"report\.html: is there and is no report of fewshot"):
        write_report(*quick, file)
    assert file.read_text(encoding="utf-8") == "<p>mine"
    with pytest.raises(UsageError, match="is a folder; give the name of a file"):
        write_report(*quick, tmp_path)
    file.unlink()
    for _ in range(2):  # its own it replaces
        write_report(*quick, file)
    require_replaceable(tmp_path / "new" / "folder" / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path) -> None:
    script = """
import sys
sys.modules["matplotlib"] = None
from fewshot.errors import UsageError
from fewshot.report.page import write_report
try:
    write_report(None, None, "report.html")
except UsageError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert "pip install 'fewshot[report]'" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_importing_it_imports_no_matplotlib() -> None:
    script = "import fewshot.report.page, sys; print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "False", done.stderr


def made_up(confusion: list[list[int]]) -> Evaluation:
    """An evaluation with these answers."""
    counts = np.array(confusion)
    truth, given = np.repeat(np.argwhere(counts), counts[counts > 0], axis=0).T
    n, total = len(counts), len(truth)
    return Evaluation(
        "leave-one-out",
        tuple("abcdefgh"[:n]),
        tuple(f"{i}.jpg" for i in range(total)),
        truth,
        np.eye(n, dtype=np.float32)[given],
        np.ones(total, bool),
        0.05,
        np.zeros(0, bool),
        dict.fromkeys(np.flatnonzero(truth != given).tolist(), SupportRecord(
            np.eye(2, dtype=np.float32), np.arange(2), ("x", "y"), ("", "")
        ).nearest("ab", np.float32([1, 0]), 0)),
    )  # fmt: skip


def test_confused_pairs_have_the_commoner_way_first() -> None:
    found = confused_pairs(made_up([[20, 1, 0], [3, 20, 0], [0, 5, 20]]))
    assert found == [("c", "b", 5, 0), ("b", "a", 3, 1)]
    assert confused_pairs(made_up([[20, 0], [0, 20]])) == []


@pytest.mark.parametrize(
    ("confusion", "curve", "words"),
    [
        ([[90, 0], [0, 90]], None, ["Nothing was confused: try it on images taken elsewhere"]),
        ([[4, 0], [0, 4]], None, ["With 8 images this is known only roughly"]),
        (
            [[90, 3], [0, 90]],
            (0.9, 0.98, "a"),
            ["to 98 %; more photos of a would", "confused most"],
        ),
        ([[90, 0], [1, 90]], (0.9, 0.98, None), ["accuracy rose from 90 % to 98 %."]),
        ([[90, 0], [1, 90]], (0.97, 0.975, "a"), ["From 4 to 8 images per class accuracy hardly"]),
        ([[90, 0], [1, 90]], None, []),
    ],
)
def test_the_next_steps_say_what_was_measured(
    confusion: list[list[int]], curve: tuple[float, float, str | None] | None, words: list[str]
) -> None:
    evaluation = made_up(confusion)
    points = curve and [{"shots": 4 * i, "accuracy": curve[i - 1]} for i in (1, 2)]
    measured = curve and {"curve": points, "wanted": curve[2]}
    steps = next_steps(evaluation, evaluation.to_dict(), (), measured)
    steps = [re.sub("<.*?>", "", step).replace("\u00a0", " ") for step in steps]
    assert len(steps) == len(words)
    assert all(word in step for word, step in zip(words, steps, strict=True)), steps


def test_images_unlike_those_fitted_on_are_told_of() -> None:
    evaluation = made_up([[90, 0], [0, 90]])
    known = np.arange(180) % 5 > 0
    for protocol, words in (
        ("t, 180 images", "More images were called"),
        ("leave-one-out", "Noth"),
    ):
        odd = dataclasses.replace(evaluation, protocol=protocol, known=known)
        assert next_steps(odd, odd.to_dict(), (), None)[0].startswith(words)


def test_numbers_are_worded() -> None:
    parts = (0, 0.001, 0.0049, 0.5, 0.9949, 0.9951, 0.9999, 1)
    shown = [percent(part).replace("\u00a0%", "") for part in parts]
    assert shown == ["0", "0.1", "0.5", "50", "99", "99.5", "99.9", "100"]
    assert (plural(1, "image"), plural(1200, "image")) == ("1 image", "1,200 images")
    assert section("x", "Nothing", "", "") == ""
