"""Files are written completely or not at all."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fewshot import _files
from fewshot._files import locked, replacing, require_replaceable
from fewshot.errors import UsageError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), replacing(path) as stream:
        stream.write(b"half of the n")
        raise RuntimeError("disk full")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


def test_a_killed_writer_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0" * 100_000)
    code = (
        "import sys, pathlib; from fewshot._files import replacing\n"
        "print('ready', flush=True)\n"
        "for i in range(1, 10**9):\n"
        "    with replacing(pathlib.Path(sys.argv[1])) as stream:\n"
        "        stream.write(str(i % 10).encode() * 100_000)"
    )
    for delay in (0.0, 0.003, 0.01, 0.03):
        with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as writer:
            assert writer.stdout and writer.stdout.readline() == b"ready\n"
            try:
                writer.wait(delay)
            except subprocess.TimeoutExpired:
                writer.kill()
        content = path.read_bytes()
        assert len(content) == 100_000 and len(set(content)) == 1


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    try:
        (tmp_path / "link").symlink_to(tmp_path / "real")
    except OSError:
        pytest.skip("no symbolic links here")
    with replacing(tmp_path / "link") as stream:
        stream.write(b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"


def test_only_files_with_the_mark_are_replaced(tmp_path: Path) -> None:
    require_replaceable(tmp_path / "new" / "file", b"mark")
    (tmp_path / "ours").write_bytes(b"a mark in it")
    require_replaceable(tmp_path / "ours", b"mark")
    (tmp_path / "other").write_bytes(b"another program's")
    with pytest.raises(UsageError, match="other: exists and was not written by fewshot; give ano"):
        require_replaceable(tmp_path / "other", b"mark")
    with pytest.raises(UsageError, match="is a folder; give the name of a file"):
        require_replaceable(tmp_path, b"mark")
    with pytest.raises(UsageError, match="is not a folder; give another folder to write to"):
        require_replaceable(tmp_path / "other" / "file", b"mark")


_HOLDER = """
import sys, time, pathlib; from fewshot._files import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(100)
"""


def test_a_lock_is_held_by_one_at_a_time_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"

    def count_up(_: int) -> None:
        with locked(path):
            number = int(path.read_text()) if path.exists() else 0
            time.sleep(0.001)
            path.write_text(str(number + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_up, range(60)))
    assert path.read_text() == "60" and os.listdir(path.parent) == ["file"]


def test_a_killed_process_gives_its_lock_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", _HOLDER, tmp_path / "file"]
    monkeypatch.setattr(_files, "_PATIENCE", 0.1)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match="another process is writing it; try again"):
            locked(tmp_path / "file").__enter__()
        holder.kill()
    with locked(tmp_path / "file"):
        pass
    assert os.listdir(tmp_path) == []
