"""Measure what decoding large photographs at reduced scale costs in accuracy.

How much time it saves is part of what `library_speed` measures.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measuring import Figure
from numpy.typing import NDArray
from pictures import Pictures
from PIL import Image

from fewshot import Embedder
from fewshot.decision import fit_decision
from fewshot.images import open_rgb
from fewshot.support import image_files

_ENLARGED = 4


def decoding(pictures: Pictures, repeat: int) -> Iterator[Figure]:
    """Fit on and ask about enlarged images, decoded at reduced scale and whole."""
    support, query = (_embed(folder) for folder in (pictures.support, pictures.query))
    reduced, whole = (_accuracy(*support[way], *query[way]) for way in (0, 1))
    similarities = (query[0][0] * query[1][0]).sum(axis=1)
    yield Figure(
        "accuracy, decoded at reduced scale less decoded whole",
        100 * (reduced - whole),
        "points",
        note=f"{100 * reduced:.1f} % and {100 * whole:.1f} %, {len(similarities)} images enlarged "
        f"{_ENLARGED} times; embeddings have a cosine of {np.median(similarities):.4f}",
        medians={"reduced, accuracy": reduced, "whole, accuracy": whole},
    )


def _embed(folder: Path) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Embed the images of a folder in both ways; number their classes."""
    embedder, files = Embedder(), image_files(folder)
    _, labels = np.unique([file.parent.name for file in files], return_inverse=True)
    encoded = [_enlarged(file) for file in files]
    reduced = embedder.embed(encoded)
    whole = np.stack([embedder.embed_one(open_rgb(data)) for data in encoded])
    return [(reduced, labels), (whole, labels)]


def _enlarged(file: Path) -> bytes:
    """Encode an image as a JPEG of several times its width and height."""
    stream = io.BytesIO()
    with Image.open(file) as image:
        size = (_ENLARGED * image.width, _ENLARGED * image.height)
        image.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _accuracy(
    support: NDArray[np.float32],
    labels: NDArray[np.int64],
    query: NDArray[np.float32],
    truth: NDArray[np.int64],
) -> float:
    """Fit on some embeddings, and measure on others."""
    decision, _ = fit_decision("auto", support, labels, int(labels.max()) + 1, 0.05)
    return float((decision.decide(query)[0].argmax(axis=1) == truth).mean())
