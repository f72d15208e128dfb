"""Measure what decoding large photographs at reduced scale costs in accuracy."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from image_sets import SHOTS, ImageSets
from numpy.typing import NDArray
from PIL import Image
from timing import Figure

from fewshot import Embedder
from fewshot.evaluation.learning_curve import draw_splits
from fewshot.evaluation.metrics import t_interval
from fewshot.heads.decision import fit_decision
from fewshot.images.decode import open_rgb
from fewshot.images.files import image_files

_ENLARGED, _DRAWS = 4, 10


def decoding(images: ImageSets, repeat: int) -> Iterator[Figure]:
    """Fit on some of the images, enlarged, and ask about the others, decoded in both ways."""
    files = [file for folder in (images.support, images.query) for file in image_files(folder)]
    _, labels = np.unique([file.parent.name for file in files], return_inverse=True)
    embedder, encoded = Embedder(), [_enlarged(file) for file in files]
    reduced = embedder.embed(encoded)
    whole = np.stack([embedder.embed_one(open_rgb(data)) for data in encoded])
    ours, theirs = (np.array(_accuracies(each, labels)) for each in (reduced, whole))
    low, high = t_interval((100 * (ours - theirs)).tolist())
    yield Figure(
        "accuracy, decoded at reduced scale less decoded whole",
        100 * float((ours - theirs).mean()),
        "points",
        note=f"95 % interval {low:.1f} to {high:.1f}, {_DRAWS} draws of {len(files)} images "
        f"enlarged {_ENLARGED} times; embeddings have a cosine of "
        f"{np.median((reduced * whole).sum(axis=1)):.4f}",
        medians={"reduced, accuracy": float(ours.mean()), "whole, accuracy": float(theirs.mean())},
    )


def _enlarged(file: Path) -> bytes:
    """Encode an image as a JPEG of several times its width and height."""
    stream = io.BytesIO()
    with Image.open(file) as image:
        size = (_ENLARGED * image.width, _ENLARGED * image.height)
        image.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _accuracies(embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> list[float]:
    """Fit on each draw, and measure on what was not drawn."""
    right = []
    for support, query in draw_splits(labels, SHOTS, _DRAWS):
        n_classes = int(labels.max()) + 1
        decision, _ = fit_decision("auto", embeddings[support], labels[support], n_classes, 0.05)
        given = decision.decide(embeddings[query])[0].argmax(axis=1)
        right.append(float((given == labels[query]).mean()))
    return right
