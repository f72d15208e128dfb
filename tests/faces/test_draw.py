"""Boxes and names around faces: where they are, legible, and not over one another."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fewshot.errors import ImageError
from fewshot.faces.draw import draw_faces
from fewshot.images.text import line_width
from fewshot.prediction import FacePrediction

GROUND, KNOWN, UNKNOWN = (90, 90, 90), (255, 210, 31), (255, 255, 255)


def face(box: tuple[int, int, int, int], label: str = "anna", known: bool = True) -> FacePrediction:
    return FacePrediction("group.png", label, 0.98, known, {label: 0.98}, box=box)


def drawn(
    *faces: FacePrediction, size: tuple[int, int] = (800, 600)
) -> tuple[Image.Image, NDArray[np.uint8]]:
    image = draw_faces(Image.new("RGB", size, GROUND), faces)
    return image, np.asarray(image)


def plates(pixels: NDArray[np.uint8], colour: tuple[int, int, int] = KNOWN) -> list[list[int]]:
    """Find names: the left, top, right and bottom of runs of rows that are mostly filled."""
    filled = (pixels == colour).all(axis=2)
    wide = np.flatnonzero((filled[:, 1:] & filled[:, :-1]).sum(axis=1) > 10)
    found = []
    for rows in np.split(wide, np.flatnonzero(np.diff(wide) > 1) + 1):
        if len(rows) > 8:
            columns = np.flatnonzero(filled[rows].sum(axis=0) > len(rows) / 2)
            found.append([columns[0], rows[0], columns[-1], rows[-1]])
    return found


def test_a_box_is_around_the_face_and_covers_nothing_of_it() -> None:
    box = (300, 200, 400, 330)
    _, pixels = drawn(face(box))
    assert (pixels[200:331, 300:401] == GROUND).all()
    for column in (300 - 3, 400 + 3):
        assert (pixels[220:310, column - 3 : column + 4] == KNOWN).all(axis=2).any(axis=1).all()
    _, pixels = drawn(face(box, known=False))
    assert (pixels == UNKNOWN).all(axis=2).any() and not (pixels == KNOWN).all(axis=2).any()


def test_a_name_is_above_the_box_or_below_where_there_is_no_room() -> None:
    _, pixels = drawn(face((300, 200, 400, 330)))
    ((left, _, right, bottom),) = plates(pixels)
    assert bottom < 200 and 285 < left < 310 and right > left + line_width("anna 0.98", 13)
    _, pixels = drawn(face((300, 4, 400, 130)))
    ((_, top, _, _),) = plates(pixels)
    assert top > 130


@pytest.mark.parametrize(
    "box", [(0, 0, 60, 80), (760, 0, 800, 60), (0, 540, 70, 600), (750, 560, 800, 600)]
)
def test_a_name_is_whole_at_the_edge_of_the_image(box: tuple[int, int, int, int]) -> None:
    _, middle = drawn(face((400, 300, 460, 380)))
    _, pixels = drawn(face(box))
    ((left, top, right, bottom),), ((a, b, c, d),) = plates(pixels), plates(middle)
    assert (right - left, bottom - top) == (c - a, d - b)
    assert not (left <= box[2] and right >= box[0] and top <= box[3] and bottom >= box[1])


def test_names_cover_neither_faces_nor_one_another() -> None:
    faces = [face((200 + 70 * i, 250 + 9 * i, 250 + 70 * i, 320 + 9 * i)) for i in range(4)]
    _, pixels = drawn(*faces)
    for left, top, right, bottom in (each.box for each in faces):
        assert (pixels[top : bottom + 1, left : right + 1] == GROUND).all()
    _, alone = drawn(faces[0])
    one = (alone == KNOWN).all(axis=2).sum()
    assert (pixels == KNOWN).all(axis=2).sum() > 3.9 * one  # of each the whole name can be seen


def test_the_lines_of_a_small_face_are_thin() -> None:
    _, pixels = drawn(face((1000, 700, 1024, 730)), size=(2000, 1500))
    taken = (pixels[715] != GROUND).any(axis=1)
    assert 4 <= taken.sum() <= 8 and not taken[1000:1025].any()


@pytest.mark.parametrize(
    ("size", "expected"),
    [((100, 80), (640, 512)), ((4000, 3000), (2000, 1500)), ((900, 30), (900, 30))],
)
def test_what_is_drawn_is_of_a_size_that_can_be_read(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    wide, high = size
    image, pixels = drawn(face((wide // 3, high // 3, wide // 2, high // 2)), size=size)
    assert image.size == expected and image.mode == "RGB"
    assert (pixels == KNOWN).all(axis=2).any()


def test_names_of_any_script_and_length() -> None:
    long = "a very long name " * 20
    image, pixels = drawn(
        face((10, 100, 60, 160), long), face((300, 100, 350, 160), "\u732b\n\x1b")
    )
    ((left, _, right, _), *_) = plates(pixels)
    assert left >= 0 and right < image.width


def test_nobody_leaves_the_image_as_it_is_and_no_image_is_an_error() -> None:
    _, pixels = drawn()
    assert (pixels == GROUND).all()
    with pytest.raises(ImageError):
        draw_faces(b"not an image", [])
