"""Files are written completely or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fewshot._files import replacing, require_replaceable
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
