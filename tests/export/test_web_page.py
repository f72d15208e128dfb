"""The page: one file that holds all it needs, and answers in a browser like Python does."""

import base64
import functools
import gzip
import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot import FewShotClassifier
from fewshot.classifier.exported import ExportedClassifier
from fewshot.errors import UsageError
from fewshot.export.onnx_file import MODULE, export_classifier
from fewshot.export.web_page import export_page, find_runtime, write_page
from tests.conftest import CLASSES, Run, draw
from tests.helpers.browser import Browser
from tests.helpers.runtimes import require_package

pytest.importorskip("onnx", reason="exporting needs onnx: pip install 'fewshot[onnx]'")

# Class names are folder names: they may hold anything.
NAMES = ("<img src=x onerror=document.title='harm'>", "Äpfel & “Birnen”", "</script>")
RUNTIME = {
    "ort.wasm.bundle.min.mjs": b"export {}; // </script>",
    "ort-wasm-simd-threaded.wasm": b"\0",
}


@pytest.fixture(scope="module")
def file(support_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file whose classes have odd names; not to be written to."""
    data = {name: support_folder / label for name, label in zip(NAMES, CLASSES, strict=True)}
    path = tmp_path_factory.mktemp("file") / "classifier.onnx"
    return export_classifier(FewShotClassifier().fit(data), path)


@pytest.fixture(scope="module")
def page(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page that works; not to be written to."""
    runtime = require_package("onnxruntime-web") / "dist"
    return write_page(file, find_runtime(runtime), tmp_path_factory.mktemp("site") / "page")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser to open it in."""
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def address(page: Path) -> Iterator[str]:
    """The page on a web server."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=page.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def made_up_runtime(folder: Path) -> Path:
    for name, content in RUNTIME.items():
        (folder / name).write_bytes(content)
    return folder


def test_the_page_holds_the_classifier_and_the_runtime(file: Path, tmp_path: Path) -> None:
    page = write_page(file, made_up_runtime(tmp_path), tmp_path / "new" / "folder")
    assert page == tmp_path / "new" / "folder" / "index.html"
    assert [other.name for other in page.parent.iterdir()] == ["index.html"]
    text = page.read_text(encoding="utf-8")
    parts = re.findall(r'<script type="text/plain" id="\w+">([A-Za-z0-9+/=]+)</script>', text)
    held = [gzip.decompress(base64.b64decode(part)) for part in parts]
    assert held == [*RUNTIME.values(), MODULE.read_bytes(), file.read_bytes()]
    assert "{{" not in text


def test_the_page_loads_and_sends_nothing(file: Path, tmp_path: Path) -> None:
    text = write_page(file, made_up_runtime(tmp_path), tmp_path).read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy and policy[1].startswith("default-src 'none';")
    assert "connect-src" not in policy[1]
    assert not re.search(r'(src|href)="(?!data:)', text)


def test_without_the_runtime_it_says_what_to_install(
    fewshot: Run, models: Path, tmp_path: Path
) -> None:
    done = fewshot("export", "--models", models, "--html", "page")
    assert done.returncode == 2
    assert "npm install --ignore-scripts onnxruntime-web" in done.stderr
    assert "--onnxruntime-web" in done.stderr
    assert not (tmp_path / "page").exists()


def test_a_runtime_without_its_wasm_is_refused(tmp_path: Path) -> None:
    (made_up_runtime(tmp_path) / "ort-wasm-simd-threaded.wasm").unlink()
    with pytest.raises(UsageError, match="wasm: no such file"):
        find_runtime(tmp_path)


def test_another_page_is_not_replaced(models: Path, tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text("<p>mine", encoding="utf-8")
    classifier = FewShotClassifier.load(models)
    with pytest.raises(UsageError, match=r"index\.html: exists and was not written by fewshot"):
        export_page(classifier, tmp_path, runtime=made_up_runtime(tmp_path))
    assert page.read_text(encoding="utf-8") == "<p>mine"
    page.unlink()
    for _ in range(2):  # its own it replaces
        export_page(classifier, tmp_path, runtime=tmp_path)


def test_the_command_writes_the_page(fewshot: Run, models: Path, tmp_path: Path) -> None:
    dist = tmp_path / "node_modules" / "onnxruntime-web" / "dist"
    dist.mkdir(parents=True)
    made_up_runtime(dist)
    done = fewshot("export", "--models", models, "--html", "page", "--json")
    assert done.returncode == 0, done.stderr
    page = tmp_path / "page" / "index.html"
    assert json.loads(done.stdout)["bytes"] == page.stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["node_modules", "page"]


def turned(folder: Path) -> Path:
    """Write an image as a phone held upright does, lying on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = folder / "turned.jpg"
    draw("stripes", 5, 400).crop((0, 0, 400, 300)).save(path, quality=95, exif=exif)
    return path


def transparent(folder: Path) -> Path:
    """Write a transparent image."""
    image = draw("disc", 6, 300).convert("RGBA")
    image.putalpha(draw("stripes", 6, 300).convert("L"))
    path = folder / "transparent.png"
    image.save(path)
    return path


@pytest.mark.parametrize("served", [False, True])
def test_the_page_answers_like_python(
    served: bool,
    file: Path,
    page: Path,
    browser: Browser,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    browser.open(request.getfixturevalue("address") if served else page.as_uri())
    browser.wait_for("document.getElementById('about')?.children.length > 0")
    classifier = ExportedClassifier(file)
    for image in (turned(tmp_path), transparent(tmp_path)):
        browser.choose("#file", image)
        browser.wait_for(
            f"document.getElementById('name').textContent === '{image.name}' && "
            "document.getElementById('took').textContent !== ''"
        )
        expected = classifier.classify(image)
        labels = "[...document.querySelectorAll('li span')].map((label) => label.textContent)"
        assert browser.value(labels) == list(expected.scores)
        widths = "[...document.querySelectorAll('li i')].map((bar) => parseFloat(bar.style.width))"
        percents = [100 * probability for probability in expected.scores.values()]
        # Decoders of JPEG may differ by a shade.
        within = 0.5 if image.suffix == ".jpg" else 0.02
        np.testing.assert_allclose(browser.value(widths), percents, atol=within)
        verdict = browser.value("document.getElementById('verdict').textContent")
        unknown = f"unknown (closest: {expected.label})"
        assert verdict.startswith(expected.label) if expected.known else verdict == unknown
    assert browser.value("document.title") == "What does it show?"


def test_the_page_says_what_it_cannot_read(page: Path, browser: Browser, tmp_path: Path) -> None:
    letter = tmp_path / "letter.jpg"
    letter.write_text("Dear Sir", encoding="utf-8")
    browser.open(page.as_uri())
    browser.wait_for("document.getElementById('about')?.children.length > 0")
    browser.choose("#file", letter)
    browser.wait_for("!document.getElementById('problem').hidden")
    problem = browser.value("document.getElementById('problem').textContent")
    assert problem.startswith("letter.jpg: not an image that this browser can read")
