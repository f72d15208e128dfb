"""Folders that are no classes are left out or refused, and the advice works."""

import os
import re
import shlex
import unicodedata
from pathlib import Path

import pytest

from fewshot import FewShotClassifier
from fewshot.cli import main
from fewshot.errors import SkippedWarning, SupportError
from fewshot.training.support_set import collect, gather, list_folder
from tests.conftest import draw
from tests.images.test_files import as_somebody_else, touch

PARTS = [
    ("train", "val", "test"),
    ("train", "test"),
    ("train", "valid"),
    ("Training", "Testing", "validation", "more"),
    ("training_set", "test_set"),
    ("train2017", "val2017"),
    ("fold1", "fold2", "fold3"),
]


def fill(folder: Path, *names: str, first: int = 0, images: int = 2) -> None:
    """Write images of the first class into the first folder, and so on."""
    for name, label in zip(names, ("disc", "grid", "stripes"), strict=False):
        (folder / name).mkdir(parents=True)
        for seed in range(first, first + images):
            draw(label, seed).save(folder / name / f"{seed}.png")


def refusal(folder: Path, **options: object) -> str:
    with pytest.raises(SupportError) as caught:
        collect(folder, **options)  # type: ignore[arg-type]
    return str(caught.value)


def commands(text: str) -> list[list[str]]:
    """Return the command lines that a message advises."""
    found = re.findall(r"fewshot ((?:fit|evaluate|classify) .*?)(?=, then|\.? If they|$)", text)
    return [shlex.split(words) for words in found]


@pytest.mark.parametrize("parts", PARTS)
def test_the_parts_of_a_split_are_refused_and_the_advice_works(
    parts: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, part in enumerate(parts):
        fill(tmp_path / "a split" / part, "disc", "grid", first=10 * number, images=4 - number)
    message = refusal(Path("a split"))
    assert "look like the parts of a split: fewshot fit" in message
    fit, evaluate = commands(message)
    assert fit == ["fit", str(Path("a split", parts[0]))]
    assert evaluate[:3] == ["evaluate", fit[1], "--test"] and evaluate[3] != fit[1]
    assert main([*fit, "-o", "models"]) == 0
    assert main(evaluate) == 0


def test_a_part_without_classes_is_classified_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "split" / "train", "disc", "grid", images=3)
    fill(tmp_path / "split", "test", first=20)
    fit, classify = commands(refusal(Path("split")))
    assert classify == ["classify", str(Path("split", "test"))]
    assert main(fit) == 0 and main(classify) == 0


def test_images_of_training_that_are_in_no_class_are_to_be_sorted_first(tmp_path: Path) -> None:
    fill(tmp_path, "train", "test")
    assert "put the images of " in refusal(tmp_path) and "into one folder per class" in refusal(
        tmp_path
    )


def test_a_split_inside_of_the_classes_is_refused_and_the_advice_works(tmp_path: Path) -> None:
    for label in ("disc", "grid"):
        touch(tmp_path / label / "test" / "1.png")
        (tmp_path / label / "train").mkdir()
        for seed in range(2):
            draw(label, seed).save(tmp_path / label / "train" / f"{seed}.png")
    message = refusal(tmp_path)
    assert "each class is split into test and train; in Python, FewShotClassifier()" in message
    call = message[message.index("FewShotClassifier") : message.rindex(" takes one part")]
    fitted = eval(call, {"FewShotClassifier": FewShotClassifier})
    assert fitted.class_names_ == ("disc", "grid")


def test_folders_inside_of_classes_are_no_split(tmp_path: Path) -> None:
    names = ["cat/2020/1.png", "cat/2021/1.png", "dog/2021/1.png", "dog/2022/1.png"]
    single = ["a/images/1.png", "b/images/1.png"]
    own = ["x/1.png", "x/one/2.png", "x/two/3.png", "y/one/4.png", "y/two/5.png"]
    vehicles = ["train/1.png", "car/1.png", "plane/1.png"]
    for number, paths in enumerate((names, single, own, vehicles)):
        folder = tmp_path / str(number)
        touch(*(folder / path for path in paths))
        assert len(collect(folder)) == len(paths)


def test_a_folder_around_the_classes_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "parent" / "deep" / "PetImages", "disc", "grid")
    touch(tmp_path / "parent" / "__MACOSX" / "deep" / "._1.png")
    message = refusal(Path("parent"))
    assert message.startswith("parent: found only one class, 'deep', which holds folders of images")
    given = message.partition("; give ")[2]
    assert Path(given) == Path("parent", "deep", "PetImages")
    assert collect(given).classes == ("disc", "grid")
    assert collect("parent", negatives=[b"..."]).classes == ("deep",)
    fill(tmp_path / "around" / "split" / "train", "disc", "grid")
    fill(tmp_path / "around" / "split" / "test", "disc", "grid")
    assert f"fewshot fit {Path('around', 'split', 'train')}" in refusal(Path("around"))


CLUTTER = [
    "__MACOSX/cat/._1.png",
    "@eaDir/1.png/thumb.jpg",
    "runs/events.log",
    "labels/1.txt",
    "page/index.html",
    "#recycle/cat/1.png",
]


