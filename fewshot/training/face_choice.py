"""Choose the face of an image that is of its class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def choose_faces(faces: Sequence[NDArray[np.float32]], labels: NDArray[np.int64]) -> list[int]:
    """Choose among the faces of each image the one most like the other images of its class.

    `faces` is of shape (n_faces, dim): for each image, of length 1, the largest face first.
    `labels` is of shape (n_images,). For each image; 0 where there is one face, or nothing to
    compare with.
    """
    chosen = [0] * len(faces)
    alone = np.array([len(found) == 1 for found in faces], np.bool_)
    for row in np.flatnonzero(~alone).tolist():
        others = labels == labels[row]
        others[row] = False
        # An image of one person says who is meant; without any, the largest faces have to.
        sure = others & alone if (others & alone).any() else others
        if sure.any():
            mean = np.sum([faces[i][0] for i in np.flatnonzero(sure).tolist()], axis=0)
            chosen[row] = int((faces[row] @ mean).argmax())
    return chosen
