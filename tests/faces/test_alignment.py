"""Bringing a face to a standard position, against closed forms and measured dots."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fewshot.faces.alignment import Points, align, face_box, inside, similarity
from fewshot.images.views import Views

SIZE = 150
TEMPLATE = np.array([[49.3, 45.7], [101.3, 45.6], [74.5, 80.2], [51.6, 107.9], [97.9, 106.9]])
COLOURS = ["#ff0000", "#00ff00", "#0000ff", "#ffff00", "#ff00ff"]


def moved(points: Points, angle: float, scale: float, shift: tuple[float, float]) -> Points:
    """Rotate points around their mean, scale and shift them."""
    c, s = np.cos(angle), np.sin(angle)
    mean = points.mean(axis=0)
    return scale * (points - mean) @ np.array([[c, s], [-s, c]]) + mean + shift


def apply(matrix: Points, points: Points) -> Points:
    return points @ matrix[:, :2].T + matrix[:, 2]


@pytest.mark.parametrize("angle", [0, 0.3, -1.2, 3.0, np.pi])
@pytest.mark.parametrize("scale", [0.05, 1, 7])
def test_a_known_rotation_scale_and_shift_is_found_again(angle: float, scale: float) -> None:
    source = moved(TEMPLATE, angle, scale, (300, -20))
    matrix = similarity(TEMPLATE, source)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(matrix[:, :2], linear, atol=1e-9)
    np.testing.assert_allclose(apply(matrix, TEMPLATE), source, atol=1e-6)
    np.testing.assert_allclose(apply(similarity(source, TEMPLATE), source), TEMPLATE, atol=1e-6)


def test_it_is_the_best_of_all_similarities() -> None:
    chance = np.random.default_rng(0)
    for _ in range(5):
        source, target = chance.normal(size=(2, 5, 2))
        # Least squares in closed form: complex numbers, target = a source + b.
        x, y = source @ [1, 1j], target @ [1, 1j]
        a, b = np.linalg.lstsq(np.stack([x, np.ones(5)], axis=1), y, rcond=None)[0]
        expected = [[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]]
        np.testing.assert_allclose(similarity(source, target), expected, atol=1e-9)


def test_it_is_never_a_reflection() -> None:
    mirrored = TEMPLATE * [-1, 1]
    for source in (mirrored, np.random.default_rng(1).normal(size=(5, 2))):
        assert np.linalg.det(similarity(source, TEMPLATE)[:, :2]) >= 0


def draw_dots(points: Points, size: tuple[int, int], radius: float) -> Image.Image:
    """Draw a dot of another colour at each point, smooth at its edge."""
    image = np.zeros((size[1], size[0], 3))
    rows, columns = np.mgrid[: size[1], : size[0]] + 0.5
    for (x, y), colour in zip(points, COLOURS, strict=True):
        ink = np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)[..., np.newaxis]
        image = image * (1 - ink) + ink * Image.new("RGB", (1, 1), colour).getpixel((0, 0))
    return Image.fromarray(image.round().astype(np.uint8))


def find_dots(pixels: NDArray[np.uint8]) -> Points:
    """Return the middle of each dot, which those of other colours do not touch."""
    rows, columns = np.mgrid[: len(pixels), : pixels.shape[1]] + 0.5
    found = []
    for colour in COLOURS:
        wanted = np.array(Image.new("RGB", (1, 1), colour).getpixel((0, 0)), np.float64)
        own = pixels @ wanted / np.linalg.norm(wanted)
        other = np.linalg.norm(
            pixels - np.outer(own, wanted / np.linalg.norm(wanted)).reshape(pixels.shape), axis=-1
        )
        weight = np.where((own > 60) & (other < 0.35 * own), own, 0)
        found.append(
            [(weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()]
        )
    return np.array(found)


@pytest.mark.parametrize(
    ("angle", "scale"), [(0, 1), (0.4, 0.6), (-0.5, 1.7), (1.3, 2.4), (0.2, 5.3), (-2.5, 9)]
)
def test_landmarks_come_to_lie_on_the_template(angle: float, scale: float) -> None:
    points = moved(TEMPLATE, angle, scale, (0, 0))
    points += 20 * scale - points.min(axis=0)
    width, height = (points.max(axis=0) + 20 * scale).round().astype(int).tolist()
    image = draw_dots(points, (width, height), 8 * scale)
    np.testing.assert_allclose(find_dots(np.asarray(image)), points, atol=0.5)  # the ruler is right
    views = align(image, points, TEMPLATE, SIZE)
    assert views.pixels.shape == (1, SIZE, SIZE, 3) and views.pixels.dtype == np.uint8
    np.testing.assert_allclose(find_dots(views.pixels[0]), TEMPLATE, atol=0.5)


def test_a_large_face_is_reduced_before_and_not_sampled() -> None:
    chance = np.random.default_rng(0)
    noise = Image.fromarray(chance.integers(0, 256, (1500, 1500, 3), np.uint8))
    aligned = align(noise, moved(TEMPLATE, 0.2, 9, (650, 650)), TEMPLATE, SIZE).pixels
    # Single pixels would deviate by 74 from their mean, the mean of 81 by a ninth of that.
    assert aligned[0, 50:100, 50:100].std() < 16


def test_the_box_is_what_is_shown_of_the_image() -> None:
    image = Image.new("RGB", (600, 400))
    views = align(image, TEMPLATE + np.array([150, 100]), TEMPLATE, SIZE)
    np.testing.assert_allclose(views.boxes, [(0.25, 0.25, 0.5, 0.625)], atol=1e-9)
    views = align(image, TEMPLATE - 60, TEMPLATE, SIZE)
    np.testing.assert_allclose(views.boxes, [(0, 0, 0.15, 0.225)], atol=1e-9)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((5, 2)),
        np.full((5, 2), 5e5),
        np.repeat([[10.0, 20.0]], 5, axis=0),
        np.stack([np.arange(5.0), np.zeros(5)], axis=1),
        TEMPLATE * 1e-9,
        TEMPLATE * 1e4 - 5e5,
        TEMPLATE[::-1] * [-1, 1] * 3000,
        TEMPLATE + 1e6,
    ],
)
@pytest.mark.parametrize("size", [(1, 1), (3, 500), (640, 480)])
def test_landmarks_that_are_none_do_not_crash(points: Points, size: tuple[int, int]) -> None:
    views = align(Image.new("RGB", size, "red"), points, TEMPLATE, SIZE)
    assert views.pixels.shape == (1, SIZE, SIZE, 3)
    assert np.isfinite(views.boxes).all() and 0 <= np.min(views.boxes) <= np.max(views.boxes) <= 1


def test_the_square_around_a_face_is_cut_off_at_the_edge() -> None:
    image = Image.new("RGB", (300, 200))
    assert face_box((100, 50, 150, 150), image) == (65, 40, 185, 160)
    assert face_box((0, 0, 100, 100), image) == (0, 0, 110, 110)
    assert face_box((250, 150, 300, 200), image) == (245, 145, 300, 200)
    assert face_box((300, 200, 300, 200), image)[2:] >= (300, 200)


def test_views_of_a_part_are_views_of_the_image() -> None:
    image = Image.new("RGB", (400, 200))
    views = Views(np.zeros((2, 4, 4, 3), np.uint8), ((0, 0, 1, 1), (0.5, 0.5, 1, 1)), image)
    (whole, corner) = inside((100, 50, 300, 150), views, image).boxes
    assert whole == (0.25, 0.25, 0.75, 0.75) and corner == (0.5, 0.5, 0.75, 0.75)


def test_the_face_of_a_drawn_head_is_upright_after_alignment() -> None:
    image = Image.new("RGB", (400, 400), "black")
    pen = ImageDraw.Draw(image)
    points = moved(TEMPLATE, 0.6, 1.5, (120, 120))
    pen.line([tuple(points[0]), tuple(points[1])], "white", 6)  # between the eyes
    aligned = align(image, points, TEMPLATE, SIZE).pixels[0, :, :, 0].astype(float)
    rows = np.arange(SIZE) @ aligned / np.maximum(aligned.sum(axis=0), 1)
    shown = rows[55:96]
    assert np.ptp(shown) < 1.5 and shown.mean() == pytest.approx(45.6, abs=1)
