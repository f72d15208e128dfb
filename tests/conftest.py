"""Pictures and embeddings that the tests make up, and a classifier fitted on them once."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fewshot import Artifact, FewShotClassifier
from fewshot.artifact import BackboneReference, SupportRecord
from fewshot.cli import main
from fewshot.heads.decision import fit_decision
from fewshot.images.preprocessing import Preprocessing
from fewshot.prediction import Answers

CLASSES = ("disc", "grid", "stripes")
Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run all tests on several processors, and a few named ones in this process."""
    return None if config.args == config.getini("testpaths") else 0


def draw(label: str, seed: int, size: int = 96) -> Image.Image:
    """Draw a picture of a class, with colours and place by chance."""
    chance = np.random.default_rng([CLASSES.index(label), seed])
    paper, ink = (tuple(int(v) for v in chance.integers(a, b, 3)) for a, b in ((150, 255), (0, 90)))
    image = Image.new("RGB", (size, size), paper)
    pen = ImageDraw.Draw(image)
    step = int(chance.integers(10, 18))
    if label == "disc":
        x, y = chance.integers(5, size // 3, 2).tolist()
        pen.ellipse((x, y, x + size // 2, y + size // 2), fill=ink)
    for line in range(0, size if label != "disc" else 0, step):
        pen.line((line, 0, line, size), fill=ink, width=4)
        if label == "grid":
            pen.line((0, line, size, line), fill=ink, width=4)
    return image


def draw_face(size: int = 96) -> Image.Image:
    """Draw a picture that is of none of the classes."""
    image = Image.new("RGB", (size, size), (235, 190, 160))
    pen = ImageDraw.Draw(image)
    for x in (size // 4, 5 * size // 8):
        pen.ellipse((x, size // 4, x + size // 8, size // 3), fill=(60, 90, 160))
    pen.polygon([(size // 2, size // 3), (size // 3, size // 2), (size // 2, size // 2)], "brown")
    pen.arc((size // 4, size // 2, 3 * size // 4, 7 * size // 8), 20, 160, (150, 20, 40), 6)
    return image


def draw_noise(seed: int, size: int = 96) -> Image.Image:
    """Draw a pixel of any colour at every place."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def clusters(n_classes: int, shots: int, dim: int = 64) -> tuple[Floats, Labels]:
    """Make unit-length embeddings, none negative, around one centre a class, and their labels."""
    labels = np.repeat(np.arange(n_classes), shots)
    centres = np.random.default_rng(n_classes).gamma(1.0, size=(n_classes, dim))
    points = centres[labels] + np.random.default_rng(shots).gamma(1.0, size=(len(labels), dim))
    return np.float32(points / np.linalg.norm(points, axis=1, keepdims=True)), labels


def write_set(folder: Path, shots: int, first: int = 0) -> Path:
    """Write a folder of classes."""
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
        for seed in range(first, first + shots):
            draw(label, seed).save(folder / label / f"{seed:02}.png")
    return folder


MEASURED = ("held_out_images", "held_out_correct", "accuracy_low", "accuracy_high")


def make_record(embeddings: Floats, labels: Labels) -> SupportRecord:
    names = tuple(f"{label}/{i}.png" for i, label in enumerate(labels))
    return SupportRecord(embeddings.copy(), labels.copy(), names, names)


def make_artifact(
    embeddings: Floats, labels: Labels, n_classes: int | None = None, rate: float = 0.05
) -> Artifact:
    """Fit a classifier on embeddings; labels past the classes are negatives."""
    n_classes = n_classes or int(labels.max()) + 1
    return Artifact(
        classes=tuple("abcdefgh"[:n_classes]),
        decision=fit_decision("auto", embeddings, labels, n_classes, rate)[0],
        backbone=BackboneReference("tiny.onnx", "0" * 64, "tiny", embeddings.shape[1]),
        preprocessing=Preprocessing(),
        support=make_record(embeddings, labels),
        references=Answers(
            np.resize(embeddings, (4, embeddings.shape[1])),
            np.zeros((4, n_classes), np.float32),
            np.ones(4, bool),
        ),
        measured=dict.fromkeys(MEASURED, 0.0),
        versions={},
        created="",
    )


@pytest.fixture(scope="session")
def support_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures of each of three classes; not to be written to."""
    return write_set(tmp_path_factory.mktemp("support") / "data", 4)


@pytest.fixture(scope="session")
def query_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other pictures of the same classes; not to be written to."""
    return write_set(tmp_path_factory.mktemp("query") / "data", 3, first=100)


@pytest.fixture(scope="session")
def classifier(support_folder: Path) -> FewShotClassifier:
    """A fitted classifier; nothing may change it."""
    return FewShotClassifier().fit(support_folder)


@pytest.fixture(scope="session")
def models(classifier: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder it was saved to; not to be written to."""
    return classifier.save(tmp_path_factory.mktemp("saved") / "models").parent


@pytest.fixture
def fewshot(tmp_path: Path) -> Run:
    """Run the command line in a process of its own, in an empty folder: once for each command."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fewshot", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUTF8": "1", **environment},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )

    return run


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEWSHOT_MODELS", raising=False)

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        words = [str(argument) for argument in arguments]
        capsys.readouterr()
        with monkeypatch.context() as context:
            for name, value in environment.items():
                context.setenv(name, value)
            try:
                status = main(words)
            except SystemExit as end:  # what argparse refuses
                status = int(end.code or 0)
        return subprocess.CompletedProcess(words, status, *capsys.readouterr())

    return run
