"""Heat maps show for and against in different colours, and captions show whole names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot import FewShotClassifier
from fewshot.errors import ImageError, UsageError
from fewshot.explain.activation_map import Explanation, explain
from fewshot.explain.heatmap import contact_sheet, draw_explanation
from fewshot.prediction import Prediction
from tests.conftest import draw

WHOLE = (0.0, 0.0, 1.0, 1.0)
LONG = "a name that nobody would give to an image " * 5
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


def test_for_is_warm_and_against_is_blue() -> None:
    drawn = draw_explanation(GREY, explanation([[9, 0], [0, -9]]))
    assert drawn.mode == "RGB" and drawn.width == 640 and 700 < drawn.height < 800
    red, green, blue = pixels(drawn)[40, 40]
    assert red > 200 and green > 150 and blue < 120
    red, green, blue = pixels(drawn)[600, 600]
    assert blue > 200 and red < 130
    red, green, blue = pixels(drawn)[40, 600]
    assert abs(red - 128) < 25 and abs(blue - 128) < 25


def test_weak_heat_looks_weak() -> None:
    weak, strong = (
        pixels(draw_explanation(GREY, explanation([[peak, 0], [0, 0]])))[40, 40]
        for peak in (0.2, 20)
    )
    assert np.abs(weak - 128).max() < 40 < np.abs(strong - 128).max()


def test_what_no_view_shows_is_dark() -> None:
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


def test_the_caption_names_prediction_and_explained_class(classifier: FewShotClassifier) -> None:
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
    images = [Image.new("RGB", (60 - i, 40 + i), "black") for i in range(n)]
    sheet = contact_sheet(images)
    dark = (pixels(sheet) < 50).all(axis=2)
    assert dark.sum() == sum(p.width * p.height for p in images)
    cell = 60, 40 + n - 1
    gap = (sheet.width - columns * cell[0]) // (columns + 1)
    assert sheet.width == columns * (cell[0] + gap) + gap and 5 < gap < 20
    assert sheet.height == rows * (cell[1] + gap) + gap
    assert not dark[:gap].any() and not dark[:, :gap].any() and not dark[:, -gap:].any()


def test_a_sheet_of_no_image_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one"):
        contact_sheet([])
