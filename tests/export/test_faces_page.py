"""The page of a classifier of faces: boxes with names over images, as Python gives them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fewshot import ExportedClassifier, FewShotClassifier, export_classifier
from fewshot.export.web_page import find_runtime, write_page
from tests.conftest import draw
from tests.helpers.browser import Browser
from tests.helpers.drawn_faces import draw_group, draw_person
from tests.helpers.runtimes import require_package

pytest.importorskip("onnx", reason="exporting needs onnx")

TEXT = "document.getElementById('{}').textContent"
# The boxes: names, and sides as parts of the image in percent.
NAMES = "[...document.querySelectorAll('.face span')].map((name) => name.textContent)"
SIDES = """[...document.querySelectorAll('.face')].map(({ style }) =>
  [style.left, style.top, style.width, style.height].map(parseFloat))"""
SCORES = """[...document.querySelectorAll('li')].map((row) =>
  [row.querySelector('span').textContent, parseFloat(row.querySelector('i').style.width)])"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    people = {name: [draw_person(name, seed) for seed in range(4)] for name in ("anna", "ben")}
    fitted = FewShotClassifier(crop="face").fit(people)
    return export_classifier(fitted, tmp_path_factory.mktemp("exported") / "classifier.onnx")


@pytest.fixture(scope="module")
def page(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runtime = find_runtime(require_package("onnxruntime-web") / "dist")
    return write_page(file, runtime, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def browser(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with the page open, and a camera that shows a test pattern."""
    profile = tmp_path_factory.mktemp("profile")
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    browser = Browser(profile, flags)
    browser.open(page.as_uri())
    browser.wait_for("document.getElementById('about')?.children.length > 0")
    yield browser
    browser.close()


def choose(browser: Browser, image: Path) -> None:
    browser.choose("#file", image)
    browser.wait_for(f"{TEXT.format('name')} === '{image.name}' && {TEXT.format('took')} !== ''")


def test_each_face_gets_a_box_with_its_name(file: Path, browser: Browser, tmp_path: Path) -> None:
    image = tmp_path / "group.png"
    group = draw_group(["cleo", "anna", "ben"])
    group.save(image)
    choose(browser, image)
    expected = ExportedClassifier(file).classify_faces(image)
    texts = [f"{e.label} {e.probability:.2f}" if e.known else "unknown" for e in expected]
    assert browser.value(NAMES) == texts
    assert [text.split()[0] for text in texts] == ["unknown", "anna", "ben"]
    unknown = "[...document.querySelectorAll('.face')].map((face) => face.matches('.unknown'))"
    assert browser.value(unknown) == [True, False, False]
    size = np.tile(group.size, 2)
    boxes = [
        [box[0], box[1], box[2] - box[0], box[3] - box[1]] for box in (e.box for e in expected)
    ]
    np.testing.assert_allclose(browser.value(SIDES), 100 * np.array(boxes) / size, atol=0.4)
    largest = max(expected, key=lambda e: (e.box[2] - e.box[0]) * (e.box[3] - e.box[1]))
    for label, width in browser.value(SCORES):
        assert abs(width / 100 - largest.scores[label]) < 1e-3
    assert browser.value(TEXT.format("note")).startswith("The largest of 3 faces.")


def test_an_image_without_a_face_is_said_to_have_none(browser: Browser, tmp_path: Path) -> None:
    person, empty = tmp_path / "person.png", tmp_path / "empty.png"
    draw_person("anna", 50).save(person)
    draw("disc", 1).save(empty)
    choose(browser, person)
    assert len(browser.value(NAMES)) == 1
    choose(browser, empty)
    assert browser.value(TEXT.format("verdict")) == "no face found"
    assert browser.value(NAMES) == [] and browser.value(SCORES) == []


def test_the_camera_is_classified_until_it_is_stopped(browser: Browser, tmp_path: Path) -> None:
    browser.value("document.getElementById('camera').click()")
    browser.wait_for("!document.getElementById('video').hidden")
    browser.wait_for(
        f"{TEXT.format('took')}.startsWith('Took') && {TEXT.format('name')} === 'camera'"
    )
    assert browser.value(TEXT.format("camera")) == "Stop the camera"
    assert browser.value(TEXT.format("verdict")) == "no face found"
    image = tmp_path / "after.png"
    draw_person("anna", 50).save(image)
    choose(browser, image)  # ends the camera
    assert browser.value("document.getElementById('video').hidden")
    assert browser.value("document.getElementById('video').srcObject.active") is False
    assert browser.value(TEXT.format("camera")) == "Use the camera"
    assert len(browser.value(NAMES)) == 1
