"""The check of a folder: what is put into it is found and named, and a clean one is left alone."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
    assert found.found.startswith("not an image") and found.advice == "replace it or take it out"


def test_wrong_extensions(data: Path) -> None:
    Image.open(data / "grid" / "00.png").save(data / "grid" / "00.jpg", "WEBP")
    (data / "grid" / "00.png").unlink()
    found = the_one(data)
    assert (found.kind, found.found) == ("extension", "a WEBP file named .jpg")
    (data / "grid" / "00.jpg").rename(data / "grid" / "00.webp")
    assert check(data).findings == ()


def test_images_that_are_passed_over(data: Path) -> None:
    shutil.move(data / "disc" / "01.png", data / "01.png")
    shutil.move(data / "disc" / "02.png", data / "disc" / "photo")
    shutil.move(data / "disc" / "03.png", data / "disc" / "03.png_large")
    (data / "disc" / "notes.txt").write_text("no image")
    found = check(data).findings
    assert {finding.kind for finding in found} == {"ignored"}
    names = [Path(finding.images[0]).name for finding in found]
    assert names == ["01.png", "03.png_large", "photo"]
    assert "named .png_large, so it is not used" in found[1].found
    assert "named without an extension" in found[2].found


def test_tiny_and_elongated_images(data: Path) -> None:
    draw("disc", 3, size=40).save(data / "disc" / "tiny.png")
    whole = draw("grid", 3, size=400)
    whole.crop((0, 0, 400, 100)).save(data / "grid" / "long.png")
    found = {finding.kind: finding for finding in check(data).findings}
    assert found["tiny"].found == "only 40 x 40 pixels"
    assert found["elongated"].found.startswith("400 x 100 pixels")


def test_exif_orientation_that_the_class_contradicts(tmp_path: Path) -> None:
    """One is stored upright but said to be turned by a quarter, one is turned as it says."""
    data = write_set(tmp_path / "data", 6)
    (data / "field").mkdir()
    for seed in range(6):
        _field(seed).save(data / "field" / f"{seed}.jpg")
    wrong, right = data / "field" / "wrong.jpg", data / "field" / "right.jpg"
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    _field(20).save(wrong, exif=exif)
    _field(21).transpose(Image.Transpose.ROTATE_90).save(right, exif=exif)
    found = the_one(data)
    assert (found.kind, found.images) == ("rotation", (str(wrong),))
    assert "EXIF orientation (6)" in found.found


def _field(seed: int, size: int = 128) -> Image.Image:
    """Draw furrows under a bright sky: a picture with an up and a down."""
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
    assert {leak.found.split(" is ")[0] for leak in found["leak"]} == {
        "the same file",
        "the same picture, stored in another way,",
    }


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
        ("few", "disc", "4 images"),
        ("few", "empty", "no images"),
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
    assert last == "32 images of 3 classes: 1 image cannot be read, 1 image is there twice"
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
