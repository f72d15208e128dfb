"""Taking images of a class, from videos made here and from frames that come as from a camera."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot.capture.record import capture
from fewshot.cli import main
from fewshot.errors import ImageError, UsageError
from fewshot.images.files import image_files
from tests.conftest import Run
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


def test_the_next_command_depends_on_what_is_there(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["capture", "--label", "cup", "--source", "video.avi"]) == 1
    assert main(["capture", "--label", "mug", "--count", "30", "--source", "video.avi"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4].startswith("wrote 10 of 30 images, ")
    assert lines[-3].endswith(" near duplicates")
    assert lines[-1] == "next: fewshot fit data"
    assert main(["fit", "data"]) == 0
    (tmp_path / "data" / "mug" / "0004.jpg").unlink()
    assert main(["capture", "--label", "mug", "--count", "1", "--source", "video.avi"]) in (0, 1)
    assert capsys.readouterr().out.splitlines()[-1] == (
        "next: fewshot add data; or to start anew: fewshot fit data"
    )


def test_json(video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "my data"
    command = ["capture", "--label", "cup", "--source", str(video), "--data", str(data), "--json"]
    assert main(command) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["source"], found["wanted"], found["interrupted"]) == (str(video), 20, False)
    assert list(found) == (
        "label source files wanted examined blank blurred near_duplicates interrupted".split()
    )
    assert [Path(file) for file in found["files"]] == image_files(data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "cup", "--source", "97"], "camera 97: cannot be opened; is it connected"),
        (["--label", "cup", "--source", "words.mp4"], "words.mp4: not a video"),
        (["--label", "..", "--source", "words.mp4"], "label '..' begins with a dot"),
        (["--label", "cup", "--source", "rtsp://127.0.0.1:9/x"], "rtsp://127.0.0.1:9/x: cannot"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.mp4").write_text("no video at all")
    assert main(["capture", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and message in told.err
    assert os.listdir(tmp_path) == ["words.mp4"]
