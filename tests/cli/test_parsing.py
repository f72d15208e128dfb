"""Typing errors, and what they are answered with."""

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import Run, draw


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("evaluate d --shot 1", "fewshot evaluate: error: unrecognized arguments: --shot; did you"),
        ("evaluate d --shot=1", "did you mean --shots?"),
        ("fit --model m", "did you mean --models?"),
        ("classify a.jpg --topp 3", "did you mean --top?"),
        ("classify a.jpg --all-face", "did you mean --all-faces?"),
        ("export --resize", "unrecognized arguments: --resize"),
        ("fti data", "there is no command 'fti'; did you mean fit?"),
        ("clasify a.jpg", "did you mean classify?"),
        ("xyzzy", "there is no command 'xyzzy'\n"),
        ("--models m classify", "unrecognized arguments: --models; a command comes first"),
        ("fit data/cat data/dog", "give the folder that holds them: data\n"),
        ("fit data/cat/ data/dog/", "give the folder that holds them: data\n"),
        ("evaluate cat dog bird", "give the folder that holds them: .\n"),
        ("check a/cat b/dog", "give the folder that holds them, one folder for each class"),
        ("rename a b c", "unrecognized arguments: c\n"),
        ("classify a.jpg --is a --is b", "argument --is: given more than once; give it once"),
        ("fit d -o a --output b", "argument --output: given more than once"),
        ("fit d --models a --models=b", "argument --models: given more than once"),
        ("classify https://example.org/a.jpg", "https://example.org/a.jpg is a URL, and fewshot"),
        ("classify a.jpg --models s3://b/m", "s3://b/m is a URL"),
        ("fit http://example.org/data", "download it first"),
        ("info --models m.zip", "m.zip: is a file; expected a folder, or an .onnx or .pkl file"),
        ("verify m.zip", "m.zip: is a file; expected a folder, or an .onnx or .pkl file"),
        ("report -o r.pdf", "r.pdf: an HTML report is written; give a name that ends in .html"),
        ("evaluate d --report r", "r: an HTML report is written"),
        ("m.zip", "m.zip is no command; did you mean fewshot classify m.zip?"),
    ],
)
def test_the_message_says_what_to_type(cli: Run, tmp_path: Path, words: str, message: str) -> None:
    (tmp_path / "m.zip").write_bytes(b"PK")
    told = cli(*words.split())
    assert (told.returncode, told.stdout) == (2, "")
    assert message in told.stderr
    if message.startswith("fewshot evaluate"):
        assert told.stderr.startswith("usage: fewshot evaluate ")


def test_hidden_names_are_not_suggested(cli: Run) -> None:
    assert "did you mean --all-faces?" in cli("classify", "a.jpg", "--facess").stderr
    assert "--faces" not in cli("classify", "--help").stdout.replace("--all-faces", "")


def test_words_after_two_dashes_are_no_options(cli: Run, models: Path, tmp_path: Path) -> None:
    draw("disc", 5).save(tmp_path / "--is", "PNG")
    told = cli("classify", "--models", models, "--", "--is")
    assert told.returncode == 0 and told.stdout.startswith("--is  disc ")


def test_what_was_pasted_by_mistake_is_shortened(cli: Run, models: Path) -> None:
    pasted = "/9j/" + 3000 * "4AAQSkZJRg"
    for words in (["classify", pasted, "--models", models], [pasted], ["info", "--models", pasted]):
        told = cli(*words)
        assert told.returncode in (1, 2) and 0 < len(told.stderr) < 1000


def test_several_images_are_removed_by_several_options(cli: Run, folder: Path) -> None:
    told = cli("remove", "--image", "disc/00.png", "--image", "disc/01.png", "disc/02.png")
    assert told.stdout.startswith("disc 4 -> 1\n")


@pytest.mark.parametrize(
    "words",
    [
        ["classify", "a.png", "--correct", "Disc"],
        ["add", "a.png", "--label", "DISC"],
        ["add", "more"],
        ["relabel", "grid/00.png", "dISC"],
    ],
)
def test_another_spelling_of_a_class_is_no_new_class(
    cli: Run, folder: Path, tmp_path: Path, words: list[str]
) -> None:
    draw("disc", 5).save(tmp_path / "a.png")
    (tmp_path / "more" / "Disc").mkdir(parents=True)
    shutil.copy(tmp_path / "a.png", tmp_path / "more" / "Disc" / "1.png")
    before = (folder / "classifier.pkl").read_bytes()
    told = cli(*words)
    assert (told.returncode, told.stdout) == (2, "")
    assert "there is a class 'disc', from which " in told.stderr
    assert told.stderr.endswith("give its name as it is: disc\n")
    assert (folder / "classifier.pkl").read_bytes() == before


def test_the_environment_may_name_no_folder_either(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "m.zip").write_bytes(b"PK")
    told = cli("info", FEWSHOT_MODELS=os.fspath(tmp_path / "m.zip"))
    assert told.returncode == 2 and "m.zip: is a file; expected a folder" in told.stderr
