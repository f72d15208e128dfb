"""Networks that are opened in a thread: asked from forked and other processes, and from threads."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fewshot import FewShotClassifier
from tests.conftest import CLASSES

ROOT = Path(__file__).parents[2]
_POOL = """
import multiprocessing, sys
from fewshot import FewShotClassifier

method, asked, folder, *images = sys.argv[1:]
if __name__ == "__main__":
    classifier = FewShotClassifier.load(folder)
    if asked == "asked":
        classifier.classify(images[0])
    with multiprocessing.get_context(method).Pool(2) as pool:
        print([answer.label for answer in pool.map(classifier.classify, images)])
"""
_FORKED = """
import os, sys
from fewshot import FewShotClassifier

folder, *images = sys.argv[1:]
for _ in range(5):
    classifier = FewShotClassifier.load(folder)
    child = os.fork()
    if not child:
        sys.exit({"disc": 5}[classifier.classify(images[0]).label])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
    assert classifier.classify(images[0]).label == "disc"
"""
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@pytest.fixture
def images(query_folder: Path) -> list[Path]:
    return [query_folder / label / "100.png" for label in CLASSES]


def run(code: str, folder: Path, *words: object) -> str:
    """Run a program from a file, as other processes must be able to import it."""
    program = folder / "program.py"
    program.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program, *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("asked", ["asked", "not asked"])
@pytest.mark.parametrize("method", [pytest.param("fork", marks=needs_fork), "spawn"])
def test_worker_processes_answer(
    method: str, asked: str, models: Path, images: list[Path], tmp_path: Path
) -> None:
    told = run(_POOL, tmp_path, method, asked, models, *images)
    assert told == f"{list(CLASSES)}\n"


@needs_fork
def test_forked_while_the_network_is_being_opened(
    models: Path, images: list[Path], tmp_path: Path
) -> None:
    run(_FORKED, tmp_path, models, *images)


def test_threads_that_all_ask_the_first_question(models: Path, images: list[Path]) -> None:
    classifier = FewShotClassifier.load(models)
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(classifier.classify, images * 4)
    assert [answer.label for answer in answers] == list(CLASSES) * 4
