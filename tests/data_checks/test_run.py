"""The check of a folder: what is wrong with it is found and named, and nothing else."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from fewshot import FewShotClassifier
from fewshot.data_checks.finding import KINDS, WORDS, Finding
from fewshot.data_checks.run import check
from fewshot.errors import SupportError
from tests.conftest import CLASSES, Run, draw_noise
from tests.conftest import draw as draw_plain

_ORIENTATION = 0x0112


def draw(label: str, seed: int, size: int = 128) -> Image.Image:
    """Draw a picture of a class before clouds, so that no two are alike."""
    clouds = draw_noise(seed, 5).resize((size, size), Image.Resampling.BICUBIC)
    return Image.blend(draw_plain(label, seed, size), clouds, 0.4)


def write_set(folder: Path, shots: int, first: int = 0) -> Path:
    """Write a folder of classes."""
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
        for seed in range(first, first + shots):
            draw(label, seed).save(folder / label / f"{seed:02}.png")
    return folder


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of each class; not to be written to."""
    return write_set(tmp_path_factory.mktemp("clean") / "data", 10)


@pytest.fixture
def data(clean: Path, tmp_path: Path) -> Path:
    """A copy, to put something wrong into."""
    return Path(shutil.copytree(clean, tmp_path / "data"))


def the_one(data: Path, **options: object) -> Finding:
    """Check, and return the only thing found."""
    found = check(data, **options).findings  # type: ignore[arg-type]
    assert len(found) == 1, found
    return found[0]


def test_a_clean_folder(clean: Path) -> None:
    found = check(clean)
    assert (found.images, found.classes, found.findings) == (30, 3, ())


def test_unreadable_files(data: Path) -> None:
    (data / "disc" / "bad.png").write_bytes(b"no")
    found = the_one(data)
    assert found.kind == "unreadable" and found.images == (str(data / "disc" / "bad.png"),)
    assert found.found.startswith("not an image") and found.advice == "replace or remove it"


def test_wrong_extensions(data: Path) -> None:
    Image.open(data / "grid" / "00.png").save(data / "grid" / "00.jpg", "WEBP")
    (data / "grid" / "00.png").unlink()
    found = the_one(data)
    assert (found.kind, found.found) == ("extension", "a WEBP file named .jpg")
    (data / "grid" / "00.jpg").rename(data / "grid" / "00.webp")
    assert check(data).findings == ()


def test_what_is_not_used_is_named(data: Path) -> None:
    shutil.move(data / "disc" / "01.png", data / "01.png")
    shutil.move(data / "disc" / "02.png", data / "disc" / "photo")
    shutil.move(data / "disc" / "03.png", data / "disc" / "03.png_large")
    for name in ("notes.txt", "film.mov", "drawing.svg"):
        (data / "disc" / name).write_text("no image")
    (data / "empty").mkdir()
    found = {Path(finding.images[0]).name: finding for finding in check(data).findings}
    assert {finding.kind for finding in found.values()} == {"unused"}
    assert set(found) == {"data", "disc", "empty"}
    assert found["data"].found == "an image in no folder of a class"
    assert found["disc"].found.startswith("5 files are of no format that is read (.mov 1, ")
    assert found["disc"].found.endswith("; images by another name: 03.png_large, photo")
    assert found["empty"].found.startswith("no images in it")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything may be read")
def test_folders_that_may_not_be_read_are_named(data: Path) -> None:
    (data / "disc" / "more").mkdir(mode=0)
    found = the_one(data)
    assert (found.kind, found.found) == ("unreadable", "permission denied")
    assert found.images == (str(data / "disc" / "more"),)


def test_tiny_and_elongated_images(data: Path) -> None:
    draw("disc", 3, size=40).save(data / "disc" / "tiny.png")
    whole = draw("grid", 3, size=400)
    whole.crop((0, 0, 400, 100)).save(data / "grid" / "long.png")
    found = {finding.kind: finding for finding in check(data).findings}
    assert found["tiny"].found == "only 40 x 40 pixels"
    assert found["elongated"].found.startswith("400 x 100 pixels")


