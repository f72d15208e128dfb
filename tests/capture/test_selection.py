"""Which frames are taken: sharp ones that are neither blank nor near duplicates."""

import numpy as np
import pytest

from fewshot.capture.frames import Frame
from fewshot.capture.selection import Tally, look_at, select_frames
from tests.helpers.videos import Pixels, blurred, cv2, noisy, scene


def frames_of(*images: Pixels) -> list[Frame]:
    return [Frame(number, number / 10, pixels) for number, pixels in enumerate(images)]


@pytest.mark.parametrize("scale", [1, 2.5, 4])
def test_looks_do_not_depend_on_resolution_or_light(scale: float) -> None:
    big = cv2.resize(scene(3), None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    usual, same = look_at(scene(3)), look_at(big)
    dim = look_at((big * 0.4).astype(np.uint8))
    assert same.sharpness == pytest.approx(usual.sharpness, rel=0.3)
    assert dim.sharpness == pytest.approx(same.sharpness, rel=0.1)
    assert same.repeats([usual]) and dim.repeats([usual])
    assert not look_at(scene(4)).repeats([usual])
    assert look_at(blurred(big)).sharpness < 0.2 * same.sharpness
    moved = cv2.blur(big, (big.shape[1] // 30, 1))
    assert look_at(moved).sharpness < 0.7 * same.sharpness


def test_the_sharpest_frame_of_each_part_is_taken() -> None:
    parts = [
        frames_of(blurred(scene(seed)), scene(seed), blurred(scene(seed))) for seed in range(4)
    ]
    tally = Tally()
    assert [frame.number for frame in select_frames(parts, tally)] == [1, 1, 1, 1]
    assert tally.examined == 12 and tally.blurred >= 7 and tally.blank == 0


def test_a_part_that_is_blurred_or_blank_or_known_gives_nothing() -> None:
    black = np.zeros_like(scene(1))
    parts = [[frame] for frame in frames_of(scene(1), blurred(scene(2)), black, noisy(scene(1), 1))]
    tally = Tally()
    assert [frame.number for frame in select_frames(parts, tally)] == [0]
    assert tally == Tally(examined=4, blank=1, blurred=1, near_duplicates=1)
    tally = Tally()
    assert not list(select_frames(parts, tally, [look_at(scene(1))]))
    assert tally.near_duplicates == 2


def test_stripes_are_not_taken_for_blur() -> None:
    stripes = np.zeros((60, 80, 3), np.uint8)
    stripes[:, ::8] = 255  # along them nothing changes
    assert len(list(select_frames([frames_of(stripes)], Tally()))) == 1


def test_blur_is_judged_by_recent_frames() -> None:
    parts = [[frame] for frame in frames_of(*[scene(seed) for seed in range(60)])]
    soft = [[frame] for frame in frames_of(*[blurred(scene(seed)) for seed in range(60, 220)])]
    tally = Tally()
    taken = list(select_frames([*parts, *soft], tally))
    assert tally.blurred > 10  # until all recent frames are as soft
    assert len(taken) == 220 - tally.blurred - tally.near_duplicates
