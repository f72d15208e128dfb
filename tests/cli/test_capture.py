"""Capturing from the command line; what is captured is tested with the library."""

from pathlib import Path

import pytest

from tests.conftest import Run

cv2 = pytest.importorskip("cv2", reason="capturing needs OpenCV")


def test_a_camera_that_is_not_there(fewshot: Run) -> None:
    told = fewshot("capture", "--label", "cup", "--source", "97")
    assert (told.returncode, told.stdout) == (2, "")
    assert "camera 97: cannot be opened" in told.stderr


def test_a_label_is_required(cli: Run, tmp_path: Path) -> None:
    told = cli("capture")
    assert told.returncode == 2 and "required: --label" in told.stderr
    assert not list(tmp_path.iterdir())
