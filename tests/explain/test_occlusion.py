"""Covering a part of an image lowers the score where that part matters."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fewshot import Embedder, FewShotClassifier
from fewshot.explain.activation_map import explain
from fewshot.explain.heatmap import draw_explanation
from fewshot.explain.occlusion import occlusion_map
from fewshot.heads.decision import Decision
from fewshot.heads.linear import LinearHead
from fewshot.heads.rejection import Rejection
from fewshot.images.views import Views
from tests.helpers.drawn_faces import draw_group, draw_person
from tests.helpers.face_networks import write_colour_embedder

LEFT, RIGHT = slice(0, 3), slice(4, 7)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    folder = tmp_path_factory.mktemp("colour")
    return Embedder(write_colour_embedder(folder / "colour.onnx"), crop="face")


def make_decision(temperature: float = 1.0) -> Decision:
    """Tell red from blue by the colour in the middle."""
    weights = np.array([[1, 0, 0, 0], [0, 0, 1, 0]], np.float32)
    head = LinearHead("centroid", weights, np.zeros(2, np.float32))
    rejection = Rejection(weights, np.ones(2, np.float32), 0.0, 0.05)
    return Decision(head, temperature, rejection)


def whole(pixels: NDArray[np.uint8]) -> Views:
    return Views(pixels, ((0, 0, 1, 1),), Image.fromarray(pixels[0]))


def test_what_is_covered_where_nothing_is_looked_at_changes_nothing(embedder: Embedder) -> None:
    pixels = np.full((1, 150, 150, 3), (250, 145, 115), np.uint8)
    heat = occlusion_map(make_decision(), embedder, whole(pixels), 0)
    assert heat.shape == (1, 7, 7) and heat.dtype == np.float32
    # The network looks at 45 to 105 of 150; a corner is covered up to 36.
    np.testing.assert_allclose(heat[0, [0, 0, 6, 6], [0, 6, 0, 6]], 0, atol=1e-6)
    assert heat[0, 3, 3] == heat.max() > 0.1


def test_the_side_that_is_red_speaks_for_red_and_against_blue(embedder: Embedder) -> None:
    pixels = np.full((1, 150, 150, 3), (190, 145, 115), np.uint8)
    pixels[:, :, :75, 0] = 250
    red, blue = (occlusion_map(make_decision(), embedder, whole(pixels), n)[0] for n in (0, 1))
    np.testing.assert_allclose(red, -blue, atol=1e-6)
    assert red[3, 2] > 5 * abs(red[3, 5]) and red[:, LEFT].sum() > red[:, RIGHT].sum()
    cooler = occlusion_map(make_decision(2.0), embedder, whole(pixels), 0)[0]
    np.testing.assert_allclose(cooler, red / 2, atol=1e-6)


def test_faces_are_explained_by_covering_them() -> None:
    people = {name: [draw_person(name, seed) for seed in range(3)] for name in ("anna", "ben")}
    classifier = FewShotClassifier(crop="face").fit(people)
    image = draw_group(["ben"])
    explained = explain(classifier.artifact_, classifier.embedder_, image)
    assert (explained.label, explained.occlusion) == ("ben", True)
    np.testing.assert_array_equal(explained.heat, explained.maps)
    ((left, top, right, bottom),) = explained.boxes
    assert 0 < left < right < 1 and 0 < top < bottom < 1
    against = explain(classifier.artifact_, classifier.embedder_, image, "anna")
    assert explained.maps.max() > 0 > against.maps.min()
    assert explained.to_dict()["occlusion"] is True
    drawn = draw_explanation(image, explained)
    assert drawn.height > 640 > drawn.width  # the image is higher than wide, with a caption


def test_a_network_without_a_feature_map_is_explained_by_covering(tmp_path: Path) -> None:
    from tests.backbones.test_third_party import IMAGENET, Net

    net = Net(gives="vector").write(tmp_path / "net.onnx", image_size=32, **IMAGENET)
    images = [np.full((32, 32, 3), 40, np.uint8), np.full((32, 32, 3), 220, np.uint8)]
    classifier = FewShotClassifier(backbone=net).fit(images * 2, ["dark", "light"] * 2)
    explained = explain(classifier.artifact_, classifier.embedder_, images[1])
    assert explained.occlusion and explained.maps.shape == (1, 7, 7)
