"""What surrounds a process: a home folder that stays empty, and packages without metadata."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fewshot import FewShotClassifier

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "classify_anywhere.py"
NAMES = ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA")

# Python imports this at its start, also in worker processes.
_WATCH = """
import sys

def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"):
        with open({log!r}, "a") as log:
            log.write(f"{{event}} {{arguments}}\\n")

sys.addaudithook(watch)
"""
_NO_METADATA = """
import importlib.metadata as metadata

def missing(name):
    raise metadata.PackageNotFoundError(name)

metadata.Distribution.from_name = missing
metadata.distributions = lambda **_: iter(())
"""
_WORKER = """
import multiprocessing, sys
from fewshot import FewShotClassifier

if __name__ == "__main__":
    classifier = FewShotClassifier.load(sys.argv[1])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(classifier.classify, sys.argv[2:])[0].label)
"""


class Surroundings:
    """Run Python with an empty home, a module that it imports first, and a log."""

    def __init__(self, folder: Path, first: str) -> None:
        self.home, self.log = folder / "home", folder / "log"
        self.home.mkdir()
        (folder / "first").mkdir()
        (folder / "first" / "sitecustomize.py").write_text(first.format(log=str(self.log)), "utf-8")
        self.environment = {k: v for k, v in os.environ.items() if k not in NAMES}
        self.environment.pop("ORT_DISABLE_TELEMETRY", None)
        self.environment |= {
            "HOME": str(self.home),
            "USERPROFILE": str(self.home),
            "PYTHONPATH": os.pathsep.join([str(folder / "first"), str(ROOT)]),
        }
        self.folder = folder

    def run(self, *words: object, before: tuple[str, ...] = (), status: int = 0) -> str:
        done = subprocess.run(
            [*before, sys.executable, *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert done.returncode == status, done.stderr
        return done.stdout


@pytest.fixture
def watched(tmp_path: Path) -> Surroundings:
    return Surroundings(tmp_path, _WATCH)


@pytest.fixture
def exported(classifier: FewShotClassifier, tmp_path: Path) -> Path:
    pytest.importorskip("onnx", reason="files are exported with onnx")
    from fewshot import export_classifier

    return export_classifier(classifier, tmp_path / "classifier.onnx")


def test_the_home_folder_stays_empty_and_nobody_is_called(
    watched: Surroundings, support_folder: Path, query_folder: Path
) -> None:
    image = query_folder / "disc" / "100.png"
    (watched.folder / "worker.py").write_text(_WORKER, "utf-8")
    watched.run("-m", "fewshot", "fit", support_folder, "--image-size", 64)
    assert "disc" in watched.run("-m", "fewshot", "classify", image)
    assert "disc" in watched.run("-m", "fewshot", "info")
    assert watched.run("worker.py", "models", image) == "disc\n"
    assert os.listdir(watched.home) == []
    assert not watched.log.exists()


def test_the_script_for_a_device_leaves_no_trace_either(
    watched: Surroundings, exported: Path, query_folder: Path
) -> None:
    assert "disc" in watched.run(SCRIPT, exported, query_folder / "disc" / "100.png")
    assert os.listdir(watched.home) == [] and not watched.log.exists()


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_the_system_sees_no_connection_and_no_file_of_telemetry(
    watched: Surroundings, models: Path, query_folder: Path
) -> None:
    seen = watched.folder / "calls"
    trace = ("strace", "-f", "-qq", "-e", "trace=network,openat,mkdir", "-o", str(seen))
    words = ("-m", "fewshot", "classify", "--models", models, query_folder / "disc" / "100.png")
    watched.run(*words, before=trace)
    calls = seen.read_text("utf-8", "replace")
    assert "mobilenet_v2.onnx" in calls
    assert "AF_INET" not in calls and "DeveloperTools" not in calls


def test_a_user_who_wants_the_telemetry_is_obeyed() -> None:
    code = "import os, fewshot; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for chosen, expected in (({"ORT_DISABLE_TELEMETRY": "0"}, "0\n"), ({}, "1\n")):
        environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
        command = [sys.executable, "-c", code]
        told = subprocess.check_output(command, env={**environment, **chosen}, cwd=ROOT, text=True)
        assert told == expected


def test_packages_without_metadata_do(
    tmp_path: Path, support_folder: Path, query_folder: Path
) -> None:
    """As in slimmed and frozen programs, and where onnxruntime's package has another name."""
    bare = Surroundings(tmp_path, _NO_METADATA)
    code = "import importlib.metadata as m\ntry: m.version('numpy')\nexcept Exception: print('no')"
    assert bare.run("-c", code) == "no\n"
    bare.run("-m", "fewshot", "fit", support_folder, "--image-size", 64)
    assert "scikit-learn" in bare.run("-m", "fewshot", "info")
    bare.run("-m", "fewshot", "classify", query_folder / "disc" / "100.png")
    bare.run("-m", "fewshot", "verify", "models")
    assert "12 images" in bare.run("-m", "fewshot", "check", support_folder, status=1)


@pytest.mark.parametrize(("command", "needed"), [("export", "onnx"), ("report", "matplotlib")])
def test_other_commands_do_without_metadata_too(
    command: str, needed: str, tmp_path: Path, models: Path, support_folder: Path
) -> None:
    pytest.importorskip(needed)
    bare = Surroundings(tmp_path, _NO_METADATA)
    data = ["--data", support_folder] if command == "report" else []
    bare.run("-m", "fewshot", command, "--models", models, *data)
