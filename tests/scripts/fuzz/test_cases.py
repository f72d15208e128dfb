"""Cases are the same again, and what is no error of fewshot's own is found."""

import subprocess
import sys
from pathlib import Path

import cases
import pytest

from fewshot.errors import ImageError
from tests.scripts import SCRIPTS


def test_a_case_is_the_same_again_and_no_other() -> None:
    first = [cases.make_case(3, number) for number in range(60)]
    assert first == [cases.make_case(3, number) for number in range(60)]
    assert {kind for kind, _, _ in first} == set(cases.RUNS)
    assert len({data for _, _, data in first}) > 50
    assert cases.make_case(4, 0) != cases.make_case(3, 0)


def raised(error: Exception, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what is said of a case that ends with an error."""

    def fail(folder: Path, data: bytes) -> None:
        assert folder.is_dir() and data
        raise error

    for kind, (suffix, _) in cases.RUNS.items():
        monkeypatch.setitem(cases.RUNS, kind, (suffix, fail))
    return cases.run_case(0, 1)


def test_errors_of_its_own_are_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "_MEBIBYTES", 2**20)  # the peak is that of all tests so far
    assert raised(ImageError("damaged"), monkeypatch) == ""


def test_other_errors_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ZeroDivisionError: here" in raised(ZeroDivisionError("here"), monkeypatch)


def test_too_much_memory_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "_MEBIBYTES", 0)
    if sys.platform != "win32":
        assert "MiB" in raised(ImageError("large"), monkeypatch)


def test_the_command(tmp_path: Path) -> None:
    words = ["--seconds", "4", "--seed", "1", "--failures", str(tmp_path / "failures")]
    fuzz = [sys.executable, str(SCRIPTS / "fuzz"), *words]
    told = subprocess.run(fuzz, cwd=SCRIPTS.parent, capture_output=True, text=True, timeout=120)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("seed 1: ") and told.stdout.endswith(" cases, 0 failed\n")
    assert not (tmp_path / "failures").exists()
