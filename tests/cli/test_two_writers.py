"""Two processes that change one classifier at the same time: no change is lost without a word."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fewshot import FewShotClassifier, read_artifact
from fewshot.artifact import previous_path
from fewshot.images.source import content_hash
from tests.conftest import draw

ROOT = Path(__file__).parents[2]
# Runs the command line of each line that it reads, and answers with exit code and message.
_WORKER = """
import contextlib, io, json, sys, warnings
from fewshot import FewShotClassifier, FewShotError
from fewshot.cli import main

warnings.simplefilter("ignore")
for line in sys.stdin:
    (models, *words), told = json.loads(line), io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
        if words[0] != "python":
            status = main([*words, "--models", models])
        else:
            status = 0
            try:
                FewShotClassifier.load(models).partial_fit(words[2:], words[1:2]).save(models)
            except FewShotError as error:
                status = 2
                told.write(str(error))
    print(json.dumps([status, told.getvalue()]), flush=True)
"""
PAIRS = [
    ("add", "add"),
    ("add", "undo"),
    ("add", "relabel"),
    ("add", "fit"),
    ("relabel", "undo"),
    ("python", "add"),
    ("python", "undo"),
    ("python", "python"),
    ("relabel", "fit"),
    ("fit", "undo"),
]


@pytest.fixture(scope="module")
def workers() -> Iterator[list["subprocess.Popen[str]"]]:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    yield started
    for worker in started:
        worker.communicate(timeout=60)


def images(folder: Path) -> set[tuple[str | None, str | None]]:
    """List hash and label of the images that a classifier file holds."""
    return {(row["sha256"], row["label"]) for row in read_artifact(folder).list_images()}


@pytest.fixture
def taught(models: Path, support_folder: Path, tmp_path: Path) -> Path:
    """A folder with a classifier, an earlier one, and images to add."""
    folder = shutil.copytree(models, tmp_path / "taught")
    shutil.copytree(support_folder, tmp_path / "data")
    for seed in range(3):
        draw("grid", 60 + seed).save(tmp_path / f"{seed}.png")
    classifier = FewShotClassifier.load(folder)
    classifier.partial_fit([tmp_path / "2.png"], ["grid"]).save(folder)
    return Path(folder)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_each_change_is_there_or_was_refused(
    pair: tuple[str, str], taught: Path, workers: list["subprocess.Popen[str]"], tmp_path: Path
) -> None:
    changes = {
        "add": ["add", "--label", "grid", f"{tmp_path}/{{}}.png"],
        "python": ["python", "grid", f"{tmp_path}/{{}}.png"],
        "relabel": ["relabel", "disc/0{}.png", "grid"],
        "fit": ["fit", f"{tmp_path}/data"],
        "undo": ["undo"],
    }
    for attempt in range(2):
        models = Path(shutil.copytree(taught, tmp_path / f"models{attempt}"))
        for i, (worker, change) in enumerate(zip(workers, pair, strict=True)):
            assert worker.stdin
            words = [word.format(i) for word in changes[change]]
            worker.stdin.write(json.dumps([str(models), *words]) + "\n")
            worker.stdin.flush()
        told = [json.loads(worker.stdout.readline()) for worker in workers if worker.stdout]
        now, before = images(models), images(previous_path(models))
        kept = now | (before if {"undo", "fit"} & set(pair) else set())
        for i, (change, (status, message)) in enumerate(zip(pair, told, strict=True)):
            if status == 2:
                assert "changed by another process meanwhile; load it again" in message
            elif change not in ("undo", "fit"):
                file = f"data/disc/0{i}.png" if change == "relabel" else f"{i}.png"
                assert (content_hash(tmp_path / file), "grid") in kept
        assert 0 in (told[0][0], told[1][0])
        left = {"classifier.pkl", "classifier.previous.pkl", "mobilenet_v2.onnx"}
        assert set(os.listdir(models)) == left
