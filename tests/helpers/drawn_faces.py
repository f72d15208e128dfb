"""Faces drawn by formula, which the face detector finds and the face embedder tells apart."""

from pathlib import Path

import numpy as np
from PIL import Image

import tests.scripts  # noqa: F401  makes the modules of scripts/export importable

from face_images import Canvas  # isort: skip

Colour = tuple[int, int, int]
# Skin and hair, and the breadth of face, eyes and mouth.
PEOPLE: dict[str, tuple[Colour, Colour, float, float, float]] = {
    "anna": ((245, 215, 200), (230, 200, 120), 0.85, 1.05, 1.0),
    "ben": ((200, 150, 115), (40, 30, 25), 1.1, 1.1, 1.3),
    "cleo": ((150, 100, 70), (20, 15, 15), 1.15, 1.0, 1.5),
}


def draw_head(
    person: str, size: int = 240, seed: int = 0, ground: Colour = (120, 150, 170)
) -> Image.Image:
    """Draw somebody from the front; the seed decides how the head is turned, and the noise."""
    *colours, face, eyes, mouth = PEOPLE[person]
    skin, hair = (np.array(colour, np.float64) for colour in colours)
    chance = np.random.default_rng([list(PEOPLE).index(person), seed])
    canvas = Canvas(size, size, float(chance.uniform(-0.1, 0.1)))
    canvas.fill(np.array(ground, np.float64))
    canvas.oval(50, 112, 42, 26, hair * 0.6 + 40)
    canvas.oval(50, 88, 11, 16, skin * 0.8)
    canvas.oval(50, 44, 30 * face, 38, hair)
    canvas.oval(50, 53, 24 * face, 37, skin)
    for side in (-1, 1):
        x = 50 + 13 * eyes * side
        canvas.oval(50 + 17 * face * side, 54, 7, 20, skin * 1.1, edge=10)
        canvas.oval(x, 46, 10, 6, skin * 0.75, edge=3)
        canvas.oval(x, 42, 6, 1.2, hair * 0.5, edge=1.5)
        canvas.oval(x, 46, 6, 3, (215, 215, 215))
        canvas.oval(x, 46, 2.2, 2.2, (40, 28, 22))
        canvas.oval(50 + 3 * side, 61, 2.5, 1, skin * 0.6)
    canvas.oval(50, 54, 2.5, 8, skin * 1.15, edge=3)
    canvas.oval(50, 69, 7 * mouth, 3, (170, 78, 74))
    canvas.oval(50, 69, 7 * mouth, 0.6, (80, 30, 30), edge=0.6)
    return Image.fromarray(canvas.lit(chance))


def draw_person(person: str, seed: int) -> Image.Image:
    """Draw somebody somewhere in an image."""
    chance = np.random.default_rng([seed, list(PEOPLE).index(person)])
    ground = tuple(chance.integers(60, 200, 3).tolist())
    image = Image.new("RGB", (480, 360), ground)
    size = int(chance.integers(180, 300))
    place = int(chance.integers(0, 480 - size)), int(chance.integers(0, 360 - size))
    image.paste(draw_head(person, size, seed, ground), place)  # type: ignore[arg-type]
    return image


def draw_group(people: list[str], size: int = 240) -> Image.Image:
    """Draw people side by side."""
    image = Image.new("RGB", ((size + 20) * len(people), size + 60), (120, 150, 170))
    for n, person in enumerate(people):
        image.paste(draw_head(person, size, 90 + n), ((size + 20) * n + 10, 30))
    return image


def write_people(folder: Path, shots: int, first: int = 0) -> Path:
    """Write a folder of people."""
    for person in PEOPLE:
        (folder / person).mkdir(parents=True)
        for seed in range(first, first + shots):
            draw_person(person, seed).save(folder / person / f"{seed:02}.png")
    return folder
