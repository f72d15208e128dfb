"""Read frames from a camera or a video file, one after another, through OpenCV."""

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
from fewshot.errors import ImageError, UsageError

# Seconds after which a camera that gives nothing is taken to have stopped.
_SILENCE = 5.0


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a camera or a video.

    Attributes
    ----------
    number : int
        Its place in a video, or how many were read from a camera before it; from 0.
    seconds : float
        Since the video or the reading began.
    pixels : ndarray of uint8, shape (H, W, 3)
        Upright, 0 to 255, in the order blue, green, red that OpenCV reads and writes.
    """

    number: int
    seconds: float
    pixels: NDArray[np.uint8]


def opencv() -> Any:
    """Import OpenCV, or say what to install.

    Raises
    ------
    UsageError
        If it is missing.
    """
    # Damage in a video is told by what cannot be read of it; FFmpeg would write to the terminal.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        raise UsageError(
            "reading cameras and videos needs the package opencv-python-headless, which is not "
            "installed: pip install 'fewshot[camera]'"
        ) from error
    return cv2


def camera_frames(number: int) -> Generator[Frame, None, None]:
    """Read from a camera until it stops or nobody asks for more.

    Parameters
    ----------
    number : int
        Which camera, from 0.

    Returns
    -------
    generator of Frame
        To be closed, as it holds the camera.

    Raises
    ------
    ImageError
        If it cannot be opened.
    UsageError
        If OpenCV is missing.
    """
    advice = (
        "cannot be opened; is there one, is no other program using it, and may this one? Other "
        "cameras have other numbers, and a video file will do too"
    )
    with _opened(number, f"camera {number}", advice) as camera:
        yield from live_frames(camera)


def live_frames(opened: Any) -> Generator[Frame, None, None]:
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


def video_frames(
    path: Path,
    wanted: Callable[[int], bool] = lambda number: True,
    progress: Callable[[int, int], None] | None = None,
) -> Generator[Frame, None, None]:
    """Read a video file from its beginning; seeking would be inexact in many of them.

    Parameters
    ----------
    path : Path
    wanted : callable
        Told the number of a frame, says whether to make its pixels.
    progress : callable, optional
        Called with the number of frames passed and of all, if the file says how many it has.

    Returns
    -------
    generator of Frame
        To be closed, as it holds the file.

    Raises
    ------
    ImageError
        If it cannot be opened.
    UsageError
        If OpenCV is missing.
    """
    cv2 = opencv()
    if not path.is_file():
        state = "not a file" if path.exists() else "no such file"
        raise ImageError(f"{state}; expected a video file, or the number of a camera", str(path))
    require_utf8(path)
    advice = "not a video that OpenCV can read; expected MP4, MOV, AVI, MKV or WebM"
    with _opened(str(path), str(path), advice) as video:
        video.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # not the default of every version
        total = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if progress else 0
        try:
            for number in count():
                if not video.grab():
                    return
                if wanted(number):
                    ready, pixels = video.retrieve()
                    if ready:
                        yield Frame(number, video.get(cv2.CAP_PROP_POS_MSEC) / 1000, pixels)
                if progress and number < total:
                    progress(number, total)
        finally:  # also when nobody asks for more
            if progress and total > 0:
                progress(total, total)


@contextmanager
def _opened(source: int | str, name: str, advice: str) -> Iterator[Any]:
    """Open a camera or a file without OpenCV writing to the terminal, and let go of it after."""
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
