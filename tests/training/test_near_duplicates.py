"""Images of one origin form a group however they are stored, and look-alikes do not."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from fewshot.training.near_duplicates import LENGTH, fingerprint, group_near_duplicates
from tests.conftest import CLASSES, Floats, draw

Change = Callable[[Image.Image], Image.Image]
Turn = Image.Transpose


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Draw shapes of all sizes on clouds, as full of details as a photograph."""
    chance = np.random.default_rng(seed)
    clouds = Image.fromarray(chance.integers(50, 200, (6, 8, 3), dtype=np.uint8))
    image = clouds.resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for _ in range(60):
        x, y = (int(chance.integers(0, side)) for side in size)
        w, h = chance.integers(8, 70, 2).tolist()
        shape = pen.ellipse if chance.random() < 0.5 else pen.rectangle
        shape((x, y, x + w, y + h), fill=tuple(chance.integers(60, 190, 3).tolist()))
    return noisy(image.filter(ImageFilter.GaussianBlur(1)), seed, 6)


def noisy(image: Image.Image, seed: int, deviation: float = 4) -> Image.Image:
    """Expose it once more: the noise is another one each time."""
    pixels = np.asarray(image, np.float32)
    noise = np.random.default_rng(seed).normal(0, deviation, (*pixels.shape[:2], 1))
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def stored(image: Image.Image, quality: int = 85) -> Image.Image:
    """Write it as JPEG, and read it again."""
    data = io.BytesIO()
    image.save(data, format="JPEG", quality=quality)
    return Image.open(data).convert("RGB")


def thumbnail(image: Image.Image, side: int) -> Image.Image:
    small = image.copy()
    small.thumbnail((side, side))
    return small


def crop(left: float, top: float, part: float) -> Change:
    def change(image: Image.Image) -> Image.Image:
        w, h = image.size
        box = (left * w, top * h, (left + part) * w, (top + part) * h)
        return image.crop(tuple(map(round, box)))  # type: ignore[arg-type]

    return change


def augmented(image: Image.Image) -> Image.Image:
    turned = ImageOps.mirror(image).rotate(-9, Image.Resampling.BILINEAR, fillcolor="black")
    return ImageEnhance.Brightness(turned).enhance(0.8)


CHANGES: dict[str, Change] = {
    "stored as it is": lambda image: image,
    "stored badly": lambda image: stored(image, 30),
    "half the size": lambda image: image.reduce(2),
    "double the size": lambda image: image.resize((2 * image.width, 2 * image.height)),
    "thumbnail": lambda image: thumbnail(image, 96),
    "made square": lambda image: image.resize((224, 224)),
    "crop of 90 %": crop(0.1, 0.02, 0.9),
    "crop of 80 %": crop(0.05, 0.2, 0.8),
    "turned by 5 degrees": lambda image: image.rotate(5, Image.Resampling.BILINEAR),
    "turned by -12 degrees": lambda image: image.rotate(-12, Image.Resampling.BILINEAR),
    "turned by 90 degrees": lambda image: image.transpose(Turn.ROTATE_90),
    "turned by 180 degrees": lambda image: image.transpose(Turn.ROTATE_180),
    "mirrored": ImageOps.mirror,
    "upside down": ImageOps.flip,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.2),
    "more colourful": lambda image: ImageEnhance.Color(image).enhance(1.3),
    "without colours": lambda image: image.convert("L").convert("RGB"),
    "augmented": augmented,
    "augmented, small": lambda image: thumbnail(augmented(image), 160),
}


def groups(images: list[Image.Image], embeddings: Floats | None = None) -> list[int]:
    """Group images; by default all embeddings are about equally similar."""
    if embeddings is None:
        chance = np.random.default_rng(0)
        embeddings = np.float32(1 + 0.01 * chance.normal(size=(len(images), 64)))
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    prints = np.array([fingerprint(image) for image in images])
    return group_near_duplicates(embeddings, prints).tolist()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_copies_are_of_one_group_with_their_origin(change: Change) -> None:
    found = [groups([scene(seed), stored(change(scene(seed)))]) for seed in range(8)]
    assert found.count([0, 0]) >= 7


def test_neighbouring_frames_of_a_slow_pan_are_one_group() -> None:
    view = scene(3, (640, 300))
    frames = [stored(view.crop((8 * i, i, 8 * i + 320, i + 240))) for i in range(8)]
    assert groups(frames) == [0] * 8


