"""Names of files: nothing is overwritten."""

import subprocess
import sys
from pathlib import Path

import pytest

from fewshot.capture.files import require_folder_name, write_next
from fewshot.errors import UsageError

_WRITER = """
import sys
from pathlib import Path
from fewshot.capture.files import write_next
for n in range(20):
    print(write_next(Path(sys.argv[1]), sys.argv[2].encode()))
"""


@pytest.mark.parametrize(
    "label", ["", " ", ".", "..", ".hidden", "../up", "a/b", "a\\b", "C:", "a\n", "a\0"]
)
def test_labels_that_are_no_folder_are_refused(label: str) -> None:
    with pytest.raises(UsageError, match="expected a name that a folder can have"):
        require_folder_name(label)


@pytest.mark.parametrize("label", ["cup", "my cup", "Äpfel", "玫瑰", "a.b"])
def test_other_labels_are_taken(label: str, tmp_path: Path) -> None:
    require_folder_name(label)
    assert write_next(tmp_path / label, b"x").name == "0001.jpg"


def test_numbers_go_on_after_the_highest(tmp_path: Path) -> None:
    for name in ("3.png", "0007.JPG", "20240131123456.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"mine")
    assert [write_next(tmp_path, b"x").name for _ in range(2)] == ["0008.jpg", "0009.jpg"]
    assert (tmp_path / "0007.JPG").read_bytes() == b"mine"


def test_two_processes_overwrite_nothing_of_each_other(tmp_path: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", _WRITER, tmp_path, text], stdout=-1, text=True)
        for text in ("one", "two")
    ]
    told = [process.communicate(timeout=120)[0].splitlines() for process in running]
    for text, files in zip(("one", "two"), told, strict=True):
        assert len(files) == 20
        assert {Path(file).read_text() for file in files} == {text}
    assert not set(told[0]) & set(told[1])
