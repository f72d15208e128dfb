"""Commands that change a classifier, killed while they do: it is the old one or the new one."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fewshot import FewShotClassifier
from fewshot.artifact import previous_path, read_artifact
from tests.conftest import draw, write_set

_WRITER = """
import sys
from fewshot.artifact import read_artifact, write_artifact
one, other, place = sys.argv[1:]
one, other = read_artifact(one), read_artifact(other)
print("ready", flush=True)
while True:
    write_artifact(one, place)
    write_artifact(other, place)
"""


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    """A classifier's own folder, with an earlier one beside it."""
    folder = shutil.copytree(models, tmp_path / "models")
    FewShotClassifier.load(folder).rename("disc", "circle").save(folder)
    draw("grid", 60).save(tmp_path / "new.png")
    write_set(tmp_path / "data", 2, first=70)
    return folder


def test_writing_killed_at_any_moment(folder: Path, tmp_path: Path) -> None:
    current, previous = folder / "classifier.pkl", previous_path(folder)
    one, other = (shutil.copy(file, tmp_path / file.name) for file in (current, previous))
    expected = {Path(one).read_bytes(), Path(other).read_bytes()}
    assert len(expected) == 2
    for delay in np.random.default_rng(0).uniform(0, 0.1, 12):
        command = [sys.executable, "-c", _WRITER, one, other, folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout and process.stdout.readline() == b"ready\n"
            time.sleep(delay)
            process.kill()
        assert current.read_bytes() in expected and previous.read_bytes() in expected


def partials(folder: Path) -> set[str]:
    """List the files that are being written."""
    return {name for name in os.listdir(folder) if name.endswith(".partial")}


@pytest.mark.parametrize("files", [1, 2], ids=["first", "second"])
@pytest.mark.parametrize(
    "command",
    [
        "add data",
        "remove --label grid",
        "relabel disc/00.png grid",
        "rename circle ring",
        "classify new.png --correct stripes",
        "undo",
        "fit data",
    ],
)
def test_commands_killed_while_they_write(
    command: str, files: int, folder: Path, tmp_path: Path
) -> None:
    """Kill when the first, or the second, file is begun to be written."""
    current, previous = folder / "classifier.pkl", previous_path(folder)
    old, older = current.read_bytes(), previous.read_bytes()
    arguments = [sys.executable, "-m", "fewshot", *command.split()]
    seen: set[str] = set()
    with subprocess.Popen(
        arguments, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None and len(seen) < files:
            seen |= partials(folder)
        process.kill()
        assert process.stderr and process.stderr.read() == b""
    assert seen or process.returncode == 0  # on a busy machine it may be done unseen
    read_artifact(folder)  # complete and whole, or this raises
    now, then = current.read_bytes(), previous.read_bytes()
    assert now in (old, older) or then == old  # if it is a new one, the old one was kept first
    assert then in (old, older)
    told = subprocess.run(
        [sys.executable, "-m", "fewshot", "classify", "new.png"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    assert told.returncode == 0 and told.stdout.startswith("new.png  ")


def test_what_the_killed_leave_behind_is_removed_in_time(folder: Path) -> None:
    old, fresh = (folder / f".classifier.pkl.1.{name}.partial" for name in ("old", "fresh"))
    for file in (old, fresh):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    FewShotClassifier.load(folder).rename("grid", "net").save(folder)
    assert partials(folder) == {fresh.name}
