"""Take images of a class from a camera or a video, and write them into its folder."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import dropwhile, groupby, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from fewshot._files import require_writable
from fewshot._parallel import Progress
from fewshot.capture.files import require_folder_name, write_next
from fewshot.capture.frames import Frame, live_frames, opencv, video_frames, video_length
from fewshot.capture.selection import SIDE, Look, Tally, look_at, select_frames
from fewshot.errors import ImageError, UsageError
from fewshot.images.decode import open_rgb
from fewshot.images.files import image_files

# Of a camera: seconds in which it finds its exposure, seconds of a part from which one frame is
# taken, and seconds without a new image after which it is given up.
_WARM_UP, _PART, _PATIENCE = 0.5, 0.4, 20.0
# Frames that are examined of each part of a video.
_EXAMINED = 8


@dataclass(frozen=True)
class Captured:
    """What was taken: files in order, frames left out by reason, and whether Ctrl-C ended it."""

    label: str
    source: str
    files: tuple[Path, ...]
    wanted: int
    examined: int
    blank: int
    blurred: int
    near_duplicates: int
    interrupted: bool

    @property
    def complete(self) -> bool:
        """Whether as many were written as were asked for."""
        return len(self.files) == self.wanted

    def to_dict(self) -> dict[str, Any]:
        """Return it as types that JSON has."""
        return {**vars(self), "files": [str(file) for file in self.files]}


def capture(
    label: str,
    *,
    count: int = 20,
    source: int | str | os.PathLike[str] = 0,
    data: str | os.PathLike[str] = "data",
    progress: Progress | None = None,
) -> Captured:
    """Take images of a class and write them as JPEG files into its folder.

    Frames that are blank, blurred beside recent ones, or near duplicates of an image that was taken
    or is in the folder are left out. Those of a video are spread over its length; a camera gives
    two or three a second at most, and is given up after 20 seconds without a new image.

    Parameters
    ----------
    label : str
        The class, and its folder in `data`, made if need be.
    count : int, default 20
        How many images. Fewer are written where there are no more, or after Ctrl-C, which is raised
        only if nothing was written.
    source : int, str or path, default 0
        The number of a camera, the address of a stream (``rtsp://...``), or a video file.
    data : path, default "data"
    progress : callable, optional
        Called with how much is done, and of how much: images of a camera, frames of a video.

    Raises
    ------
    ImageError
        If the source cannot be opened, or there is no frame in it.
    UsageError
        If OpenCV is missing, an argument is not valid, or the folder may not be written to.
    """
    require_folder_name(label)
    if count < 1:
        raise UsageError(f"count is {count}; expected 1 or more")
    opencv()
    folder, tally = Path(data) / label, Tally()
    require_writable(folder)
    if isinstance(source, int) and not 0 <= source < 2**31:
        raise UsageError(f"there is no camera {source}; expected 0 or another small number")
    report = progress or (lambda done, total: None)
    if isinstance(source, int) or "://" in os.fspath(source):
        frames = _from_camera(source, count, folder, tally, report)
    else:
        frames = _from_video(Path(source), count, folder, tally, report)
    name = f"camera {source}" if isinstance(source, int) else os.fspath(source)
    files, interrupted = _write_all(frames, folder)
    if not tally.examined:
        raise ImageError("it could be opened, but there is no frame in it", name)
    return Captured(label, name, files, count, **vars(tally), interrupted=interrupted)


def _from_camera(
    source: int | str | os.PathLike[str], count: int, folder: Path, tally: Tally, report: Progress
) -> Generator[Frame, None, None]:
    """Take a frame of each part of a second, until there are enough or nothing new comes."""
    latest = 0.0

    def is_hopeful(frame: Frame) -> bool:
        return frame.seconds - latest <= _PATIENCE

    opened = live_frames(source if isinstance(source, int) else os.fspath(source))
    with closing(opened) as frames:
        steady = dropwhile(lambda frame: frame.seconds < _WARM_UP, takewhile(is_hopeful, frames))
        parts = (part for _, part in groupby(steady, lambda frame: int(frame.seconds / _PART)))
        for done, frame in enumerate(select_frames(parts, tally, _looks_of(folder)), 1):
            latest = frame.seconds
            yield frame
            report(done, count)
            if done == count:
                return


def _from_video(
    path: Path, count: int, folder: Path, tally: Tally, report: Progress
) -> Generator[Frame, None, None]:
    """Take one frame from every second part of a video; the parts between make up for bad ones."""
    length = video_length(path)
    every, taken = max(1, length // (2 * count * _EXAMINED)), 0

    def part_of(number: int) -> int:
        return min(number * 2 * count // length, 2 * count - 1)

    def is_wanted(number: int) -> bool:
        report(min(number, length - 1), length)
        return number % every == 0 and 2 * taken <= part_of(number)

    with closing(video_frames(path, is_wanted)) as frames:
        numbered = groupby(frames, lambda frame: part_of(frame.number))
        # The first frame of a part is read before the frame of the part before is taken.
        parts = (part for number, part in numbered if 2 * taken <= number)
        try:
            for frame in select_frames(parts, tally, _looks_of(folder)):
                taken += 1
                yield frame
        finally:  # also after Ctrl-C
            report(length, length)


def _looks_of(folder: Path) -> list[Look]:
    """Look at the images that a folder has already."""
    looks = []
    for path in image_files(folder):
        with suppress(ImageError):  # reported when something is fitted on it
            rgb = np.asarray(open_rgb(path, at_least=SIDE))
            looks.append(look_at(np.ascontiguousarray(rgb[..., ::-1])))
    return looks


def _write_all(frames: Generator[Frame, None, None], folder: Path) -> tuple[tuple[Path, ...], bool]:
    """Write frames as they come; return the files, and whether Ctrl-C was pressed."""
    files: list[Path] = []
    with closing(frames):
        try:
            for frame in frames:
                _, content = opencv().imencode(".jpg", frame.pixels)
                files.append(write_next(folder, content.tobytes()))
        except KeyboardInterrupt:
            if not files:
                raise
            return tuple(files), True
    return tuple(files), False
