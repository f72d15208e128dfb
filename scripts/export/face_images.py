"""Draws heads by formula, which the detector finds: networks are compared on no real people."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# What the original networks answer; `python -m tests.scripts.export.make_reference_outputs`.
REFERENCE = Path(__file__).resolve().parents[2] / "tests/faces/reference_outputs.npz"
Colour = tuple[float, float, float]
# Skin, hair and background of each head.
_COLOURS: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((235, 195, 175), (120, 60, 30), (120, 150, 170)),
    ((200, 150, 115), (40, 30, 25), (90, 140, 80)),
    ((225, 180, 150), (205, 175, 100), (60, 50, 90)),
)


def draw_heads(height: int, width: int) -> NDArray[np.uint8]:
    """Draw three heads from the front, one an image.

    Returns
    -------
    ndarray of uint8, shape (3, height, width, 3)
        RGB; always the same.
    """
    return np.stack([_draw_head(number, height, width) for number in range(len(_COLOURS))])


def _draw_head(number: int, height: int, width: int) -> NDArray[np.uint8]:
    """Draw one head on a canvas of 100 x 100 units in the middle, each at its own angle."""
    canvas = Canvas(height, width, 0.05 * (number - 1))
    skin, hair, background = (np.array(colour, np.float64) for colour in _COLOURS[number])
    canvas.fill(background)
    canvas.oval(50, 112, 42, 26, hair * 0.6 + 40)
    canvas.oval(50, 88, 11, 16, skin * 0.8)
    canvas.oval(50, 44, 30, 38, hair)
    canvas.oval(50, 53, 24, 37, skin)
    for side in (-1, 1):
        canvas.oval(50 + 17 * side, 54, 7, 20, skin * 1.1, edge=10)
        canvas.oval(50 + 13 * side, 46, 10, 6, skin * 0.75, edge=3)
        canvas.oval(50 + 13 * side, 42, 6, 1.2, hair * 0.5, edge=1.5)
        canvas.oval(50 + 13 * side, 46, 6, 3, (215, 215, 215))
        canvas.oval(50 + 13 * side, 46, 2.2, 2.2, (40, 28, 22))
        canvas.oval(50 + 3 * side, 61, 2.5, 1, skin * 0.6)
    canvas.oval(50, 54, 2.5, 8, skin * 1.15, edge=3)
    canvas.oval(50, 69, 7, 3, (170, 78, 74))
    canvas.oval(50, 69, 7, 0.6, (80, 30, 30), edge=0.6)
    return canvas.lit(np.random.default_rng(number))


class Canvas:
    """Pixels that ovals are drawn on, seen at an angle."""

    def __init__(self, height: int, width: int, turn: float) -> None:
        self._unit = 100 / min(height, width)
        rows = (np.arange(height)[:, None] + 0.5 - height / 2) * self._unit
        columns = (np.arange(width)[None] + 0.5 - width / 2) * self._unit
        self._x, self._y = columns - turn * rows + 50, rows + turn * columns + 50
        self._pixels = np.zeros((height, width, 3))

    def fill(self, colour: NDArray[np.float64]) -> None:
        """Shade the whole canvas."""
        self._pixels[:] = colour + 0.3 * (self._x + self._y - 100)[..., None]

    def oval(
        self, x: float, y: float, wide: float, high: float, colour: object, edge: float = 3.0
    ) -> None:
        """Draw an oval with a soft edge, of a width in units."""
        distance = np.hypot((self._x - x) / wide, (self._y - y) / high)
        share = np.clip((1 - distance) * min(wide, high) / edge + 0.5, 0, 1)[..., None]
        self._pixels += (np.asarray(colour) - self._pixels) * share

    def lit(self, chance: np.random.Generator) -> NDArray[np.uint8]:
        """Give the pixels, lit from the left, with noise."""
        light = 1 - 0.3 * ((self._x - 50) / 50)[..., None]
        noisy = self._pixels * light + chance.normal(0, 3, self._pixels.shape)
        return np.asarray(noisy.clip(0, 255), np.uint8)
