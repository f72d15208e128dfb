"""Views are the right parts of an image, at the right size."""

import numpy as np
import pytest
from PIL import Image

from fewshot.images.decode import open_rgb
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.views import _view_boxes, load_views
from tests.conftest import draw
from tests.images.test_decode import RED, encode


@pytest.mark.parametrize("views", [1, 8])
def test_large_jpegs_are_decoded_at_reduced_scale(views: int) -> None:
    large = encode(draw("disc", 0, size=2000), "JPEG")
    assert open_rgb(large, at_least=224).size == (250, 250)
    assert open_rgb(large).size == (2000, 2000)
    reduced = load_views(large, Preprocessing(views=views)).pixels.astype(float)
    plain = load_views(open_rgb(large), Preprocessing(views=views)).pixels.astype(float)
    assert np.abs(reduced - plain).mean() < 1


@pytest.mark.parametrize("resize", ["crop", "squash"])
def test_pixels_of_the_right_size_are_taken_as_they_are(resize: str) -> None:
    pixels = np.asarray(draw("grid", 5, 64))
    views = load_views(pixels, Preprocessing(64, resize)).pixels
    np.testing.assert_array_equal(views, pixels[np.newaxis])
    decoded = load_views(draw("grid", 5, 64), Preprocessing(64, resize)).pixels
    np.testing.assert_array_equal(views, decoded)


def test_resize_recipes() -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200  # the central square
    cropped = load_views(wide, Preprocessing(10, "crop", interpolation="nearest")).pixels
    assert (cropped == 200).all()
    squashed = load_views(wide, Preprocessing(30, "squash", interpolation="nearest")).pixels
    assert (squashed[0, :, :10] == 0).all() and (squashed[0, :, 10:20] == 200).all()
    tall = load_views(wide.swapaxes(0, 1), Preprocessing(10, "crop", 0.5, "nearest")).pixels
    assert (tall == 200).all()


def place_picture(width: int, height: int) -> Image.Image:
    """Draw a picture whose red is the column and whose green is the row of a pixel."""
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x, y, 0 * x], axis=-1).astype(np.uint8))


@pytest.mark.parametrize(("resize", "order"), [("crop", [0, 1, 2]), ("squash", [1, 0, 2])])
def test_each_view_shows_its_part_of_the_picture(resize: str, order: list[int]) -> None:
    middle, whole, closer = (50, 0, 150, 100), (0, 0, 200, 100), (62.5, 12.5, 137.5, 87.5)
    corners = [(0, 0, 140, 70), (0, 30, 140, 100), (60, 0, 200, 70), (60, 30, 200, 100)]
    expected = [*((middle, whole, closer)[i] for i in order), *corners]
    recipe = Preprocessing(25, resize, views=8)
    np.testing.assert_allclose(_view_boxes(200, 100, recipe), expected)
    views = load_views(place_picture(200, 100), recipe).pixels[..., :2].astype(float)
    for view, (left, top, right, bottom) in zip(views, expected, strict=False):
        centre = (left + right - 1) / 2, (top + bottom - 1) / 2
        np.testing.assert_allclose(view.mean(axis=(0, 1)), centre, atol=1)
        extent = (right - left) * 24 / 25, (bottom - top) * 24 / 25
        np.testing.assert_allclose(view[-1, -1] - view[0, 0], extent, atol=4)


@pytest.mark.parametrize("resize", ["crop", "squash"])
def test_fewer_views_are_the_first_of_all_and_the_last_is_mirrored(resize: str) -> None:
    picture = place_picture(90, 160)
    every = load_views(picture, Preprocessing(32, resize, 0.875, views=8)).pixels
    assert every.shape == (8, 32, 32, 3)
    np.testing.assert_array_equal(every[7], every[0][:, ::-1])
    assert len(np.unique(every, axis=0)) == 8
    for views in range(1, 8):
        fewer = load_views(picture, Preprocessing(32, resize, 0.875, views=views)).pixels
        np.testing.assert_array_equal(fewer, every[:views])


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (333, 7)])
def test_pictures_of_any_shape_have_every_view(size: tuple[int, int]) -> None:
    views = load_views(Image.new("RGB", size, RED), Preprocessing(8, views=8)).pixels
    assert views.shape == (8, 8, 8, 3) and (views == RED).all()
