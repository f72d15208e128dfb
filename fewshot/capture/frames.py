"""Read frames from a camera, a stream or a video file with OpenCV."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot._files import require_utf8
from fewshot._optional import require
from fewshot.errors import ImageError

# Seconds without a frame after which a camera is taken to have stopped.
_SILENCE = 5.0


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: its number from 0, seconds since the start, and BGR pixels, uint8 (H, W, 3)."""

    number: int
    seconds: float
    pixels: NDArray[np.uint8]


def opencv() -> Any:
    """Import OpenCV, or raise UsageError with what to install."""
    # FFmpeg would write about damaged videos to the terminal.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    return require("cv2", "camera", "reading a camera or a video")


def live_frames(source: int | str) -> Generator[Frame, None, None]:
    """Read from a camera, by number, or a stream, by address, until it stops; to be closed."""
    if isinstance(source, int):
        name = f"camera {source}"
        advice = (
            "cannot be opened; is it connected, free, and may this program use it? Other cameras "
            "have other numbers, and --source takes a video file too"
        )
    else:
        name, advice = source, "cannot be opened; expected the address of a video stream"
    with _opened(source, name, advice) as camera:
        yield from read_live(camera)


def read_live(opened: Any) -> Generator[Frame, None, None]:
    """Read from an open ``cv2.VideoCapture`` until it has given nothing for 5 seconds."""
    begun = latest = time.monotonic()
    number = 0
    while time.monotonic() - latest < _SILENCE:
        ready, pixels = opened.read()
        if ready:
            latest = time.monotonic()
            yield Frame(number, latest - begun, pixels)
            number += 1
        else:
            time.sleep(0.05)


def video_length(path: Path) -> int:
    """Return how many frames a video file has, or raise ImageError."""
    with _opened_video(path) as video:
        stated = int(video.get(opencv().CAP_PROP_FRAME_COUNT))
        # Some files do not say it.
        return stated if stated > 0 else next(n for n in count() if not video.grab())


def video_frames(path: Path, is_wanted: Callable[[int], bool]) -> Generator[Frame, None, None]:
    """Read frames of a video file, those whose number is wanted; to be closed."""
    with _opened_video(path) as video:
        for number in count():  # in order, as seeking is inexact in many files
            if not video.grab():
                return
            if is_wanted(number):
                ready, pixels = video.retrieve()
                if ready:
                    milliseconds = video.get(opencv().CAP_PROP_POS_MSEC)
                    yield Frame(number, milliseconds / 1000, pixels)


@contextmanager
def _opened_video(path: Path) -> Iterator[Any]:
    if not path.is_file():
        state = "not a file" if path.exists() else "no such file"
        raise ImageError(f"{state}; expected a video file, or the number of a camera", str(path))
    advice = "not a video that OpenCV can read; expected MP4, MOV, AVI, MKV or WebM"
    with _opened(require_utf8(path), str(path), advice) as video:
        video.set(opencv().CAP_PROP_ORIENTATION_AUTO, 1)  # not the default of every version
        yield video


@contextmanager
def _opened(source: int | str, name: str, advice: str) -> Iterator[Any]:
    """Open a camera or a file, without OpenCV writing to the terminal."""
    cv2 = opencv()
    log = getattr(cv2.utils, "logging", cv2)  # where older versions have it
    level = log.setLogLevel(0)
    capture = cv2.VideoCapture(source)
    try:
        if not capture.isOpened():
            raise ImageError(advice, name)
        yield capture
    finally:
        capture.release()
        log.setLogLevel(level)
