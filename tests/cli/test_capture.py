"""Capturing from the command line; what is captured is tested with the library."""

import json
import os
from pathlib import Path

import pytest

from fewshot.images.files import image_files
from tests.conftest import Run
from tests.helpers.videos import write_scenes


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "video.avi", range(2, 12))


def test_the_command_says_what_it_wrote_and_what_to_type_next(
    fewshot: Run, video: Path, tmp_path: Path
) -> None:
    told = fewshot("capture", "--label", "cup", "--count", 10, "--source", "video.avi")
    assert (told.returncode, told.stderr) == (0, "")
    first, second, last = told.stdout.splitlines()
    places = [Path("data", "cup", name) for name in ("0001.jpg", "0010.jpg")]
    assert first == f"wrote 10 images, {places[0]} to {places[1]}"
    assert " frames examined; left out: " in second and second.endswith(" blurred")
    assert last == "next: fewshot capture --label ANOTHER; then: fewshot fit data"


def test_the_next_command_depends_on_what_is_there(cli: Run, video: Path, tmp_path: Path) -> None:
    assert cli("capture", "--label", "cup", "--source", video).returncode == 1
    told = cli("capture", "--label", "mug", "--count", 30, "--source", video)
    lines = told.stdout.splitlines()
    assert told.returncode == 1 and lines[0].startswith("wrote 10 of 30 images, ")
    assert lines[1].endswith(" near duplicates")
    assert lines[-1] == "next: fewshot fit data"
    assert cli("fit", "data").returncode == 0
    told = cli("capture", "--label", "pot", "--count", 1, "--source", video)
    assert told.stdout.splitlines()[-1] == (
        "next: fewshot add data; or to start anew: fewshot fit data"
    )


def test_json(cli: Run, video: Path, tmp_path: Path) -> None:
    told = cli("capture", "--label", "cup", "--source", video, "--data", "my data", "--json")
    found = json.loads(told.stdout)
    assert told.returncode == 1
    assert (found["source"], found["wanted"], found["interrupted"]) == (str(video), 20, False)
    assert list(found) == (
        "label source files wanted examined blank blurred near_duplicates interrupted".split()
    )
    files = image_files(tmp_path / "my data")
    assert [tmp_path / file for file in found["files"]] == files


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "cup", "--source", "97"], "camera 97: cannot be opened; is it connected"),
        (["--label", "cup", "--source", "words.mp4"], "words.mp4: not a video"),
        (["--label", "..", "--source", "words.mp4"], "label '..' begins with a dot"),
        (["--label", "cup", "--source", "rtsp://127.0.0.1:9/x"], "rtsp://127.0.0.1:9/x: cannot"),
    ],
)
def test_errors_are_one_line(arguments: list[str], message: str, cli: Run, tmp_path: Path) -> None:
    (tmp_path / "words.mp4").write_text("no video at all")
    told = cli("capture", *arguments)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.count("\n") == 1 and message in told.stderr
    assert os.listdir(tmp_path) == ["words.mp4"]


def test_the_address_of_a_stream_is_named_as_it_is(cli: Run) -> None:
    told = cli("capture", "--label", "cup", "--source", "rtsp://127.0.0.1:1/x")
    assert told.returncode == 2 and "fewshot: rtsp://127.0.0.1:1/x: " in told.stderr


def test_a_label_is_required(cli: Run, tmp_path: Path) -> None:
    told = cli("capture")
    assert told.returncode == 2 and "required: --label" in told.stderr
    assert not list(tmp_path.iterdir())
