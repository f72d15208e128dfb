"""Select frames that are neither blank nor blurred, nor near duplicates of others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot.capture.frames import Frame, opencv

# Longer side in pixels at which frames are compared. Blur that does not show there is nothing to a
# backbone, which sees less.
SIDE = 320
# Side of the grey thumbnail by which near duplicates are found.
_THUMBNAIL = 32
# Standard deviation of grey, 0 to 127.5, of a frame that shows nothing: a lens cap, a camera that
# has just been switched on.
_BLANK = 3.0
# A frame is blurred below this part of the sharpness of the sharper quarter of recent frames.
# Moving by 2 % of the width leaves less than 0.42 of it in nine of ten images, being out of
# focus less than 0.16; of sharp frames of a camera that pans over one, 98 % have more than 0.47.
_BLURRED, _RECENT = 0.4, 100
# Correlation from which frames are near duplicates. Noise, compression and a shift by 0.5 % of the
# width leave more; a shift by 2 % leaves less in two of three.
_NEAR_DUPLICATE = 0.98


@dataclass
class Tally:
    """How many frames were examined, and how many of them were left out, and why."""

    examined: int = 0
    blank: int = 0
    blurred: int = 0
    near_duplicates: int = 0


@dataclass(frozen=True, eq=False)
class Look:
    """What frames are compared by.

    Standard deviation of grey; variance of the Laplacian (Pech-Pacheco et al. 2000) over that of
    grey, so that light does not matter; grey thumbnail of shape (1024,), mean 0 and length 1.
    """

    contrast: float
    sharpness: float
    thumbnail: NDArray[np.float32]

    def repeats(self, others: Iterable[Look]) -> bool:
        """Tell whether this is a near duplicate of one of them."""
        return any(float(self.thumbnail @ o.thumbnail) > _NEAR_DUPLICATE for o in others)


def look_at(pixels: NDArray[np.uint8]) -> Look:
    """Measure BGR pixels of shape (H, W, 3)."""
    cv2 = opencv()
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.float32)
    if (scale := SIDE / max(grey.shape)) < 1:
        size = tuple(max(1, round(side * scale)) for side in grey.shape[::-1])
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    thumbnail = cv2.resize(grey, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).ravel()
    thumbnail -= thumbnail.mean()
    thumbnail /= max(float(np.linalg.norm(thumbnail)), 1e-6)
    sharpness = cv2.Laplacian(grey, cv2.CV_32F).var() / max(grey.var(), 1e-6)
    return Look(float(grey.std()), float(sharpness), thumbnail)


def select_frames(
    parts: Iterable[Iterable[Frame]], tally: Tally, known: Iterable[Look] = ()
) -> Iterator[Frame]:
    """Yield the sharpest usable frame of each part of a recording, and add to the tally.

    Images that are `known` are not repeated either.
    """
    taken, recent = list(known), deque[float](maxlen=_RECENT)
    for part in parts:
        best: tuple[float, Frame, Look] | None = None
        for frame in part:
            look = look_at(frame.pixels)
            if _is_usable(look, recent, taken, tally) and (not best or look.sharpness > best[0]):
                best = (look.sharpness, frame, look)
        if best:
            taken.append(best[2])
            yield best[1]


def _is_usable(look: Look, recent: deque[float], taken: list[Look], tally: Tally) -> bool:
    tally.examined += 1
    if look.contrast < _BLANK:
        tally.blank += 1
        return False
    recent.append(look.sharpness)
    if look.sharpness < _BLURRED * np.quantile(recent, 0.75):
        tally.blurred += 1
        return False
    repeats = look.repeats(taken)
    tally.near_duplicates += repeats
    return not repeats