def test_folders_that_are_no_classes_are_left_out_and_named(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ["cat/1.png", "dog/1.png", *CLUTTER, "stray.png"]))
    (tmp_path / "empty").mkdir()
    touch(tmp_path / ".cache" / "1.png", tmp_path / "models" / "classifier.pkl")
    support = collect(tmp_path)
    assert support.classes == ("cat", "dog")
    named = {each.path.name: each.reason for each in support.passed_over}
    assert set(named) == {"__MACOSX", "@eaDir", "runs", "labels", "page", "#recycle", "empty"} | {
        tmp_path.name
    }
    assert named["labels"] == "no images in it (.txt 1)"
    assert named[tmp_path.name] == "an image in no folder of a class"
    assert list_folder(tmp_path)["empty"] == [] and "@eaDir" not in list_folder(tmp_path)


def test_files_of_other_formats_are_counted_by_class(tmp_path: Path) -> None:
    names = ["cat/1.png", "cat/2.psd", "cat/3.svg", "cat/more/4.psd", "dog/1.png", "dog/2.mov"]
    touch(*(tmp_path / name for name in names))
    told = [str(each) for each in collect(tmp_path).passed_over]
    assert told == [
        f"{tmp_path / 'cat'}: 3 files are of no format that is read (.psd 2, .svg 1)",
        f"{tmp_path / 'dog'}: 1 file is of no format that is read (.mov 1)",
    ]
    mapped = collect({"cat": tmp_path / "cat", "dog": str(tmp_path / "dog")})
    assert [str(each) for each in mapped.passed_over] == told
    negatives = collect({"dog": ["1.png"]}, negatives=tmp_path / "cat")
    assert [str(each) for each in negatives.passed_over] == told[:1]


def test_what_may_not_be_read_is_named_and_the_rest_goes_on() -> None:
    with as_somebody_else() as place:
        folder = place / "data"
        touch(
            *(folder / name for name in ("cat/1.png", "cat/more/2.png", "dog/1.png", "cow/1.png"))
        )
        for name in ("cat/more", "cow"):
            os.chmod(folder / name, 0)
        support = collect(folder)
        for name in ("cat/more", "cow"):
            os.chmod(folder / name, 0o700)
        os.chmod(folder, 0)
        with pytest.raises(SupportError, match=r"cannot be read \(Permission denied\)"):
            collect(folder)
        os.chmod(folder, 0o700)
    assert support.names == ("cat/1.png", "dog/1.png")
    denied = [str(each) for each in support.passed_over if each.unreadable]
    assert denied == [
        f"{folder / 'cat' / 'more'}: permission denied",
        f"{folder / 'cow'}: permission denied",
    ]


def test_images_in_the_folder_itself_are_one_class_where_one_is_enough(tmp_path: Path) -> None:
    touch(*(tmp_path / "anna" / name for name in ("1.png", "2.png")), tmp_path / "others" / "1.png")
    support = collect(tmp_path / "anna", negatives=tmp_path / "others")
    assert support.labels == ("anna", "anna", None) and support.names[0] == "1.png"
    assert collect(tmp_path / "anna", one_class=lambda: True).classes == ("anna",)
    assert not support.passed_over
    assert list_folder(tmp_path / "anna") == {"anna": sorted((tmp_path / "anna").iterdir())}
    with pytest.raises(SupportError, match=r"found no class; left out: .*2 images in no folder"):
        collect(tmp_path / "anna")
    with pytest.raises(SupportError, match="found no class"):
        gather(tmp_path / "anna")


def test_python_warns_of_what_is_not_used(tmp_path: Path) -> None:
    fill(tmp_path, "disc", "grid")
    touch(*(tmp_path / "disc" / f"{name}.psd" for name in "abc"))
    with pytest.warns(SkippedWarning, match=r"not used: .*disc: 3 files .* \(.psd 3\)"):
        classifier = FewShotClassifier().fit(tmp_path)
    assert [each.path for each in classifier.passed_over_] == [tmp_path / "disc"]
    fill(tmp_path / "more", "disc", first=5)
    touch(tmp_path / "more" / "disc" / "notes.txt")
    with pytest.warns(SkippedWarning, match=r"notes|.txt 1"):
        assert classifier.partial_fit(tmp_path / "more").passed_over_
    assert not classifier.remove(images=[tmp_path / "disc" / "0.png"]).passed_over_


def test_the_command_line_names_what_is_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "data", "disc", "grid")
    touch(tmp_path / "data" / "disc" / "a.psd", tmp_path / "data" / "labels" / "1.txt")
    words = ["fit", str(tmp_path / "data"), "-o", str(tmp_path / "models")]
    assert main(words) == 0
    told = capsys.readouterr().err
    assert "not used: " in told and "(.psd 1)" in told and "labels: no images in it" in told
    assert main([*words, "--json"]) == 0
    assert '"passed_over": [{"path": ' in capsys.readouterr().out


def test_two_folders_of_one_name_are_refused(tmp_path: Path) -> None:
    composed = unicodedata.normalize("NFC", "Café")
    forms = [composed, unicodedata.normalize("NFD", composed)]
    touch(*(tmp_path / "both" / form / "1.png" for form in forms))
    if len(os.listdir(tmp_path / "both")) < 2:
        pytest.skip("this file system knows one form only")
    with pytest.raises(SupportError, match=r"'Cafe\\u0301' and 'Caf\\xe9'|'Caf\\xe9' and"):
        collect(tmp_path / "both")
    touch(tmp_path / "one" / forms[1] / "1.png", tmp_path / "one" / "dog" / "1.png")
    support = collect(tmp_path / "one")
    assert support.classes == (composed, "dog")
    assert list_folder(tmp_path / "one").keys() == {composed, "dog"}
