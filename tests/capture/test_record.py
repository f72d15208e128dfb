"""Collecting pictures, from videos made here and from frames that come as from a camera."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fewshot.capture.frame_selection import Tally, choose_live, choose_spread, survey
from fewshot.capture.frames import Frame, live_frames, video_frames
from fewshot.capture.record import capture
from fewshot.capture.sharpness import clearness, look_at
from fewshot.errors import ImageError, UsageError
from fewshot.images.files import image_files
from tests.conftest import Run

cv2 = pytest.importorskip("cv2", reason="capturing takes OpenCV: pip install 'fewshot[camera]'")

Pixels = NDArray[np.uint8]
SIZE = (320, 240)


def scene(seed: int, size: tuple[int, int] = SIZE) -> Pixels:
    """Draw a picture unlike others, each with its own brightness in red: 8 times its seed."""
    chance = np.random.default_rng(seed)
    width, height = size
    pixels = np.full((height, width, 3), chance.integers(60, 200, 3), np.uint8)
    for _ in range(40):
        x, y = (int(chance.integers(0, side)) for side in size)
        colour = tuple(int(c) for c in chance.integers(0, 256, 3))
        corner = (x + width // 5, y + height // 5)
        cv2.rectangle(pixels, (x, y), corner, colour, thickness=-1 if _ % 2 else 2)
    pixels[: height // 8, : width // 8] = (0, 0, 8 * seed)
    return pixels


def blurred(pixels: Pixels, part: float = 0.03) -> Pixels:
    """Blur by that part of the width."""
    side = max(3, int(part * pixels.shape[1]))
    return np.asarray(cv2.blur(pixels, (side, side)), np.uint8)


def noisy(pixels: Pixels, seed: int) -> Pixels:
    noise = np.random.default_rng(seed).normal(0, 4, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def write_video(path: Path, frames: list[Pixels], codec: str = "MJPG") -> Path:
    height, width = frames[0].shape[:2]
    fourcc = cv2.VideoWriter_fourcc(*codec)
    writer = cv2.VideoWriter(str(path), fourcc, 10.0, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def seeds_of(files: list[Path] | tuple[Path, ...]) -> list[int]:
    """Tell which scenes pictures show."""
    return [round(float(np.asarray(Image.open(file))[5:20, 5:30, 0].mean()) / 8) for file in files]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Ten scenes, each twice and three times blurred; the last of them black."""
    frames = []
    for seed in range(2, 12):
        sharp = scene(seed)
        frames += [blurred(sharp), sharp, blurred(sharp), noisy(sharp, seed), blurred(sharp, 0.1)]
    return write_video(tmp_path / "video.avi", [*frames, *[np.zeros_like(frames[0])] * 5])


def test_it_takes_every_scene_once_sharp_and_in_its_colours(video: Path, tmp_path: Path) -> None:
    captured = capture("cup", count=10, source=video, data=tmp_path / "data")
    assert captured.complete and not captured.interrupted
    assert captured.files == tuple(image_files(tmp_path / "data" / "cup"))
    assert [file.name for file in captured.files][::9] == ["0001.jpg", "0010.jpg"]
    assert seeds_of(captured.files) == list(range(2, 12))
    assert captured.looked_at == 55 and captured.blank == 5 and captured.blurred >= 20
    first = np.asarray(Image.open(captured.files[0]).convert("RGB"), np.int16)
    wrong, right = (np.abs(first - pixels).mean() for pixels in (scene(2), scene(2)[..., ::-1]))
    assert right < 8 and wrong > 4 * right  # blue is not taken for red


def test_it_takes_what_there_is_and_says_why_not_more(video: Path, tmp_path: Path) -> None:
    captured = capture("cup", count=30, source=str(video), data=tmp_path)
    assert not captured.complete and captured.wanted == 30
    assert seeds_of(captured.files) == list(range(2, 12))
    left_out = captured.blank + captured.blurred + captured.alike
    assert len(captured.files) + left_out == captured.looked_at == 55 and captured.alike >= 8


