"""Choose among frames: those that are not blank, not blurred, and unlike those already taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fewshot.capture.frames import Frame, video_frames
from fewshot.capture.sharpness import Look, clearness, is_like, look_at

# A frame is blurred if in some direction it has less than this part of the sharpness that the
# sharper quarter of the frames around it has: many may be blurred. Moving by 2 % of the width
# leaves 0.02 to 0.09 of it and by 1 % 0.07 to 0.21; sharp photographs of one kind of thing differ
# more than frames of one recording, and of hands or packages nineteen in twenty have 0.3 and more.
_SHARP = 0.3
# Frames of a video looked at for each to be taken, up to twice as many, and with how many on either
# side one is compared.
_LOOKS, _AROUND = 8, 12
# Of a camera: how many frames before are recent, seconds in which it finds its exposure, least
# seconds between two pictures, and most without any.
_RECENT, _WARM_UP, _APART, _PATIENCE = 90, 0.5, 0.4, 20.0


@dataclass
class Tally:
    """How many frames were looked at, and why others than those taken were left out."""

    looked_at: int = 0
    blank: int = 0
    blurred: int = 0
    alike: int = 0


def survey(
    path: Path, count: int, progress: Callable[[int, int], None] | None = None
) -> list[Look]:
    """Look at frames spread evenly over a video, whatever length its header gives it.

    Parameters
    ----------
    path : Path
    count : int
        How many are to be taken.
    progress : callable, optional
        As for `fewshot.capture.frames.video_frames`.

    Returns
    -------
    list of Look
        In order: 8 to 16 for each to be taken, or of every frame if there are fewer.
    """
    looks: list[Look] = []
    every, most = 1, 2 * _LOOKS * count

    def wanted(number: int) -> bool:
        return number % every == 0

    with closing(video_frames(path, wanted, progress)) as frames:
        for frame in frames:
            looks.append(look_at(frame))
            if len(looks) == most:
                looks, every = looks[::2], 2 * every
    return looks


def choose_spread(
    looks: Sequence[Look], count: int, tally: Tally, known: Sequence[Look] = ()
) -> list[int]:
    """Choose frames all over a video: of each part of it the sharpest that are unlike the rest.

    Parameters
    ----------
    looks : sequence of Look
    count : int
        A part is one in so many; where one has nothing, others give more.
    tally : Tally
        Added to.
    known : sequence of Look
        Of pictures that are not to be repeated either.

    Returns
    -------
    list of int
        Their numbers, at most `count`, in order.
    """
    tally.looked_at += len(looks)
    count = min(count, len(looks))
    parts: list[list[tuple[float, Look]]] = [[] for _ in range(count)]
    for i, look in enumerate(looks):
        clear = clearness(look, looks[max(0, i - _AROUND) : i + _AROUND + 1])
        if not _spoilt(clear, tally):
            parts[i * count // len(looks)].append((clear, look))
    for part in parts:
        part.sort(key=lambda pair: pair[0])
    taken: list[Look] = []
    while len(taken) < count and any(parts):
        for part in parts:
            room = len(taken) < count
            if room and (found := _next_unlike(part, [*known, *taken], tally)):
                taken.append(found)
    return sorted(look.number for look in taken)


def _next_unlike(part: list[tuple[float, Look]], taken: list[Look], tally: Tally) -> Look | None:
    """Remove from the end of a list up to the first that is unlike those taken."""
    while part:
        _, look = part.pop()
        if not is_like(look, taken):
            return look
        tally.alike += 1
    return None


def choose_live(
    frames: Iterable[Frame], tally: Tally, known: Sequence[Look] = ()
) -> Iterator[Frame]:
    """Choose frames while they come.

    Parameters
    ----------
    frames : iterable of Frame
    tally : Tally
        Added to.
    known : sequence of Look
        Of pictures that are not to be repeated either.

    Returns
    -------
    iterator of Frame
        At most one in 0.4 seconds; it ends with the frames, or when none was worth taking for 20.
    """
    taken = list(known)
    recent: deque[Look] = deque(maxlen=_RECENT)
    latest, pause = 0.0, _WARM_UP
    for frame in frames:
        look = look_at(frame)
        recent.append(look)
        if frame.seconds - latest < pause:
            continue
        tally.looked_at += 1
        if not _spoilt(clearness(look, recent), tally):
            if not is_like(look, taken):
                taken.append(look)
                latest, pause = frame.seconds, _APART
                yield frame
                continue
            tally.alike += 1
        if frame.seconds - latest > _PATIENCE:
            return


def _spoilt(clear: float, tally: Tally) -> bool:
    """Tell a frame that shows nothing, or is blurred."""
    tally.blank += clear < 0
    tally.blurred += 0 <= clear < _SHARP
    return clear < _SHARP
