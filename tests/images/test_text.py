"""Letters: nothing is cut off, and what no font draws is shown as an escape."""

import numpy as np
import pytest
from PIL import Image, ImageFont

from fewshot.images import text as lettering
from fewshot.images.text import line_width, write_line

LONG = "a name that nobody would give to a photograph " * 5


def ink(text: str, width: int, size: int = 18) -> np.ndarray:
    """Write a line with free space around it; which rows and columns have ink."""
    image = Image.new("L", (width + 200, 100), 255)
    write_line(image, (100, 30), text, size, width, "black")
    return np.argwhere(np.asarray(image) < 255)


@pytest.mark.parametrize("text", ["W", "rose", "fj", LONG, "WWWW" * 50, "猫" * 60, "été" * 60])
@pytest.mark.parametrize("width", [60, 300])
def test_a_line_stays_in_its_place(text: str, width: int) -> None:
    top, left = ink(text, width).min(axis=0)
    bottom, right = ink(text, width).max(axis=0)
    assert left >= 99 and right < 100 + width
    assert top >= 30 and bottom < 30 + 27
    if len(text) > 100:  # and the room is used
        assert right > 100 + width - 45


def test_a_long_name_keeps_its_beginning_and_end() -> None:
    font = ImageFont.load_default(18)
    shown = lettering._shorten("unknown (closest: " + LONG + " 0.33)", font, 300)
    assert shown.startswith("unknown (") and "..." in shown and shown.endswith("0.33)")
    assert lettering._shorten("short", font, 300) == "short"
    assert lettering._shorten("short", font, 0) == "..."


def test_plain_names_are_drawn_by_the_font_that_pillow_brings() -> None:
    text = "".join(map(chr, range(32, 127)))
    assert lettering._drawable(text, 18) == (lettering._default(18), text)


def test_what_no_font_has_is_an_escape() -> None:
    odd = "a\ue123\n\udcff\u202e"  # private use, control, undecodable, format
    assert lettering._drawable(odd, 18)[1] == r"a\ue123\n\udcff\u202e"
    assert line_width(odd, 18) > line_width("a", 18) + 50


@pytest.mark.parametrize(
    "text", ["Müller, Žižek", "роза", "τριαντάφυλλο", "猫", "薔薇", "장미", "गुलाब"]
)
def test_other_scripts_are_drawn_or_escaped(text: str) -> None:
    font, shown = lettering._drawable(text, 18)
    assert shown == text or shown.isascii()
    assert all(lettering._has(font, character) for character in shown)


def test_decomposed_letters_are_the_same_as_composed_ones() -> None:
    np.testing.assert_array_equal(ink("Cafe\u0301", 300), ink("Café", 300))


def test_the_font_without_freetype_knows_latin_alone() -> None:
    if not hasattr(ImageFont, "load_default_imagefont"):
        pytest.skip("this Pillow does not give it out")
    plain = ImageFont.load_default_imagefont()
    assert lettering._has(plain, "a") and lettering._has(plain, " ")
    assert not lettering._has(plain, "猫") and not lettering._has(plain, "\n")
    assert len(lettering._shorten(LONG, plain, 300)) < 70
