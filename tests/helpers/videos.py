"""Scenes that the tests draw, and videos of them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

cv2 = pytest.importorskip("cv2", reason="videos are read with OpenCV")

Pixels = NDArray[np.uint8]
SIZE = (320, 240)


def scene(seed: int, size: tuple[int, int] = SIZE) -> Pixels:
    """Draw an image unlike others, with a corner whose red is 8 times the seed."""
    chance = np.random.default_rng(seed)
    width, height = size
    pixels = np.full((height, width, 3), chance.integers(60, 200, 3), np.uint8)
    for n in range(40):
        x, y = (int(chance.integers(0, side)) for side in size)
        colour = tuple(int(c) for c in chance.integers(0, 256, 3))
        corner = (x + width // 5, y + height // 5)
        cv2.rectangle(pixels, (x, y), corner, colour, thickness=2 if n % 2 else -1)
    pixels[: height // 8, : width // 8] = (0, 0, 8 * seed % 256)
    return pixels


def seeds_of(files: list[Path] | tuple[Path, ...]) -> list[int]:
    """Tell which scenes images show."""
    return [round(float(np.asarray(Image.open(file))[5:20, 5:30, 0].mean()) / 8) for file in files]


def blurred(pixels: Pixels, part: float = 0.03) -> Pixels:
    """Blur by that part of the width."""
    side = max(3, int(part * pixels.shape[1]))
    return np.asarray(cv2.blur(pixels, (side, side)), np.uint8)


def noisy(pixels: Pixels, seed: int) -> Pixels:
    """Add the noise of a camera."""
    noise = np.random.default_rng(seed).normal(0, 4, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def write_video(path: Path, frames: list[Pixels], codec: str = "MJPG") -> Path:
    """Write a video of 10 frames a second."""
    height, width = frames[0].shape[:2]
    fourcc = cv2.VideoWriter_fourcc(*codec)
    writer = cv2.VideoWriter(str(path), fourcc, 10.0, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def write_scenes(path: Path, seeds: range) -> Path:
    """Write a video of scenes, each five frames: blurred, sharp, blurred, noisy, very blurred."""
    frames = []
    for seed in seeds:
        sharp = scene(seed)
        frames += [blurred(sharp), sharp, blurred(sharp), noisy(sharp, seed), blurred(sharp, 0.1)]
    return write_video(path, frames)
