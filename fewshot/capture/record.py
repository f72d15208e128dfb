"""Collect pictures of a class from a camera or a video file, as files of a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count as count_from
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from fewshot._files import replacing, require_writable
from fewshot.capture.frame_selection import Tally, choose_live, choose_spread, survey
from fewshot.capture.frames import Frame, camera_frames, opencv, video_frames
from fewshot.capture.sharpness import SIDE, Look, look_at
from fewshot.errors import ImageError, UsageError
from fewshot.images.decode import open_rgb
from fewshot.images.files import image_files

Progress: TypeAlias = Callable[[int, int], None]

# Numbers longer than this are not counted on from: they are dates and the like.
_DIGITS = 6


@dataclass(frozen=True)
class Captured:
    """What was collected.

    Attributes
    ----------
    label : str
    source : str
        ``camera 0``, or the path of a video.
    files : tuple of Path
        What was written, in order.
    wanted : int
        How many were asked for.
    looked_at, blank, blurred, alike : int
        Frames among which they were chosen, and how many of these showed nothing, were blurred, or
        repeated another picture. Where enough were found, some of the rest were not compared.
    interrupted : bool
        Whether it was ended from the keyboard.
    """

    label: str
    source: str
    files: tuple[Path, ...]
    wanted: int
    looked_at: int
    blank: int
    blurred: int
    alike: int
    interrupted: bool

    @property
    def complete(self) -> bool:
        """Whether as many were written as were asked for."""
        return len(self.files) == self.wanted

    def to_dict(self) -> dict[str, Any]:
        """Return it as built-in types, for JSON."""
        return {**vars(self), "files": [str(file) for file in self.files]}


def capture(
    label: str,
    *,
    count: int = 20,
    source: int | str | os.PathLike[str] = 0,
    data: str | os.PathLike[str] = "data",
    progress: Progress | None = None,
) -> Captured:
    """Take pictures of a class and write them as JPEG files into its folder.

    Frames that show nothing, are blurred beside those around them, or repeat one that was taken or
    a picture that the folder has already are left out. Those of a video are spread over its
    length; a camera gives two or three a second at most, and is given up when nothing new has come
    for 20 seconds.

    Parameters
    ----------
    label : str
        The class; its folder in `data` is made if need be.
    count : int, default 20
        How many pictures, 1 or more.
    source : int or path, default 0
        The number of a camera, from 0; or a video file.
    data : path, default "data"
        The folder of classes.
    progress : callable, optional
        Called with what is done and what there is to do: pictures of a camera, frames of a video.

    Returns
    -------
    Captured
        With fewer pictures than asked for where there were no more, or after Ctrl-C, which is
        passed on only if nothing was written.

    Raises
    ------
    ImageError
        If camera or file cannot be opened, or there is no frame in it.
    UsageError
        If OpenCV is missing, the label is no name for a folder, the count is below 1, or the
        folder may not be written to.
    """
    _require_name(label)
    if count < 1:
        raise UsageError(f"count is {count}; expected 1 or more")
    opencv()
    folder, tally = Path(data) / label, Tally()
    require_writable(folder)
    if isinstance(source, int) and not 0 <= source < 2**31:
        raise UsageError(f"there is no camera {source}; expected 0 or another small number")
    if isinstance(source, int):
        name, frames = f"camera {source}", _from_camera(source, count, folder, tally, progress)
    else:
        name, frames = os.fspath(source), _from_video(Path(source), count, folder, tally, progress)
    files, interrupted = _write_all(frames, folder)
    if not tally.looked_at:
        raise ImageError("it could be opened, but no frame came out of it", name)
    return Captured(label, name, files, count, **vars(tally), interrupted=interrupted)


def _from_camera(
    number: int, count: int, folder: Path, tally: Tally, progress: Progress | None
) -> Generator[Frame, None, None]:
    """Choose frames as they come."""
    with closing(camera_frames(number)) as frames:
        chosen = choose_live(frames, tally, _looks_of(folder))
        for done, frame in enumerate(islice(chosen, count), 1):
            yield frame
            if progress:
                progress(done, count)


def _from_video(
    path: Path, count: int, folder: Path, tally: Tally, progress: Progress | None
) -> Generator[Frame, None, None]:
    """Choose frames in a first pass, and yield them in a second: all would not fit into memory."""
    looks = survey(path, count, _half(progress, 0))
    chosen = set(choose_spread(looks, count, tally, _looks_of(folder)))
    with closing(video_frames(path, chosen.__contains__, _half(progress, 1))) as frames:
        yield from islice(frames, len(chosen))


def _looks_of(folder: Path) -> list[Look]:
    """Look at the pictures that a folder has already."""
    looks = []
    for path in image_files(folder):
        with suppress(ImageError):  # to be found by those who learn from it
            pixels = np.asarray(open_rgb(path, at_least=SIDE))[..., ::-1]
            looks.append(look_at(Frame(0, 0.0, np.ascontiguousarray(pixels))))
    return looks


def _half(progress: Progress | None, half: int) -> Progress | None:
    """Report one of two passes as the first or the second half of the work."""
    if progress is None:
        return None
    return lambda done, total: progress(half * total + done, 2 * total)


def _write_all(frames: Generator[Frame, None, None], folder: Path) -> tuple[tuple[Path, ...], bool]:
    """Write frames as they come, and say whether that was ended from the keyboard."""
    files: list[Path] = []
    with closing(frames):
        try:
            for frame in frames:
                files.append(_write(frame, folder))
        except KeyboardInterrupt:
            if not files:
                raise
            return tuple(files), True
    return tuple(files), False


def _require_name(label: str) -> None:
    """Refuse what would be no folder directly in the data folder, on any system, or a hidden one.

    Raises
    ------
    UsageError
    """
    odd = [c for c in label if c in '/\\:*?"<>|' or not c.isprintable()]
    if odd or label.startswith(".") or not label.strip():
        found = f"has {odd[0]!r} in it" if odd else "begins with a dot" if label[:1] == "." else ""
        raise UsageError(
            f"label {label!r} {found or 'is empty'}; expected a name that a folder can have"
        )


def _write(frame: Frame, folder: Path) -> Path:
    """Write a frame as the next JPEG file of a folder."""
    _, data = opencv().imencode(".jpg", frame.pixels)
    path = _reserve(folder)
    try:
        with replacing(path) as stream:
            stream.write(data.tobytes())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _reserve(folder: Path) -> Path:
    """Make an empty file of the next name, which no other command has then."""
    folder.mkdir(parents=True, exist_ok=True)
    places = _free_places(folder)
    while True:  # until one is not taken meanwhile
        path = next(places)
        with suppress(FileExistsError), open(path, "xb"):
            return path


def _free_places(folder: Path) -> Iterator[Path]:
    """Yield names after the highest number in a folder, whatever kind of file has it."""
    stems = {path.stem for path in folder.iterdir()} if folder.is_dir() else set()
    numbers = [int(stem) for stem in stems if stem.isdecimal() and len(stem) <= _DIGITS]
    for number in count_from(max(numbers, default=0) + 1):
        if f"{number:04}" not in stems:
            yield folder / f"{number:04}.jpg"
