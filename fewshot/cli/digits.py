"""Write a small real data set, so that a newcomer can try everything without a photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fewshot.errors import UsageError
from fewshot.images.write import save_png

SUPPORT_SHOTS = 12
QUERY_SHOTS = 20
_SIDE = 64
_MARK = ".fewshot-demo"


def write_digits(folder: Path) -> tuple[Path, Path]:
    """Write handwritten digits as PNG files, a folder per digit.

    Parameters
    ----------
    folder : Path
        Made if missing; it may hold an earlier demo, and nothing else.

    Returns
    -------
    support, query : Path
        ``folder/support`` with 12 images a digit, and ``folder/query`` with 20 others.

    Raises
    ------
    UsageError
        If the folder holds something and was not made by this function.
    """
    mark = folder / _MARK
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not mark.exists())):
        raise UsageError(f"{folder}: in use for something else; give the demo a folder of its own")
    from sklearn.datasets import load_digits

    folder.mkdir(parents=True, exist_ok=True)
    mark.touch()
    digits = load_digits()
    draw = np.random.default_rng(0)  # as they come, neighbours are by the same hand
    for digit in range(10):
        images = draw.permutation(digits.images[digits.target == digit])
        for i, image in enumerate(images[: SUPPORT_SHOTS + QUERY_SHOTS]):
            part = "support" if i < SUPPORT_SHOTS else "query"
            path = folder / part / str(digit) / f"{i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = 255 - np.minimum(image * 16, 255).astype(np.uint8)  # ink on white paper
            save_png(pixels, path, _SIDE)
    return folder / "support", folder / "query"
