"""Pictures that the tests draw, and a classifier fitted on them once."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fewshot import FewShotClassifier

CLASSES = ("disc", "grid", "stripes")
Run = Callable[..., subprocess.CompletedProcess[str]]


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


def write_set(folder: Path, shots: int, first: int = 0) -> Path:
    """Write a folder of classes."""
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
        for seed in range(first, first + shots):
            draw(label, seed).save(folder / label / f"{seed:02}.png")
    return folder


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
    """Run the command line in a process of its own, in an empty folder."""

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
