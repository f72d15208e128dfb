"""Find images that are in a set twice: the same file, or the same picture stored another way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot._parallel import in_order
from fewshot.data_checks.alignment import Thumbnail, agreement, thumbnail
from fewshot.errors import ImageError
from fewshot.images.source import ImageSource

# Which pairs are decoded at all: each image with those most similar to it. Of 2970 copies of 270
# photographs 98.6 % are among the five nearest of the photograph, all others but two being hands
# before one wall, and one is less similar than this: a size below the backbone's own costs most.
_NEIGHBOURS, _SIMILAR = 5, 0.65
# Rows compared with all others at once: 512 x 5000 numbers are 10 MB.
_BLOCK = 512
# What agreement makes a copy. 99.6 % of those copies reach it, the others being of fine or faint
# textures; of photographs of the same thing, one after another, the best had 0.88 (packages before
# a shelf). Two true copies in the nine sets themselves have 0.99, and one 0.87, for its border.
_ALIKE = 0.95


@dataclass(frozen=True)
class Copy:
    """Two images that are one picture.

    Attributes
    ----------
    first, second : int
        Their rows, the first the lower one.
    exact : bool
        Whether their contents are the same byte for byte.
    similarity : float
        Agreement of their pixels when laid upon each other, at most 1; 1 for exact copies.
    """

    first: int
    second: int
    exact: bool
    similarity: float


def exact_copies(hashes: Sequence[str]) -> list[Copy]:
    """Find images of the same content: each is a copy of the first of them.

    Parameters
    ----------
    hashes : sequence of str
        Of their contents, as by `fewshot.images.decode.content_hash`.
    """
    first_of: dict[str, int] = {}
    originals = [first_of.setdefault(content, row) for row, content in enumerate(hashes)]
    return [Copy(first, row, True, 1.0) for row, first in enumerate(originals) if first != row]


def find_copies(
    images: Sequence[ImageSource], embeddings: NDArray[np.float32], hashes: Sequence[str]
) -> list[Copy]:
    """Find exact and near copies.

    Near copies are the same picture compressed, resized, mirrored, a little brighter or with more
    contrast, or up to a tenth of its width or height cut off. Candidates are found by embedding,
    and their pixels compared (copy detection in two stages: Douze et al. 2021).

    Parameters
    ----------
    images : sequence of ImageSource
        Decoded again, small, where another is similar; one that cannot be has no near copies.
    embeddings : ndarray of float32, shape (n_images, dim)
        Of length 1.
    hashes : sequence of str
        Of their contents, as by `fewshot.images.decode.content_hash`.

    Returns
    -------
    list of Copy
        By rows. Of images with the same content each is a copy of the first, which alone is
        compared with further images: so there are at most five and one to an image.
    """
    exact = exact_copies(hashes)
    kept = np.setdiff1d(np.arange(len(hashes)), [copy.second for copy in exact])
    pairs = kept[_candidates(embeddings[kept])]
    copies = exact + list(_near_copies(images, pairs))
    return sorted(copies, key=lambda copy: (copy.first, copy.second))


def _candidates(embeddings: NDArray[np.float32]) -> NDArray[np.int64]:
    """Pair each image with its nearest neighbours, as rows of two."""
    pairs = [np.zeros((0, 2), np.int64)]
    most = min(_NEIGHBOURS, len(embeddings) - 1)
    for start in range(0, len(embeddings) if most > 0 else 0, _BLOCK):
        similarity = embeddings[start : start + _BLOCK] @ embeddings.T
        rows = np.arange(len(similarity))
        similarity[rows, rows + start] = -1  # itself
        nearest = np.argpartition(-similarity, most - 1, axis=1)[:, :most]
        near, place = np.nonzero(np.take_along_axis(similarity, nearest, axis=1) >= _SIMILAR)
        pairs.append(np.stack([near + start, nearest[near, place]], axis=1))
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


def _near_copies(images: Sequence[ImageSource], pairs: NDArray[np.int64]) -> Iterator[Copy]:
    """Compare the pixels of pairs."""
    rows = np.unique(pairs).tolist()
    decoded = in_order(_thumbnail_or_none, [images[row] for row in rows])
    thumbnails = dict(zip(rows, decoded, strict=True))
    for first, second in pairs.tolist():
        one, other = thumbnails[first], thumbnails[second]
        if one is not None and other is not None:
            similarity = agreement(one, other, _ALIKE)
            if similarity >= _ALIKE:
                yield Copy(first, second, False, similarity)


def _thumbnail_or_none(image: ImageSource) -> Thumbnail | None:
    """Decode an image, unless it cannot be."""
    try:
        return thumbnail(image)
    except ImageError:
        return None
