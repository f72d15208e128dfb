"""Provide the images that speed is measured on: folders of somebody's own, or ones made here."""

import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from timing import child, fewshot

from fewshot.cli.demo import write_digits
from fewshot.images.files import image_files
from fewshot.training.support_set import require_images

SHOTS = 10
_SMALL, _LARGE = (300, 225), (4000, 3000)
_CELLS = (3, 9, 27, 81)
_USUAL_CLASSES = 5


@dataclass(frozen=True)
class ImageSets:
    """Images to measure on.

    Attributes
    ----------
    folder : Path
        A temporary one, for what measuring leaves behind.
    labelled : sequence of Path
        What is learned and asked about, each in a folder named after its class.
    small, large : sequence of Path
        Photographs as data sets have them, and as cameras make them.
    """

    folder: Path
    labelled: Sequence[Path]
    small: Sequence[Path]
    large: Sequence[Path]

    @cached_property
    def support(self) -> Path:
        """A folder with 10 images a class."""
        return self._part("support", slice(SHOTS))

    @cached_property
    def query(self) -> Path:
        """A folder with all other images."""
        return self._part("query", slice(SHOTS, None))

    @cached_property
    def models(self) -> Path:
        """The folder of a classifier fitted on `support`."""
        folder = self.folder / "models"
        child(*fewshot("fit", self.support, "--output", folder))()
        return folder

    @cached_property
    def backbone(self) -> Path:
        """The backbone of that classifier."""
        return next(self.models.glob("*.onnx"))

    def _part(self, name: str, chosen: slice) -> Path:
        """Copy a part of each class, always the same, into a folder."""
        shuffled = random.Random(0).sample(self.labelled, len(self.labelled))
        classes: dict[str, list[Path]] = {}
        for file in shuffled:
            classes.setdefault(file.parent.name, []).append(file)
        copy_images([f for files in classes.values() for f in files[chosen]], self.folder / name)
        return self.folder / name


def copy_images(files: Iterable[Path], folder: Path) -> list[Path]:
    """Copy images, each to a name of its own, into folders named as theirs are."""
    copies = []
    for number, file in enumerate(files):
        copies.append(folder / file.parent.name / f"{number:04}{file.suffix}")
        copies[-1].parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copies[-1])
    return copies


def find_images(data: Sequence[Path], large: Path | None, folder: Path) -> ImageSets:
    """Take images from sets or folders of sets where such are given, and make the others."""
    big = image_files(large) if large else draw_images(folder / "large", _LARGE, 3)
    require_images(big, large)
    if not data:
        parts = write_digits(folder / "digits")
        digits = [file for part in parts for file in image_files(part)]
        return ImageSets(folder, digits, draw_images(folder / "drawn", _SMALL, 600), big)
    sets = [each for given in data for each in _sets(given)]
    small = [file for each in sets for file in image_files(each)]
    require_images(small, data[0])
    chosen = next((s for s in sets if len(_folders(s)) >= _USUAL_CLASSES), sets[0])
    return ImageSets(folder, image_files(chosen), small, big)


def draw_images(folder: Path, size: tuple[int, int], number: int) -> list[Path]:
    """Write JPEG files about as smooth, as noisy and as large as photographs, in ten classes."""
    paths = [folder / str(i % 10) / f"{i:03}.jpg" for i in range(number)]
    for seed, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = np.random.default_rng(seed % 10).uniform(70, 150, 3)
        draw = np.random.default_rng(seed)
        smooth = np.tile(colour, (_SMALL[1], _SMALL[0], 1))
        for cells in _CELLS:
            blobs = draw.normal(128, 60 / np.sqrt(cells), (cells, cells, 3))
            smooth += np.asarray(_enlarged(blobs, _SMALL), float) - 128
        pixels = np.asarray(_enlarged(smooth, size), np.float32)
        noise = 4 * draw.standard_normal((size[1], size[0], 1), np.float32)
        _image(pixels + noise).save(path, quality=88)
    return paths


def _enlarged(pixels: NDArray[Any], size: tuple[int, int]) -> Image.Image:
    """Bring pixels, (H, W, 3), smoothly to a width and height."""
    return _image(pixels).resize(size, Image.Resampling.BICUBIC)


def _image(pixels: NDArray[Any]) -> Image.Image:
    """Make a image of numbers, clipped to 0 to 255."""
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _sets(folder: Path) -> list[Path]:
    """List the sets of a folder, which may be one itself."""
    inner = _folders(folder)
    return inner if any(_folders(each) for each in inner) else [folder]


def _folders(folder: Path) -> list[Path]:
    """List the folders in a folder."""
    return sorted(each for each in folder.iterdir() if each.is_dir())