def test_frames_are_spread_over_a_video_and_taken_elsewhere_where_it_shows_nothing_new(
    tmp_path: Path,
) -> None:
    frames = [scene(seed) for seed in range(1, 31)]
    spread = write_video(tmp_path / "spread.avi", frames)
    numbers = seeds_of(capture("a", count=5, source=spread, data=tmp_path).files)
    assert [(number - 1) // 6 for number in numbers] == [0, 1, 2, 3, 4]
    half = write_video(tmp_path / "half.avi", frames[:15] + [scene(31)] * 45)
    captured = capture("b", count=10, source=half, data=tmp_path)
    assert captured.complete and len(set(seeds_of(captured.files))) == 10


def test_long_videos_are_looked_at_evenly_and_not_at_every_frame(tmp_path: Path) -> None:
    small = [scene(seed % 30, (64, 48)) for seed in range(200)]
    path = write_video(tmp_path / "long.avi", small)
    numbers = [look.number for look in survey(path, 3)]
    assert numbers == list(range(0, 200, 8))
    calls: list[tuple[int, int]] = []
    capture("a", count=3, source=path, data=tmp_path, progress=lambda *call: calls.append(call))
    assert calls[-1] == (400, 400) and calls == sorted(calls)


def test_what_is_there_is_kept(video: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cup"
    folder.mkdir()
    for name in ("3.png", "0007.JPG", "20240131123456.jpg", "notes.txt"):
        (folder / name).write_bytes(b"mine")
    captured = capture("cup", count=2, source=video, data=tmp_path)
    assert [file.name for file in captured.files] == ["0008.jpg", "0009.jpg"]
    again = capture("cup", count=20, source=video, data=tmp_path)
    assert [file.name for file in again.files] == [f"{n:04}.jpg" for n in range(10, 18)]
    assert sorted(seeds_of(captured.files + again.files)) == list(range(2, 12))
    nothing = capture("cup", count=20, source=video, data=tmp_path)
    assert nothing.files == () and nothing.alike >= 18
    assert (folder / "0007.JPG").read_bytes() == b"mine" and len(os.listdir(folder)) == 14


@pytest.mark.parametrize("scale", [1, 2.5, 4])
def test_blur_and_likeness_do_not_depend_on_resolution_or_light(scale: float) -> None:
    big = cv2.resize(scene(3), None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    usual, same = look_at(Frame(0, 0, scene(3))), look_at(Frame(0, 0, big))
    dim = look_at(Frame(0, 0, (big * 0.4).astype(np.uint8)))
    assert same.sharpness == pytest.approx(usual.sharpness, rel=0.3)
    assert dim.sharpness == pytest.approx(same.sharpness, rel=0.1)
    assert min(same.thumbnail @ usual.thumbnail, dim.thumbnail @ usual.thumbnail) > 0.999
    assert look_at(Frame(0, 0, scene(4))).thumbnail @ usual.thumbnail < 0.9
    for sides in ((1, 0.03), (0.03, 1), (0.03, 0.03)):  # moved up, aside, and out of focus
        sides = tuple(max(1, int(part * big.shape[1])) if part < 1 else 1 for part in sides)
        moved = look_at(Frame(0, 0, cv2.blur(big, sides)))
        assert clearness(moved, [same] * 5) < 0.3 < clearness(same, [same, *[moved] * 2])
    assert clearness(dim, [same] * 5) > 0.9


@pytest.mark.parametrize(("turns", "matrix"), [(1, (0, 1, -1, 0)), (2, (-1, 0, 0, -1))])
def test_a_rotated_video_is_upright(
    turns: int, matrix: tuple[int, int, int, int], tmp_path: Path
) -> None:
    upright = scene(20)
    stored = np.ascontiguousarray(np.rot90(upright, turns))
    path = write_video(tmp_path / "phone.mp4", [stored] * 3, "mp4v")
    _set_rotation(path, matrix, stored.shape[1], stored.shape[0])
    (frame, *_) = video_frames(path)
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


def camera(seconds: float, *, still_after: float = 1e9) -> Iterator[Frame]:
    """Give 10 frames a second, of a new scene every half a second, every third of them blurred."""
    for number in range(int(seconds * 10)):
        now = number / 10
        pixels = noisy(scene(int(min(now, still_after) * 2)), number)
        yield Frame(number, now, blurred(pixels) if number % 3 == 1 else pixels)


def test_a_camera_gives_a_few_pictures_a_second_all_sharp_and_unlike() -> None:
    tally = Tally()
    taken = list(choose_live(camera(10), tally))
    times = [frame.seconds for frame in taken]
    assert times[0] >= 0.5 and min(np.diff(times)) >= 0.4
    assert len({int(2 * t) for t in times}) == len(times) >= 15
    assert all(frame.number % 3 != 1 for frame in taken) and tally.blurred > 0


def test_a_camera_is_given_up_when_it_shows_nothing_new() -> None:
    tally = Tally()
    frames = camera(1000, still_after=3)
    assert 4 <= len(list(choose_live(frames, tally))) <= 7
    assert tally.alike > 100 and next(frames).seconds < 30


def test_a_camera_that_stops_ends_the_frames(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fewshot.capture.frames._SILENCE", 0.3)
    frames = list(live_frames(cv2.VideoCapture(str(video))))  # read as a camera is
    assert [frame.number for frame in frames] == list(range(55))
    assert min(np.diff([frame.seconds for frame in frames])) >= 0


def test_stripes_are_not_taken_for_blur() -> None:
    stripes = np.zeros((60, 80, 3), np.uint8)
    stripes[:, ::8] = 255  # along them nothing changes
    look = look_at(Frame(0, 0, stripes))
    assert clearness(look, [look]) == 1


def test_black_frames_are_left_out_until_something_shows() -> None:
    black = [Frame(i, i / 30, noisy(np.zeros((60, 80, 3), np.uint8), i) // 4) for i in range(60)]
    bright = [Frame(60 + i, 2 + i / 30, scene(5)) for i in range(30)]
    tally = Tally()
    (only,) = choose_live([*black, *bright], tally)
    assert only.number == 60 and tally.blank == 45


def test_what_was_written_is_kept_when_it_is_ended_from_the_keyboard(
    video: Path, tmp_path: Path
) -> None:
    def end_at(part: float) -> Callable[[int, int], None]:
        pressed: list[int] = []

        def progress(done: int, total: int) -> None:
            if done >= part * total and not pressed:
                pressed.append(done)
                raise KeyboardInterrupt

        return progress

    with pytest.raises(KeyboardInterrupt):
        capture("a", count=10, source=video, data=tmp_path / "data", progress=end_at(0.3))
    assert not (tmp_path / "data").exists()
    captured = capture("a", count=10, source=video, data=tmp_path / "data", progress=end_at(0.7))
    assert captured.interrupted and 1 <= len(captured.files) < 10
    assert captured.files == tuple(image_files(tmp_path / "data"))


def test_of_equals_there_are_as_many_as_asked_for(video: Path) -> None:
    looks = survey(video, 10)
    for count in (1, 3, 10):
        assert len(choose_spread(looks, count, Tally())) == count


@pytest.mark.parametrize(
    "label", ["", " ", ".", "..", ".hidden", "../up", "a/b", "a\\b", "C:", "a\n", "a\0"]
)
def test_labels_that_are_no_folder_of_the_data_are_refused(
    label: str, video: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="expected a name that a folder can have"):
        capture(label, source=video, data=tmp_path / "data")
    assert os.listdir(tmp_path) == ["video.avi"]


def test_nothing_is_written_for_what_cannot_be_read(video: Path, tmp_path: Path) -> None:
    (tmp_path / "words.mp4").write_text("no video at all")
    (tmp_path / "cut.avi").write_bytes(video.read_bytes()[:300])
    (tmp_path / "file").write_text("")
    data = tmp_path / "data"
    for source, message in (
        ("gone.mp4", "gone.mp4: no such file; expected a video file, or the number of a camera"),
        (tmp_path, "not a file"),
        (tmp_path / "words.mp4", "not a video that OpenCV can read"),
        (tmp_path / "cut.avi", "cut.avi: (not a video|it could be opened, but no frame)"),
        (97, "camera 97: cannot be opened"),
    ):
        with pytest.raises(ImageError, match=message):
            capture("cup", source=source, data=data)
    with pytest.raises(UsageError, match="is not a folder"):
        capture("cup", source=video, data=tmp_path / "file")
    with pytest.raises(UsageError, match="count is 0; expected 1 or more"):
        capture("cup", count=0, source=video, data=data)
    assert not data.exists()


def test_the_command_says_what_it_wrote_and_what_to_type_next(
    fewshot: Run, video: Path, tmp_path: Path
) -> None:
    told = fewshot("capture", "--label", "cup", "--count", 10, "--source", "video.avi")
    assert (told.returncode, told.stderr) == (0, "")
    first, second, last = told.stdout.splitlines()
    places = [Path("data", "cup", name) for name in ("0001.jpg", "0010.jpg")]
    assert first == f"wrote 10 images, {places[0]} to {places[1]}"
    assert second.startswith("55 frames examined; left out: 5 blank, ")
    assert last == "next: fewshot capture --label ANOTHER; then: fewshot fit data"

    told = fewshot("capture", "--label", "mug", "--count", 30, "--source", "video.avi")
    assert told.returncode == 1 and told.stdout.startswith("wrote 10 of 30 images, ")
    assert told.stdout.splitlines()[1].endswith(" near duplicates")
    assert told.stdout.splitlines()[-1] == "next: fewshot fit data"
    assert fewshot("fit", "data").returncode == 0
    (tmp_path / "data" / "mug" / "0004.jpg").unlink()
    told = fewshot("capture", "--label", "mug", "--count", 1, "--source", "video.avi")
    assert told.stdout.startswith(f"wrote 1 image, {Path('data', 'mug', '0011.jpg')}\n")
    assert told.stdout.splitlines()[-1] == (
        "next: fewshot add data; or to start anew: fewshot fit data"
    )


def test_json(fewshot: Run, video: Path, tmp_path: Path) -> None:
    command = ("capture", "--label", "cup", "--source", "video.avi", "--data", "my data", "--json")
    told = fewshot(*command)
    found = json.loads(told.stdout)
    assert told.returncode == 1 and (found["wanted"], found["interrupted"]) == (20, False)
    assert list(found) == (
        "label source files wanted looked_at blank blurred alike interrupted".split()
    )
    assert [Path(file) for file in found["files"]] == [
        Path("my data", "cup", f"{n:04}.jpg") for n in range(1, 11)
    ]


def test_errors_are_one_line(fewshot: Run, tmp_path: Path) -> None:
    (tmp_path / "words.mp4").write_text("no video at all")
    for arguments, message in (
        (["--label", "cup", "--source", "97"], "camera 97: cannot be opened; is there one"),
        (["--label", "cup", "--source", "words.mp4"], "words.mp4: not a video"),
        (["--label", "..", "--source", "words.mp4"], "label '..' begins with a dot"),
        (["--label", "cup", "--count", "0"], "'0' is not a number of 1 or more"),
    ):
        told = fewshot("capture", *arguments)
        assert (told.returncode, told.stdout) == (2, "") and message in told.stderr
        assert len([line for line in told.stderr.splitlines() if line[:7] == "fewshot"]) == 1
    assert os.listdir(tmp_path) == ["words.mp4"]


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
    assert told.returncode == 2 and told.stderr.endswith("pip install 'fewshot[camera]'\n")
    assert os.listdir(tmp_path) == []


def test_two_at_once_overwrite_nothing_of_each_other(video: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fewshot", "capture", "--label", "cup", "--count", "4"]
    running = [
        subprocess.Popen([*command, "--source", str(video), "--json"], cwd=tmp_path, stdout=-1)
        for _ in range(2)
    ]
    told = [json.loads(process.communicate(timeout=120)[0]) for process in running]
    files = [file for record in told for file in record["files"]]
    assert len(set(files)) == len(files) == len(list((tmp_path / "data" / "cup").iterdir()))


def test_cameras_and_names_that_opencv_would_crash_at(video: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no camera 99999999999"):
        capture("cup", source=99999999999, data=tmp_path)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/v\xff.avi"))
    try:
        video.rename(odd)
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(UsageError, match="not valid UTF-8"):
        capture("cup", source=odd, data=tmp_path)
