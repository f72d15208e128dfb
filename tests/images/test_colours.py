"""Any mode becomes RGB, and nothing that is visible is lost on its ground."""

import numpy as np
import pytest
from PIL import Image, ImageChops

from fewshot.errors import ImageError
from fewshot.images import colours
from fewshot.images.colours import to_rgb
from fewshot.images.decode import open_rgb
from tests.conftest import draw
from tests.images.test_decode import RED, WHITE, encode

BLACK = (0, 0, 0)


def stencil(label: str, ink: tuple[int, int, int], opaque: int = 255) -> Image.Image:
    """Draw a shape of one colour on full transparency."""
    grey = draw(label, 1).convert("L")
    image = Image.new("RGBA", grey.size, (*ink, 0))
    image.putalpha(grey.point([opaque if value < 128 else 0 for value in range(256)]))
    return image


@pytest.mark.parametrize(
    ("ink", "opaque", "ground"),
    [
        (WHITE, 255, BLACK),
        ((250, 250, 250), 255, BLACK),
        ((255, 255, 210), 200, BLACK),
        ((200, 200, 200), 255, WHITE),
        (RED, 255, WHITE),
        (BLACK, 255, WHITE),
        (BLACK, 9, WHITE),  # a watermark, faint on white and nothing on black
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "pixels", "premultiplied"])
def test_what_would_be_lost_on_white_is_laid_on_black(
    ink: tuple[int, int, int], opaque: int, ground: tuple[int, int, int], kind: str
) -> None:
    image = stencil("grid", ink, opaque)
    if kind == "pixels":
        rgb = open_rgb(np.asarray(image))
    elif kind == "premultiplied":
        rgb = open_rgb(image.convert("RGBa"))
    else:
        rgb = open_rgb(encode(image, kind, **({"lossless": True} if kind == "WEBP" else {})))
    expected = Image.alpha_composite(Image.new("RGBA", image.size, (*ground, 255)), image)
    difference = ImageChops.difference(rgb, expected.convert("RGB"))
    assert max(high for _, high in difference.getextrema()) <= (2 if opaque < 255 else 0)
    assert len(rgb.getcolors()) > 1


def test_palettes_and_grey_with_transparency_are_not_lost_either() -> None:
    ink = stencil("disc", WHITE)
    palette = Image.new("P", ink.size, 0)
    palette.putpalette([255, 255, 255, 255, 255, 255])
    palette.paste(1, mask=ink.getchannel("A"))
    sources = [encode(palette, kind, transparency=0) for kind in ("PNG", "GIF")]
    grey = ink.convert("LA")
    for source in [*sources, encode(grey, "PNG"), grey, grey.convert("La")]:
        rgb = np.asarray(open_rgb(source))
        np.testing.assert_array_equal(rgb[..., 0], np.asarray(ink.getchannel("A")))


def test_outlines_and_opaque_images_stay_on_white() -> None:
    outlined = stencil("disc", WHITE)
    outlined.paste((0, 0, 0, 255), (20, 20, 60, 24))
    assert open_rgb(outlined).getpixel((0, 0)) == WHITE
    paper = Image.new("RGBA", (40, 40), (*WHITE, 255))
    paper.putpixel((0, 0), (0, 0, 0, 0))
    paper.paste((90, 90, 90, 255), (5, 5, 35, 7))
    assert open_rgb(paper).getpixel((0, 0)) == WHITE


def test_an_image_of_which_nothing_is_visible_is_refused() -> None:
    nothing = Image.new("RGBA", (4, 4), (*RED, 0))
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, *RED])
    sources = [encode(nothing, "PNG"), nothing, np.asarray(nothing), nothing.convert("LA")]
    for source in [*sources, encode(palette, "PNG", transparency=1)]:
        with pytest.raises(ImageError, match="every pixel is transparent; save it without"):
            open_rgb(source)


@pytest.mark.parametrize("mode", [*Image.MODES, "La", "PA", "I;16", "I;16L", "I;16B", "RGBX"])
def test_every_mode_that_pillow_has_is_converted_or_refused_clearly(mode: str) -> None:
    visible = mode not in ("La", "PA", "RGBa", "LA", "RGBA")
    image = (
        Image.new(mode, (5, 4))
        if visible
        else draw("disc", 1).convert("RGBA").convert({"La": "LA", "PA": "LA"}.get(mode, mode))
    )
    if mode in ("La", "PA"):
        image = image.convert(mode)
    if mode == "F":
        with pytest.raises(ImageError, match="32-bit float pixels"):
            open_rgb(image)
    else:
        rgb = open_rgb(image)
        assert rgb.mode == "RGB" and rgb.size == image.size


def test_colour_models_of_print_and_film_keep_their_colours() -> None:
    red = Image.new("RGB", (4, 4), (200, 30, 40))
    for mode in ("CMYK", "YCbCr", "HSV"):
        np.testing.assert_allclose(
            open_rgb(red.convert(mode)).getpixel((0, 0)), (200, 30, 40), atol=4
        )
    tiff = encode(red.convert("CMYK"), "TIFF")
    np.testing.assert_allclose(open_rgb(tiff).getpixel((0, 0)), (200, 30, 40), atol=4)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "LA", "I"])
def test_strips_are_put_together_to_the_same_image(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = draw("stripes", 3, 90).convert(mode)
    scale = None
    if mode == "I":
        from fewshot.images.deep import grey_scale

        scale = grey_scale(image)
    whole = to_rgb(image, scale=scale)
    halves = np.asarray(to_rgb(image, 2, scale), np.int64)
    monkeypatch.setattr(colours, "_STRIP", 7 * 90)
    np.testing.assert_array_equal(np.asarray(to_rgb(image, scale=scale)), np.asarray(whole))
    np.testing.assert_array_equal(np.asarray(to_rgb(image, 2, scale), np.int64), halves)
    np.testing.assert_array_equal(halves, np.asarray(whole.reduce(2), np.int64))