def test_turned_images_are_found_with_and_without_a_tag(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", 6)  # which have no upright
    (data / "field").mkdir()
    for seed in range(16):
        _field(seed).save(data / "field" / f"{seed}.jpg")
    left, over = (data / "field" / f"{name}.jpg" for name in ("left", "over"))
    tagged, right = (data / "field" / f"{name}.jpg" for name in ("tagged", "right"))
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    _field(20).save(tagged, exif=exif)  # although it stands upright
    _field(21).transpose(Image.Transpose.ROTATE_90).save(right, exif=exif)
    _field(22).transpose(Image.Transpose.ROTATE_90).save(left)
    _field(23).transpose(Image.Transpose.ROTATE_180).save(over)
    findings = check(data).findings
    assert {finding.kind for finding in findings} == {"rotation"}
    assert {finding.images[0]: finding.found for finding in findings} == {
        str(tagged): "upright if turned by 90 degrees to the left; its EXIF orientation is 6",
        str(left): "upright if turned by 90 degrees to the right",
        str(over): "upright if turned by 180 degrees",
    }


def _field(seed: int, size: int = 128) -> Image.Image:
    """Draw furrows under a bright sky, and a tree: an image with an up and a down."""
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[: size // 2] = (120, 180, 250)
    pixels[size // 2 :] = (90, 60, 30)
    pixels[size // 2 :: 8] = (200, 160, 60)
    clouds = draw_noise(seed, 5).resize((size, size), Image.Resampling.BICUBIC)
    return Image.blend(Image.fromarray(pixels), clouds, 0.3)


def test_copies_conflicts_and_leaks(data: Path, tmp_path: Path) -> None:
    shutil.copy(data / "disc" / "01.png", data / "disc" / "same.png")
    shutil.copy(data / "disc" / "02.png", data / "grid" / "other.png")
    test = write_set(tmp_path / "test", 2, first=50)
    shutil.copy(data / "stripes" / "05.png", test / "stripes" / "seen.png")
    Image.open(data / "grid" / "07.png").convert("RGB").save(
        test / "grid" / "again.jpg", quality=80
    )
    found = {}
    for finding in check(data, test=test).findings:
        found.setdefault(finding.kind, []).append(finding)
    (copy,), (conflict,) = found["copy"], found["conflict"]
    assert copy.images == (str(data / "disc" / "01.png"), str(data / "disc" / "same.png"))
    assert copy.found == "the same file 2 times"
    assert [Path(name).parent.name for name in conflict.images] == ["disc", "grid"]
    assert "different labels" in conflict.found
    leaks = {tuple(Path(name).name for name in leak.images) for leak in found["leak"]}
    assert leaks == {("05.png", "seen.png"), ("07.png", "again.jpg")}
    assert {leak.found for leak in found["leak"]} == {
        "the same file is in both training and test data",
        "nearly the same image is in both training and test data",
    }


def test_near_duplicates_are_a_group_with_the_largest_first(data: Path) -> None:
    image = draw("disc", 4)
    image.resize((256, 256)).save(data / "disc" / "large.png")
    ImageOps.mirror(image).save(data / "disc" / "mirrored.jpg", quality=80)
    found = the_one(data)
    assert (found.kind, found.found) == ("near_duplicate", "nearly the same image 3 times")
    assert [Path(name).name for name in found.images] == ["large.png", "04.png", "mirrored.jpg"]


def test_a_near_duplicate_of_another_class_is_a_conflict(data: Path) -> None:
    draw("disc", 4).resize((100, 100)).save(data / "grid" / "small.jpg")
    found = {finding.kind: finding for finding in check(data).findings}
    assert found["conflict"].found == "nearly the same image has different labels"
    assert {Path(name).name for name in found["conflict"].images} == {"04.png", "small.jpg"}


def test_different_files_that_decode_to_the_same_are_one_finding(tmp_path: Path) -> None:
    for label in CLASSES:
        (tmp_path / label).mkdir()
        for seed in range(3):
            alpha = Image.new("L", (128, 128), 255)
            Image.merge("LA", (Image.new("L", (128, 128), 90), alpha)).save(
                tmp_path / label / f"{seed}.png", compress_level=seed + 3 * CLASSES.index(label)
            )
    (found,) = (f for f in check(tmp_path).findings if f.kind == "conflict")
    assert len(found.images) == 9
    assert found.found.startswith("different files, but the same image once decoded, has")


def test_fit_and_check_find_the_same_labels(data: Path) -> None:
    draw("disc", 60).save(data / "grid" / "wrong.png")
    fitted = FewShotClassifier("logistic").fit(data)
    file = fitted.save(data.parent / "models")
    loaded = FewShotClassifier.load(file)
    checks = check(classifier=fitted), check(classifier=loaded), check(data, classifier=loaded)
    labels = [[f for f in each.findings if f.kind == "label"] for each in checks]
    assert len(labels[0]) == 1
    names = [Path(found.images[0]).name for (found,) in labels]
    assert names == ["wrong.png"] * 3 and len({found.found for (found,) in labels}) == 1


def test_what_fit_has_read_is_not_read_again(data: Path) -> None:
    classifier = FewShotClassifier().fit(data)
    whole = check(classifier=classifier)
    shutil.rmtree(data)
    assert check(classifier=classifier, pixels=False) == whole


def test_a_wrong_label(data: Path) -> None:
    draw("disc", 60).save(data / "grid" / "wrong.png")
    found = the_one(data)
    assert (found.kind, found.label) == ("label", "grid")
    assert found.images == (str(data / "grid" / "wrong.png"),)
    assert found.found.startswith("labelled grid, looks like disc (")


def test_an_outlier(data: Path) -> None:
    draw_noise(1).save(data / "grid" / "noise.png")
    found = the_one(data)
    assert (found.kind, Path(found.images[0]).name) == ("outlier", "noise.png")


def test_small_and_unbalanced_and_empty_classes(data: Path) -> None:
    for number in range(4, 10):
        (data / "disc" / f"{number:02}.png").unlink()
    (data / "empty").mkdir()
    found = check(data).findings
    assert [(f.kind, f.label, f.found) for f in found] == [
        ("unused", None, "no images in it"),
        ("few", "disc", "4 images"),
    ]
    for seed in range(10, 45):
        draw("grid", seed).save(data / "grid" / f"{seed}.png")
    (found,) = (f for f in check(data).findings if f.kind == "imbalance")
    assert (found.label, found.found) == ("stripes", "10 images, where the largest class has 45")


def test_a_single_class_and_nothing_at_all(data: Path, tmp_path: Path) -> None:
    for label in CLASSES[1:]:
        shutil.rmtree(data / label)
    found = the_one(data)
    assert (found.kind, found.found) == ("few", "the only class")
    assert check(data, negatives=[draw_noise(1)]).findings == ()
    (tmp_path / "nothing").mkdir()
    with pytest.raises(SupportError, match="nothing: no images found"):
        check(tmp_path / "nothing")


def test_it_uses_what_a_classifier_knows(clean: Path, data: Path) -> None:
    classifier = FewShotClassifier().fit(clean)
    draw("disc", 60).save(data / "grid" / "wrong.png")
    assert check(data, classifier=classifier) == check(data)


def test_images_in_memory(clean: Path) -> None:
    images = {c: [Image.open(f) for f in sorted((clean / c).iterdir())] for c in CLASSES}
    images["grid"].append(images["disc"][0])
    (found,) = (f for f in check(images).findings if f.kind == "conflict")
    assert len(found.images) == 2


def test_the_command(fewshot: Run, data: Path, tmp_path: Path) -> None:
    told = fewshot("check", "data")
    assert (told.returncode, told.stdout) == (0, "30 images of 3 classes: nothing found\n")
    (data / "disc" / "bad.png").write_bytes(b"")
    shutil.copy(data / "disc" / "01.png", data / "disc" / "same.png")
    told = fewshot("check", "data")
    assert (told.returncode, told.stderr) == (1, "")
    first, second, last = told.stdout.splitlines()
    assert first.startswith(f"{Path('data/disc/bad.png')}: empty file (0 bytes); replace")
    assert second == (
        f"{Path('data/disc/01.png')}, {Path('data/disc/same.png')}: the same file 2 times; keep one"
    )
    assert (
        last == "32 images of 3 classes: 1 image or folder cannot be read, 1 image is there twice"
    )
    record = json.loads(fewshot("check", "data", "--json").stdout)
    assert record["counts"] == {"unreadable": 1, "copy": 1}
    assert record["findings"][0]["kind"] == "unreadable"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    assert fewshot("check", "nowhere").returncode == 2


def test_a_classifier_that_cannot_be_opened_is_no_hindrance(fewshot: Run, data: Path) -> None:
    (data.parent / "models").mkdir()
    (data.parent / "models" / "classifier.pkl").write_bytes(b"damaged")
    assert fewshot("check", "data").returncode == 0


def test_fit_ends_with_the_short_form(fewshot: Run, data: Path) -> None:
    clean = fewshot("fit", "data")
    assert "check:" not in clean.stdout
    draw("disc", 60).save(data / "grid" / "wrong.png")
    shutil.copy(data / "disc" / "01.png", data / "disc" / "same.png")
    fitted = fewshot("fit", "data")
    assert fitted.returncode == 0
    told = "check: 1 image is there twice, 1 label may be wrong; see: fewshot check data"
    assert told in fitted.stdout.splitlines()
    record = json.loads(fewshot("fit", "data", "--json").stdout)
    assert record["check"] == {"copy": 1, "label": 1}


def test_every_kind_is_known() -> None:
    assert all(len(words) == 2 for words in WORDS.values()) and tuple(WORDS) == KINDS