def test_groups_are_named_by_their_first_image() -> None:
    a, b = scene(1), scene(2)
    images = [a, b, stored(ImageOps.mirror(a)), scene(4), stored(b.reduce(2)), stored(a.reduce(2))]
    assert groups(images) == [0, 1, 0, 3, 1, 0]


def ring(seed: int, scratched: bool) -> Image.Image:
    """Draw a part on a white ground, at about the same place."""
    chance = np.random.default_rng([seed, scratched])
    image = Image.new("RGB", (400, 400), "white")
    pen = ImageDraw.Draw(image)
    x, y = (100 + chance.integers(-3, 4, 2)).tolist()
    pen.ellipse((x, y, x + 200, y + 200), outline=(120, 120, 120), width=25)
    if scratched:
        turn, angle = chance.uniform(0, 2 * np.pi, 2)
        a, b = x + 100 + 88 * np.cos(turn), y + 100 + 88 * np.sin(turn)
        end = (a + 25 * np.cos(angle), b + 25 * np.sin(angle))
        pen.line((a, b, *end), fill=(40, 40, 40), width=3)
    return noisy(image, 100 * seed + scratched)


def gauge(angle: float, seed: int) -> Image.Image:
    image = Image.new("RGB", (400, 400), (235, 235, 230))
    pen = ImageDraw.Draw(image)
    pen.ellipse((50, 50, 350, 350), outline=(30, 30, 30), width=6, fill="white")
    for mark in np.deg2rad(np.arange(180, 361, 15)):
        x, y = np.cos(mark), np.sin(mark)
        pen.line((200 + 125 * x, 200 + 125 * y, 200 + 142 * x, 200 + 142 * y), "black", 3)
    x, y = np.cos(np.deg2rad(angle)), -np.sin(np.deg2rad(angle))
    pen.line((200, 200, 200 + 115 * x, 200 + 115 * y), (180, 20, 20), 5)
    return noisy(image, seed, 3)


def lamp(seed: int) -> Image.Image:
    x, y = np.random.default_rng(seed).uniform([40, 40], [360, 260])
    down, across = np.mgrid[:300, :400]
    glow = 12 + 240 * np.exp(-((across - x) ** 2 + (down - y) ** 2) / 288)
    return noisy(Image.fromarray(glow.clip(0, 255).astype(np.uint8)).convert("RGB"), seed, 3)


def room(thing: int, seed: int) -> Image.Image:
    """Draw the same room each time, with a thing of so many of its 950 pixels in it."""
    image = scene(5, (950, 700))
    x, y = np.random.default_rng(seed).integers([100, 250], [700, 500]).tolist()
    if thing:
        ImageDraw.Draw(image).ellipse((x, y, x + thing, y + 1.2 * thing), fill=(70, 50, 90))
    return noisy(image, seed)


def page(seed: int) -> Image.Image:
    """Draw a document with the same head as all others."""
    chance = np.random.default_rng(seed)
    image = Image.new("RGB", (600, 800), (250, 249, 245))
    pen = ImageDraw.Draw(image)
    pen.rectangle((50, 40, 250, 90), fill=(40, 60, 120))
    for y in range(130, 740, 14):
        letters = "".join(map(chr, chance.choice([32, *range(97, 123)], 80)))
        pen.text((50, y), letters[: int(chance.integers(10, 80))], fill="black")
    return noisy(image, seed, 3)


def recoloured(image: Image.Image) -> Image.Image:
    """Exchange blue and red, and leave the greys."""
    luma, blue, red = image.convert("YCbCr").split()
    return Image.merge("YCbCr", (luma, red, blue)).convert("RGB")


LOOK_ALIKES = {
    "parts on a white ground": [
        ring(i, scratched) for scratched in (False, True) for i in range(8)
    ],
    "gauges": [gauge(angle, angle) for angle in (12, 17, 25, 40, 52, 66, 74, 104, 117, 133, 150)],
    "lamps at night": [lamp(seed) for seed in range(14)],
    "documents": [page(seed) for seed in range(8)],
    "other scenes": [scene(seed) for seed in range(12)],
    "drawn patterns": [draw(label, seed) for label in CLASSES for seed in range(6)],
    "recoloured": [scene(2), recoloured(scene(2))],
    "other colours": [scene(1), Image.merge("RGB", scene(1).split()[::-1])],
    "inverted": [scene(1), ImageOps.invert(scene(1))],
}


