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
from tests.conftest import Run, draw, write_set

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
# Ends without any clean-up, as a killed process does, when the n-th event of a kind is about to be.
_KILLED = """
import os, sys
event, left, *words = sys.argv[1:]
left = int(left)

def hook(name, arguments):
    global left
    if name == event and str(arguments[0]).endswith(".partial"):
        left -= 1
        if not left:
            os._exit(86)

from fewshot.cli import main
sys.addaudithook(hook)
sys.exit(main(words))
"""


@pytest.fixture
def changed(folder: Path, tmp_path: Path) -> Path:
    """A classifier's own folder, with an earlier one beside it."""
    FewShotClassifier.load(folder).rename("disc", "circle").save(folder)
    draw("grid", 60).save(tmp_path / "new.png")
    write_set(tmp_path / "data", 2, first=70)
    return folder


def test_writing_killed_at_any_moment(changed: Path, tmp_path: Path) -> None:
    current, previous = changed / "classifier.pkl", previous_path(changed)
    one, other = (shutil.copy(file, tmp_path / file.name) for file in (current, previous))
    expected = {Path(one).read_bytes(), Path(other).read_bytes()}
    assert len(expected) == 2
    for delay in np.random.default_rng(0).uniform(0, 0.1, 5):
        command = [sys.executable, "-c", _WRITER, one, other, changed]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout and process.stdout.readline() == b"ready\n"
            time.sleep(delay)
            process.kill()
        assert current.read_bytes() in expected and previous.read_bytes() in expected


def partials(folder: Path) -> set[str]:
    """List the files that are being written."""
    return {name for name in os.listdir(folder) if name.endswith(".partial")}


@pytest.mark.parametrize("event", ["open", "os.rename"])
@pytest.mark.parametrize("file", [1, 2])
@pytest.mark.parametrize("command", ["add data", "classify new.png --correct stripes", "undo"])
def test_commands_killed_while_they_write(
    command: str, file: int, event: str, changed: Path, tmp_path: Path, cli: Run
) -> None:
    """Kill when the first, or the second, file is opened, or takes its place."""
    current, previous = changed / "classifier.pkl", previous_path(changed)
    old, older = current.read_bytes(), previous.read_bytes()
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, event, str(file), *command.split()],
        cwd=tmp_path,
        capture_output=True,
    )
    assert (ended.returncode, ended.stderr) == (86, b"")
    read_artifact(changed)  # complete and whole, or this raises
    now, then = current.read_bytes(), previous.read_bytes()
    assert now in (old, older) or then == old  # if it is a new one, the old one was kept first
    assert then in (old, older)
    told = cli("classify", "new.png")
    assert told.returncode == 0 and told.stdout.startswith("new.png  ")


def test_what_the_killed_leave_behind_is_removed_in_time(changed: Path) -> None:
    old, fresh = (changed / f".classifier.pkl.1.{name}.partial" for name in ("old", "fresh"))
    for file in (old, fresh):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    FewShotClassifier.load(changed).rename("grid", "net").save(changed)
    assert partials(changed) == {fresh.name}
