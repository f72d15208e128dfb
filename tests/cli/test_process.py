"""Standard streams that are missing, and Ctrl-C at moments when libraries are at work."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fewshot.artifact import read_artifact
from fewshot.cli import main
from tests.conftest import Run, draw

# Interrupts the process when the first event of a kind with some text in its arguments comes up.
_INTERRUPTED = """
import signal, sys
event, text, *sys.argv[1:] = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # also if it is ignored around here

def hook(name, arguments):
    global event
    if name == event and any(text in str(argument) for argument in arguments):
        event = None
        signal.raise_signal(signal.SIGINT)

from fewshot.cli import main
sys.addaudithook(hook)
sys.exit(main())
"""


@pytest.mark.parametrize("closed", [False, True])
def test_work_is_done_without_standard_streams(
    closed: bool, support_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO() if closed else None
    if stream:
        stream.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    for words, status in (
        (["fit", str(support_folder)], 0),
        (["classify", str(support_folder)], 0),
        (["classify", "missing.png"], 1),
        (["info"], 0),
        (["info", "--models", "nowhere"], 2),
        (["--help"], 0),
        (["frobnicate"], 2),
    ):
        assert main(words) == status
        assert sys.stdout is stream and sys.stderr is stream
    assert (tmp_path / "models" / "classifier.pkl").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors by the shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_descriptors_that_are_closed(
    closed: str, support_folder: Path, tmp_path: Path, cli: Run
) -> None:
    command = f'"{sys.executable}" -m fewshot fit "{support_folder}" {closed}'
    told = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (0, "")
    assert bool(told.stdout) == (closed == "2>&-")
    read_artifact(tmp_path / "models")
    assert cli("classify", support_folder).returncode == 0


@pytest.mark.parametrize(
    ("event", "text", "command"),
    [
        ("import", "argparse", "--help"),
        ("import", "numpy", "classify a.png"),
        ("import", "onnxruntime.capi", "classify a.png"),
        ("open", "mobilenet_v2.onnx", "classify a.png"),
        ("open", "a.png", "classify a.png a.png a.png"),
        ("import", "sklearn", "fit data"),
        ("open", ".partial", "fit data"),
    ],
)
def test_an_interrupt_is_one_line_and_exit_130(
    event: str, text: str, command: str, models: Path, support_folder: Path, tmp_path: Path
) -> None:
    draw("disc", 5).save(tmp_path / "a.png")
    words = [str(support_folder) if word == "data" else word for word in command.split()]
    told = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, event, text, *words],
        cwd=tmp_path,
        env={**os.environ, "FEWSHOT_MODELS": str(models)} if "fit" not in words else None,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (told.returncode, told.stderr) == (130, "fewshot: interrupted\n")
    assert not list(tmp_path.rglob("*.partial"))


def test_an_interrupt_that_is_ignored_stays_so(models: Path, tmp_path: Path) -> None:
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from fewshot.cli import main\n"
        "status = main()\n"
        "sys.exit(status or signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)"
    )
    command = [sys.executable, "-c", code, "info", "--models", models]
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_an_interrupted_command_in_this_process_returns_130(
    cli: Run, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Interrupting()))
    told = cli("classify", "-", "--models", models)
    assert (told.returncode, told.stderr) == (130, "fewshot: interrupted\n")
