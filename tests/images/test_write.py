"""Pictures out: what is drawn can be seen, whole names can be read, other files stay."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot import FewShotClassifier
from fewshot.errors import ImageError, UsageError
from fewshot.explain.activation_map import Explanation, explain
from fewshot.images.write import contact_sheet, draw_explanation, save_png, thumbnail, write_png
from fewshot.prediction import Prediction
from tests.conftest import draw

WHOLE = (0.0, 0.0, 1.0, 1.0)
LONG = "a name that nobody would give to a photograph " * 5
GREY = Image.new("RGB", (320, 320), (128, 128, 128))


def explanation(
    heat: list[list[float]], box: tuple[float, float, float, float] = WHOLE, name: str = "rose"
) -> Explanation:
    """Make one of a single view of so many places, each counted the same."""
    maps = np.array([heat], np.float32) / np.size(heat)
    prediction = Prediction(f"{name}.jpg", name, 0.9, True, {name: 0.9})
    return Explanation(prediction, name, 0.9, maps, (box,))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def test_heat_is_warm_and_what_speaks_against_is_blue() -> None:
    drawn = draw_explanation(GREY, explanation([[9, 0], [0, -9]]))
    assert drawn.mode == "RGB" and drawn.width == 640 and 700 < drawn.height < 800
    red, green, blue = pixels(drawn)[40, 40]
    assert red > 200 and green > 150 and blue < 120
    red, green, blue = pixels(drawn)[600, 600]
    assert blue > 200 and red < 130
    red, green, blue = pixels(drawn)[40, 600]
    assert abs(red - 128) < 25 and abs(blue - 128) < 25


def test_weak_evidence_looks_weak() -> None:
    weak, strong = (
        pixels(draw_explanation(GREY, explanation([[peak, 0], [0, 0]])))[40, 40]
        for peak in (0.2, 20)
    )
    assert np.abs(weak - 128).max() < 40 < np.abs(strong - 128).max()


def test_what_was_not_looked_at_is_dark() -> None:
    wide = Image.new("RGB", (400, 200), "white")
    drawn = pixels(draw_explanation(wide, explanation([[0]], (0.25, 0.0, 0.75, 1.0))))
    assert (drawn[160, [10, 150, 490, 630]] < 100).all()
    assert (drawn[160, [170, 320, 470]] > 200).all()


def test_views_are_joined_without_a_seam() -> None:
    maps = np.zeros((2, 7, 7), np.float32)
    maps[0, :, :3] = 0.1
    maps[1] = 0.2
    joined = replace(explanation([[0]]), maps=maps, boxes=(WHOLE, (0.25, 0.25, 0.75, 0.75)))
    drawn = pixels(draw_explanation(GREY, joined))[:640]
    assert np.abs(np.diff(drawn, axis=0)).max() < 12
    assert np.abs(np.diff(drawn, axis=1)).max() < 12
    assert drawn[320, 420, 0] - drawn[320, 420, 2] > 50  # only the closer one is warm here


@pytest.mark.parametrize("size", [(96, 96), (3000, 20), (20, 3000), (1, 1), (5000, 4000)])
def test_any_size_is_brought_to_the_same(size: tuple[int, int]) -> None:
    drawn = draw_explanation(Image.new("RGB", size), explanation([[1, 2], [3, 4]]))
    ratio = 640 / max(size)
    assert drawn.width == max(400, round(size[0] * ratio))
    assert drawn.height > max(1, round(size[1] * ratio)) + 100


@pytest.mark.parametrize("size", [(640, 480), (100, 640)])
@pytest.mark.parametrize("name", ["rose", LONG, "猫" * 80, "роза " * 40, "a\nb\udcff", ""])
def test_no_name_is_cut_off(name: str, size: tuple[int, int]) -> None:
    drawn = draw_explanation(Image.new("RGB", size), explanation([[1]], name=name))
    below = pixels(drawn)[size[1] + 1 :]
    assert (below[:, -10:] == 255).all() and (below[:, :8] == 255).all()
    assert (below[-6:] == 255).all() and (below[:6] == 255).all()
    assert (below[6:70] < 100).any()


def test_it_says_what_was_found(classifier: FewShotClassifier) -> None:
    """Another class, and unknown, are told apart by what is written."""
    found = explain(classifier.artifact_, classifier.embedder_, draw("disc", 4))
    plain = draw_explanation(draw("disc", 4), found)
    unknown = replace(found, prediction=replace(found.prediction, known=False))
    other = replace(found, label="grid", probability=0.1)
    assert draw_explanation(draw("disc", 4), unknown).tobytes() != plain.tobytes()
    assert draw_explanation(draw("disc", 4), other).height > plain.height


def test_any_source_is_drawn_upright(classifier: FewShotClassifier, tmp_path: Path) -> None:
    upright = draw("disc", 5).resize((120, 80))
    found = explanation([[3, 1], [1, 0]])
    expected = draw_explanation(upright, found).tobytes()
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    for source in (tmp_path / "turned.png", upright.convert("RGBA"), np.asarray(upright)):
        assert draw_explanation(source, found).tobytes() == expected
    assert draw_explanation(upright.convert("L"), found).mode == "RGB"
    with pytest.raises(ImageError):
        draw_explanation(tmp_path / "missing.jpg", found)


@pytest.mark.parametrize(("n", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (5, 3, 2), (9, 3, 3)])
def test_a_sheet_has_equal_cells(n: int, columns: int, rows: int) -> None:
    pictures = [Image.new("RGB", (60 - i, 40 + i), "black") for i in range(n)]
    sheet = contact_sheet(pictures)
    dark = (pixels(sheet) < 50).all(axis=2)
    assert dark.sum() == sum(p.width * p.height for p in pictures)
    cell = 60, 40 + n - 1
    gap = (sheet.width - columns * cell[0]) // (columns + 1)
    assert sheet.width == columns * (cell[0] + gap) + gap and 5 < gap < 20
    assert sheet.height == rows * (cell[1] + gap) + gap
    assert not dark[:gap].any() and not dark[:, :gap].any() and not dark[:, -gap:].any()


def test_no_picture_makes_no_sheet() -> None:
    with pytest.raises(UsageError, match="at least one"):
        contact_sheet([])


def test_only_what_it_wrote_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "heat.PNG"
    write_png(GREY, path)
    write_png(draw("disc", 1), path)
    with Image.open(path) as image:
        assert image.size == (96, 96) and image.info["Software"] == "fewshot"
    assert [p.name for p in path.parent.iterdir()] == ["heat.PNG"]


@pytest.mark.parametrize("content", ["png", "jpeg", "text", "empty", "damaged", "folder"])
def test_other_files_stay(content: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    if content in ("png", "jpeg"):
        GREY.save(path, content)
    elif content == "folder":
        path.mkdir()
    else:
        whole = io.BytesIO()
        GREY.save(whole, "PNG")
        path.write_bytes({"text": b"hi", "empty": b""}.get(content, whole.getvalue()[:20]))
    before = None if content == "folder" else path.read_bytes()
    with pytest.raises(UsageError, match=r"photo\.png: there already.*another name"):
        write_png(GREY, path)
    assert path.is_dir() if before is None else path.read_bytes() == before


@pytest.mark.parametrize("name", ["heat.jpg", "heat", "heat.png.txt"])
def test_only_png_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.png"):
        write_png(GREY, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hi")
    with pytest.raises(UsageError, match="not a folder"):
        write_png(GREY, tmp_path / "file" / "heat.png")


def test_a_thumbnail_is_small_upright_and_bare(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "secret words"
    Image.new("RGB", (2000, 1000), (200, 30, 30)).save(path, exif=exif, comment=b"secret words")
    data = thumbnail(path, 160)
    with Image.open(io.BytesIO(data)) as small:
        assert (small.format, small.mode, small.size) == ("JPEG", "RGB", (80, 160))
        np.testing.assert_allclose(pixels(small)[80, 40], (200, 30, 30), atol=8)
    assert b"secret" not in data and b"Exif" not in data and len(data) < 3000


def test_a_thumbnail_leaves_the_picture_alone() -> None:
    picture = Image.new("RGBA", (50, 300), (0, 0, 0, 0))
    with Image.open(io.BytesIO(thumbnail(picture, 100))) as small:
        assert small.size == (17, 100) and (pixels(small) > 250).all()
    rgb = picture.convert("RGB")
    thumbnail(rgb, 100)
    assert picture.size == rgb.size == (50, 300)
    with Image.open(io.BytesIO(thumbnail(rgb, 500))) as same:
        assert same.size == (50, 300)
    with pytest.raises(ImageError):
        thumbnail(b"no picture", 100)


def test_pixels_are_saved_enlarged(tmp_path: Path) -> None:
    save_png(np.zeros((8, 8), np.uint8), tmp_path / "a.png", 64)
    with Image.open(tmp_path / "a.png") as image:
        assert (image.mode, image.size) == ("L", (64, 64))
