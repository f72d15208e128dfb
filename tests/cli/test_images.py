"""The images that a command line means."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fewshot.cli.images import find_images, require_images
from fewshot.errors import ImageError, SupportError
from tests.conftest import Run, draw


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def test_files_folders_and_globs() -> None:
    touch("a/1.png", "a/2.png", "a/no.txt", "b[1].jpg", "c1.jpg", "c2.jpg")
    assert find_images(["a", "b[1].jpg", "c*.jpg"]) == [
        *(Path("a", name) for name in ("1.png", "2.png")),
        *(Path(name) for name in ("b[1].jpg", "c1.jpg", "c2.jpg")),
    ]


@pytest.mark.parametrize("word", ["nowhere.jpg", "none*.jpg", "none[1]/*.jpg", 3000 * "Zm9v"])
def test_what_does_not_exist_is_kept(word: str) -> None:
    assert find_images([word]) == [Path(word)]


def test_brackets_in_the_name_of_a_folder_are_no_glob() -> None:
    touch("photos [2020]/a/1.jpg", "photos [2020]/a/2.jpg", "photos 2/a/3.jpg")
    expected = [Path("photos [2020]/a", name) for name in ("1.jpg", "2.jpg")]
    assert find_images(["photos [2020]/a/*.jpg"]) == expected
    assert find_images(["photos [2020]/**/*.jpg"]) == expected
    assert find_images([str(Path.cwd() / "photos [2020]" / "a" / "[12].jpg")]) == [
        Path.cwd() / path for path in expected
    ]
    assert find_images(["photos [0-9]/a/*.jpg"]) == [Path("photos 2/a/3.jpg")]


def test_a_folder_without_images_is_an_error_in_its_place() -> None:
    touch("empty/no.txt", "a.jpg")
    error, image = find_images(["empty", "a.jpg"])
    assert isinstance(error, ImageError) and image == Path("a.jpg")
    assert str(error).startswith("empty: no images in this folder (.jpg .jpeg .png ")
    with pytest.raises(ImageError, match="empty: no images"):
        require_images(["a.jpg", "empty"])
    with pytest.raises(SupportError, match="an empty name was given"):
        find_images([""])


def test_a_folder_without_images_on_the_command_line(cli: Run, models: Path) -> None:
    draw("disc", 5).save("good.png")
    touch("empty/no.txt")
    told = cli("classify", "empty", "good.png", "--models", models)
    assert told.returncode == 1 and told.stderr.startswith("fewshot: empty: no images in this ")
    assert told.stdout.startswith("good.png  disc ")
    failed, answer = map(
        json.loads,
        cli("classify", "empty", "good.png", "--json", "--models", models).stdout.splitlines(),
    )
    assert failed["image"] == "empty" and answer["image"] == "good.png"


@pytest.mark.parametrize("word", ["-", "/dev/stdin"])
def test_standard_input_is_an_image(
    cli: Run, models: Path, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO()
    draw("grid", 5).save(content, "PNG")
    for command in ("classify", "explain"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.getvalue())))
        told = cli(command, word, "--models", models)
        assert (told.returncode, told.stderr) == (0, "")
        assert told.stdout.startswith(f"{word}  grid ")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"no image")))
    told = cli("classify", word, "--models", models, "--json")
    assert told.returncode == 1 and json.loads(told.stdout)["image"] == word


def test_no_standard_input_is_an_error(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    (error,) = find_images(["-"])
    assert str(error) == "-: there is no standard input"


def test_an_image_from_a_pipe(models: Path, query_folder: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "fewshot", "classify", "-", "--models", models],
        input=(query_folder / "disc" / "100.png").read_bytes(),
        capture_output=True,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert told.returncode == 0 and told.stdout.startswith(b"-  disc ")
