"""Drawn reference images, the same on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_IMAGES = 4


def reference_images() -> list[NDArray[np.uint8]]:
    """Draw images by integer arithmetic, which gives the same everywhere.

    Returns
    -------
    list of ndarray of uint8, shape (H, W, 3)
        Discs and stripes on a shaded ground; larger than a backbone wants, so that resizing them
        is verified too.
    """
    height, width = 300, 340
    y, x, channel = np.ogrid[:height, :width, :3]
    images = []
    for n in range(1, N_IMAGES + 1):
        ground = (x * n + y * (5 - n) + 60 * channel * n) // 5
        stripes = (x * n + y * 3) // 24 % 2 * 40
        disc = (x - 70 * n) ** 2 + (y - 150) ** 2 < (20 + 20 * n) ** 2
        ring = np.where(disc, 80 * (channel + n) % 256, 0)
        images.append(((ground + stripes + ring) % 256).astype(np.uint8))
    return images
