"""Copies: the same picture however it is stored, and never another one of the same thing."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from fewshot import Embedder
from fewshot.data_checks.alignment import agreement, thumbnail
from fewshot.data_checks.duplicates import Copy, find_copies
from fewshot.images.source import ImageSource, content_hash
from tests.conftest import CLASSES, Floats, draw, draw_noise

Change = Callable[[Image.Image], Image.Image]


def scene(seed: int, size: tuple[int, int] = (288, 216)) -> Image.Image:
    """Draw a view with shapes of all sizes, as photographs have them."""
    chance = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(chance.integers(90, 200, 3).tolist()))
    pen = ImageDraw.Draw(image)
    for _ in range(60):
        x, y = (int(chance.integers(0, side)) for side in size)
        w, h = chance.integers(8, 70, 2).tolist()
        shape = pen.ellipse if chance.random() < 0.5 else pen.rectangle
        shape((x, y, x + w, y + h), fill=tuple(chance.integers(0, 256, 3).tolist()))
    return image.filter(ImageFilter.GaussianBlur(1))


def stored(image: Image.Image, quality: int = 90) -> bytes:
    data = io.BytesIO()
    image.save(data, format="JPEG", quality=quality)
    return data.getvalue()


def cropped(image: Image.Image) -> Image.Image:
    width, height = image.size
    return image.crop((0, width // 40, round(0.95 * width), width // 40 + round(0.95 * height)))


CHANGES: dict[str, Change] = {
    "stored again": lambda image: image,
    "half the size": lambda image: image.reduce(2),
    "double the size": lambda image: image.resize((2 * image.width, 2 * image.height)),
    "cropped": cropped,
    "a tenth cut off": lambda image: image.crop((0, 0, round(0.9 * image.width), image.height)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.85),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.15),
    "mirrored": ImageOps.mirror,
    "cropped, small": lambda image: cropped(image).reduce(2),
}


def find(images: list[ImageSource], embeddings: Floats | None = None) -> list[Copy]:
    """Look for copies; by default everything is as similar to everything else."""
    if embeddings is None:
        embeddings = np.ones((len(images), 1), np.float32)
    return find_copies(images, embeddings, [content_hash(image) for image in images])


@pytest.mark.parametrize("quality", [30, 60, 90])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_picture_stored_another_way_is_a_near_copy(change: Change, quality: int) -> None:
    images = [stored(scene(1), 95), stored(scene(2)), stored(change(scene(1)), quality)]
    (copy,) = find(list(images))
    assert (copy.first, copy.second, copy.exact) == (0, 2, False)
    assert 0.95 <= copy.similarity <= 1


def test_files_with_the_same_content_are_exact_copies(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2), ("c", 1), ("d", 1)):
        scene(seed).save(tmp_path / f"{name}.png")
    files: list[ImageSource] = [*sorted(tmp_path.iterdir())]
    assert find(files) == [Copy(0, 2, True, 1.0), Copy(0, 3, True, 1.0)]


def test_exact_copies_are_found_without_decoding_or_likeness() -> None:
    embeddings = np.zeros((3, 0), np.float32)
    assert find_copies([b"", b"", b""], embeddings, ["x", "y", "x"]) == [Copy(0, 2, True, 1.0)]
    assert find_copies([], embeddings[:0], []) == []


def test_copies_come_by_rows_and_near_ones_of_exact_ones_once() -> None:
    small = stored(scene(1).reduce(2))
    images = [stored(scene(2)), stored(scene(1)), small, stored(scene(1)), small]
    found = [(copy.first, copy.second, copy.exact) for copy in find(list(images))]
    assert found == [(1, 2, False), (1, 3, True), (2, 4, True)]


def test_what_embeddings_tell_apart_is_not_compared() -> None:
    images: list[ImageSource] = [stored(scene(1)), stored(scene(1), 50), stored(scene(1), 40)]
    embeddings = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    assert [(c.first, c.second) for c in find(images, embeddings)] == [(1, 2)]


def shifted(image: Image.Image, by: int) -> Image.Image:
    """Move what is in front, and leave the background, as the next photograph would."""
    other = image.copy()
    front = image.crop((90, 50, 200, 170))
    other.paste(front, (90 + by, 50 + by // 2))
    return other


@pytest.mark.parametrize(
    "change",
    [
        lambda image: shifted(image, 6),
        lambda image: shifted(image, 25),
        lambda image: image.rotate(8),
        lambda image: image.crop((0, 0, 190, 150)),
        lambda image: Image.merge("RGB", image.split()[::-1]),
        lambda image: ImageOps.invert(image),
        lambda image: ImageOps.flip(image),
    ],
    ids=["moved a little", "moved", "turned", "detail", "other colours", "inverted", "upside down"],
)
def test_another_picture_of_the_same_is_no_copy(change: Change) -> None:
    assert find([stored(scene(1)), stored(change(scene(1)))]) == []


def test_of_many_images_each_meets_its_like_wherever_it_is() -> None:
    chance = np.random.default_rng(0)
    embeddings = chance.normal(size=(1300, 256)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    embeddings[1250] = embeddings[3]
    embeddings[700] = embeddings[600]
    images: list[ImageSource] = [b"never decoded"] * 1300
    for row, seed, quality in ((3, 1, 90), (1250, 1, 50), (600, 2, 90), (700, 2, 50)):
        images[row] = stored(scene(seed), quality)
    found = find_copies(images, embeddings, [str(number) for number in range(1300)])
    assert [(copy.first, copy.second) for copy in found] == [(3, 1250), (600, 700)]


def test_pictures_of_one_class_are_no_copies() -> None:
    images: list[ImageSource] = [draw(label, seed) for label in CLASSES for seed in range(4)]
    embedded = Embedder().embed(images)
    assert (embedded @ embedded.T > 0.65).mean() > 0.3  # so that they are compared
    assert find(images, embedded) == []
    assert find([*images[:5], images[3].reduce(2)])[0].second == 5


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_pictures_are_not_compared(level: int) -> None:
    blank = Image.new("L", (96, 96), level)
    noisy = np.full((96, 96, 3), level) + np.asarray(draw_noise(0)) // 100
    assert find([stored(blank), stored(blank, 50), noisy.clip(0, 255).astype(np.uint8)]) == []


def test_a_trace_that_cannot_be_seen_is_not_compared() -> None:
    pixels = np.full((96, 96, 3), 128, np.uint8)
    pixels[30:60, 30:60] += 1
    other = pixels.copy()
    other[0, 0] += 1
    assert find([pixels, other]) == []
    pixels[30:60, 30:60] += 40
    other[30:60, 30:60] += 40
    assert len(find([pixels, other])) == 1


def test_what_cannot_be_decoded_has_no_near_copies(tmp_path: Path) -> None:
    images: list[ImageSource] = [stored(scene(1)), tmp_path / "gone.jpg", stored(scene(1), 60)]
    found = find_copies(images, np.ones((3, 1), np.float32), ["a", "b", "c"])
    assert [(copy.first, copy.second) for copy in found] == [(0, 2)]


def test_many_alike_are_few_copies_each() -> None:
    chance = np.random.default_rng(0)
    embeddings = chance.normal(size=(200, 64)).astype(np.float32) * 0.01 + 1
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    pixels = np.asarray(scene(1, (64, 64)))
    hashes = [str(number) for number in range(200)]
    found = find_copies([pixels] * 200, embeddings, hashes)
    assert 100 <= len({*found}) == len(found) <= 5 * 200
    assert {row for copy in found for row in (copy.first, copy.second)} == {*range(200)}
    assert all(copy.first < copy.second and not copy.exact for copy in found)


def test_agreement_is_the_same_both_ways_and_1_with_itself() -> None:
    one, other = thumbnail(scene(1)), thumbnail(cropped(scene(1)))
    assert agreement(one, one) == pytest.approx(1)
    assert agreement(one, other) == pytest.approx(agreement(other, one), abs=0.03)
    assert agreement(one, thumbnail(scene(2))) < 0.5