@pytest.mark.parametrize("images", LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_look_alikes_are_no_group(images: list[Image.Image]) -> None:
    assert groups(images) == [*range(len(images))]


@pytest.mark.parametrize("size", [110, 150])
def test_a_thing_in_the_room_makes_another_image(size: int) -> None:
    found = groups([room(0, 1), room(size, 2), room(0, 3), room(size, 4), room(size, 5)])
    assert found == [0, 1, 0, 3, 4]


@pytest.mark.parametrize("shift", [12, 25])
def test_a_thing_that_moved_makes_another_image(shift: int) -> None:
    image = scene(1)
    front = image.crop((90, 50, 200, 170))
    image.paste(front, (90 + shift, 50 + shift // 2))
    assert groups([scene(1), image]) == [0, 1]


def test_a_scratch_on_a_part_that_lies_still_makes_another_image() -> None:
    scratched = scene(1, (400, 400))
    ImageDraw.Draw(scratched).line((150, 190, 170, 205), fill=(20, 20, 20), width=3)
    images = [noisy(scene(1, (400, 400)), 7), noisy(scratched, 8), noisy(scene(1, (400, 400)), 9)]
    assert groups(images) == [0, 1, 0]


def test_copies_of_a_thing_on_a_bare_ground_are_found_but_not_another_exposure() -> None:
    bare = ring(1, scratched=False).convert("L").point(lambda v: 255 if v > 225 else v)
    clean, part = bare.convert("RGB"), ring(1, scratched=False)
    assert groups([clean, stored(clean.reduce(2), 60)]) == [0, 0]
    assert groups([clean, stored(ImageOps.mirror(clean))]) == [0, 0]
    assert groups([part, stored(part, 90)]) == [0, 0]
    assert groups([part, noisy(Image.fromarray(np.asarray(clean)), 9)]) == [0, 1]


def test_blank_images_are_only_joined_if_their_embeddings_are_equal() -> None:
    blank = [Image.new("RGB", (96, 96), (level,) * 3) for level in (0, 128, 128, 255)]
    assert groups(blank) == [0, 1, 2, 3]
    assert groups(blank, np.eye(4, dtype=np.float32)[[0, 1, 1, 2]]) == [0, 1, 1, 3]


def test_what_is_dissimilar_is_not_compared_unless_its_pixels_are_alike() -> None:
    images = [scene(1), stored(crop(0.1, 0.1, 0.8)(scene(1))), stored(scene(1).rotate(180), 60)]
    assert groups(images, np.eye(3, dtype=np.float32)) == [0, 1, 0]


def test_an_image_without_a_fingerprint_is_compared_by_its_embedding_alone() -> None:
    embeddings = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    prints = np.zeros((3, LENGTH), np.float16)
    assert group_near_duplicates(embeddings, prints).tolist() == [0, 0, 2]
    assert group_near_duplicates(embeddings[:1], prints[:1]).tolist() == [0]
    assert group_near_duplicates(embeddings[:0], prints[:0]).tolist() == []


def test_of_many_images_each_meets_its_like_wherever_it_is() -> None:
    chance = np.random.default_rng(0)
    embeddings = chance.normal(size=(1300, 256)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    prints = chance.uniform(0, 255, (1300, LENGTH)).astype(np.float16)
    for first, second, seed in ((3, 1250, 1), (600, 700, 2)):
        prints[first] = fingerprint(scene(seed))
        prints[second] = fingerprint(stored(crop(0.1, 0, 0.85)(scene(seed))))
        embeddings[second] = embeddings[first] + 0.02 * chance.normal(size=256)
    found = group_near_duplicates(embeddings, prints)
    moved = np.flatnonzero(found != np.arange(1300))
    assert {int(row): int(found[row]) for row in moved} == {1250: 3, 700: 600}


def test_a_fingerprint_is_small_and_the_same_whatever_the_size() -> None:
    small, large = (fingerprint(scene(1).resize(size)) for size in ((160, 120), (640, 480)))
    assert small.shape == (LENGTH,) and small.dtype == np.float16
    assert np.abs(small - large).mean() < 2
    assert 0 <= small[:4096].min() < 60 < 180 < small.max() <= 255
