"""Reading cameras and videos."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fewshot.capture.frames import live_frames, read_live, video_frames, video_length
from fewshot.errors import ImageError
from tests.helpers.videos import cv2, scene, write_video


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "video.avi", [scene(seed) for seed in range(12)])


def test_only_wanted_frames_are_made(video: Path) -> None:
    frames = list(video_frames(video, lambda number: number % 5 == 2))
    assert [frame.number for frame in frames] == [2, 7]
    assert [frame.seconds for frame in frames] == pytest.approx([0.2, 0.7], abs=0.11)
    assert np.abs(frames[0].pixels.astype(int) - scene(2)).mean() < 8
    assert video_length(video) == 12


def test_a_video_that_does_not_say_its_length_is_counted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "browser.webm", [scene(seed) for seed in range(12)], "VP80")
    content = path.read_bytes()
    place = content.index(b"\x44\x89\x88")  # the duration, which browsers do not write
    path.write_bytes(content[:place] + b"\xec\x89" + bytes(9) + content[place + 11 :])
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT) <= 0
    assert video_length(path) == 12


@pytest.mark.parametrize(("turns", "matrix"), [(1, (0, 1, -1, 0)), (2, (-1, 0, 0, -1))])
def test_a_rotated_video_is_upright(
    turns: int, matrix: tuple[int, int, int, int], tmp_path: Path
) -> None:
    upright = scene(20)
    stored = np.ascontiguousarray(np.rot90(upright, turns))
    path = write_video(tmp_path / "phone.mp4", [stored] * 3, "mp4v")
    _set_rotation(path, matrix, stored.shape[1], stored.shape[0])
    (frame, *_) = video_frames(path, lambda number: True)
    assert frame.pixels.shape == upright.shape
    assert np.abs(frame.pixels.astype(np.int16) - upright).mean() < 12


def _set_rotation(path: Path, matrix: tuple[int, int, int, int], width: int, height: int) -> None:
    """Say in the track header how the video is to be turned, as telephones do."""
    data = path.read_bytes()
    place = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    x = width << 16 if min(matrix[0], matrix[2]) < 0 else 0
    y = height << 16 if min(matrix[1], matrix[3]) < 0 else 0
    numbers = (a, b, 0, c, d, 0, x, y, 1 << 30)
    changed = b"".join((n & 0xFFFFFFFF).to_bytes(4, "big") for n in numbers)
    path.write_bytes(data[:place] + changed + data[place + 36 :])


def test_a_camera_that_stops_ends_the_frames(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fewshot.capture.frames._SILENCE", 0.3)
    frames = list(read_live(cv2.VideoCapture(str(video))))  # as a camera is read
    assert [frame.number for frame in frames] == list(range(12))
    assert min(np.diff([frame.seconds for frame in frames])) >= 0


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "words.mp4").write_text("no video at all")
    for path, message in (
        (tmp_path / "gone.mp4", "gone.mp4: no such file; expected a video file, or the number of"),
        (tmp_path, "not a file"),
        (tmp_path / "words.mp4", "not a video that OpenCV can read"),
    ):
        with pytest.raises(ImageError, match=message):
            video_length(path)
    with pytest.raises(ImageError, match="camera 97: cannot be opened"):
        next(live_frames(97))
    with pytest.raises(ImageError, match=r"^rtsp://127\.0\.0\.1:9/x: cannot be opened; expected"):
        next(live_frames("rtsp://127.0.0.1:9/x"))


def test_without_opencv_it_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['cv2'] = None\n"
        "from fewshot.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, "capture", "--label", "cup"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 2
    assert told.stderr.startswith("fewshot: reading a camera or a video needs cv2, which cannot be")
    assert told.stderr.endswith("pip install opencv-python-headless\n")
    assert not list(tmp_path.iterdir())
