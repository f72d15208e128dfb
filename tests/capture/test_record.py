"""Taking images of a class, from videos made here and from frames that come as from a camera."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot.capture.record import capture
from fewshot.errors import ImageError, UsageError
from fewshot.images.files import image_files
from tests.helpers.videos import scene, seeds_of, write_scenes, write_video

SEEDS = list(range(2, 12))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "video.avi", range(2, 12))


def test_it_takes_every_scene_once_sharp_and_in_its_colours(video: Path, tmp_path: Path) -> None:
    captured = capture("cup", count=10, source=video, data=tmp_path / "data")
    assert captured.complete and not captured.interrupted
    assert captured.files == tuple(image_files(tmp_path / "data" / "cup"))
    assert [file.name for file in captured.files][::9] == ["0001.jpg", "0010.jpg"]
    assert seeds_of(captured.files) == SEEDS
    assert captured.examined < 50 and captured.blurred >= 10
    first = np.asarray(Image.open(captured.files[0]).convert("RGB"), np.int16)
    wrong, right = (np.abs(first - pixels).mean() for pixels in (scene(2), scene(2)[..., ::-1]))
    assert right < 8 and wrong > 4 * right  # blue is not taken for red


def test_it_takes_what_there_is_and_says_why_not_more(video: Path, tmp_path: Path) -> None:
    captured = capture("cup", count=30, source=str(video), data=tmp_path)
    assert not captured.complete and captured.wanted == 30
    assert seeds_of(captured.files) == SEEDS
    left_out = captured.blank + captured.blurred + captured.near_duplicates
    assert len(captured.files) + left_out == captured.examined
    assert captured.near_duplicates >= 5


def test_frames_are_spread_over_a_video(tmp_path: Path) -> None:
    spread = write_video(tmp_path / "spread.avi", [scene(seed) for seed in range(1, 31)])
    numbers = seeds_of(capture("a", count=5, source=spread, data=tmp_path).files)
    assert [(number - 1) // 6 for number in numbers] == [0, 1, 2, 3, 4]


def test_other_parts_make_up_for_those_with_nothing(tmp_path: Path) -> None:
    black = np.zeros_like(scene(1))
    frames = [black] * 15 + [scene(seed) for seed in range(1, 31)]
    captured = capture(
        "a", count=10, source=write_video(tmp_path / "late.avi", frames), data=tmp_path
    )
    assert captured.complete and captured.blank > 0
    assert len(set(seeds_of(captured.files))) == 10


def test_of_a_long_video_not_every_frame_is_examined(tmp_path: Path) -> None:
    small = [scene(seed % 30, (64, 48)) for seed in range(200)]
    path = write_video(tmp_path / "long.avi", small)
    calls: list[tuple[int, int]] = []
    captured = capture(
        "a", count=1, source=path, data=tmp_path, progress=lambda *call: calls.append(call)
    )
    assert captured.complete and captured.examined <= 10
    assert calls[-1] == (200, 200) and calls == sorted(calls)
    assert [total for _, total in calls] == [200] * len(calls)


def test_images_in_the_folder_are_kept_and_not_repeated(video: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cup"
    folder.mkdir()
    (folder / "7.jpg").write_bytes(b"mine, and not an image")
    captured = capture("cup", count=2, source=video, data=tmp_path)
    assert [file.name for file in captured.files] == ["0008.jpg", "0009.jpg"]
    again = capture("cup", count=30, source=video, data=tmp_path)
    assert sorted(seeds_of(captured.files + again.files)) == SEEDS
    nothing = capture("cup", count=30, source=video, data=tmp_path)
    assert nothing.files == () and nothing.near_duplicates >= 18
    assert (folder / "7.jpg").read_bytes() == b"mine, and not an image"


def test_what_was_written_is_kept_after_ctrl_c(video: Path, tmp_path: Path) -> None:
    def press_at(part: float) -> Callable[[int, int], None]:
        pressed: list[int] = []

        def progress(done: int, total: int) -> None:
            if done >= part * total and not pressed:
                pressed.append(done)
                raise KeyboardInterrupt

        return progress

    data = tmp_path / "data"
    with pytest.raises(KeyboardInterrupt):
        capture("a", count=10, source=video, data=data, progress=press_at(0))
    assert not data.exists()
    captured = capture("a", count=10, source=video, data=data, progress=press_at(0.5))
    assert captured.interrupted and 1 <= len(captured.files) < 10
    assert captured.files == tuple(image_files(data))


def test_nothing_is_written_for_what_cannot_be_read(video: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.avi").write_bytes(video.read_bytes()[:300])
    (tmp_path / "file").write_text("")
    data = tmp_path / "data"
    with pytest.raises(ImageError, match=r"cut.avi: (not a video|it could be opened, but there)"):
        capture("cup", source=tmp_path / "cut.avi", data=data)
    with pytest.raises(UsageError, match="expected a name that a folder can have"):
        capture("a/b", source=video, data=data)
    with pytest.raises(UsageError, match="is not a folder"):
        capture("cup", source=video, data=tmp_path / "file")
    with pytest.raises(UsageError, match="count is 0; expected 1 or more"):
        capture("cup", count=0, source=video, data=data)
    with pytest.raises(UsageError, match="there is no camera 99999999999"):
        capture("cup", source=99999999999, data=data)
    assert not data.exists()


def test_a_name_that_opencv_would_crash_at_is_refused(video: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/v\xff.avi"))
    try:
        video.rename(odd)
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(UsageError, match="not valid UTF-8"):
        capture("cup", source=odd, data=tmp_path)
