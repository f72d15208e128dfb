"""Comparing two faces by the distance of their embeddings."""

from pathlib import Path

import numpy as np
import pytest

from fewshot import Embedder
from fewshot.classifier.comparison import Comparison, compare_faces
from fewshot.errors import BackboneError, ImageError, NoFaceError, UsageError
from tests.conftest import draw
from tests.helpers.drawn_faces import draw_group, draw_head, draw_person
from tests.helpers.face_networks import write_colour_embedder


def test_the_same_person_is_nearer_than_another() -> None:
    embedder = Embedder(crop="face")
    same = compare_faces(draw_person("anna", 1), draw_person("anna", 2), embedder)
    other = compare_faces(draw_person("anna", 1), draw_person("cleo", 2), embedder)
    assert same.same and 0 < same.distance < other.distance
    assert same.threshold == other.threshold == 0.6
    assert compare_faces(draw_person("ben", 3), draw_person("ben", 3)).distance == 0


def test_the_distance_is_that_of_the_embeddings_and_not_of_their_directions(tmp_path: Path) -> None:
    embedder = Embedder(write_colour_embedder(tmp_path / "net.onnx"), crop="face")
    one, other = draw_person("anna", 1), draw_person("cleo", 1)
    means = [
        embedder.feature_maps(embedder.load_views(image)).mean(axis=(0, 2, 3))
        for image in (one, other)
    ]
    found = compare_faces(one, other, embedder)
    assert found.distance == pytest.approx(float(np.linalg.norm(means[0] - means[1])))
    assert found.distance > 100 and not found.same
    expected = {"distance": found.distance, "threshold": 0.6, "same": False}
    assert found.to_dict() == expected == Comparison(**expected).to_dict()


def test_of_several_faces_the_largest_is_compared() -> None:
    group = draw_group(["ben"], 400)
    group.paste(draw_head("cleo", 150), (0, 0))
    found = compare_faces(group, draw_person("ben", 1))
    assert found == compare_faces(draw_person("ben", 1), group)
    small = compare_faces(draw_head("cleo", 150), draw_person("ben", 1))
    assert found.distance < 0.8 * small.distance


def test_what_cannot_be_compared() -> None:
    anna = draw_person("anna", 1)
    with pytest.raises(NoFaceError, match="no face found"):
        compare_faces(anna, draw("disc", 1))
    with pytest.raises(ImageError):
        compare_faces(b"not an image", anna)
    with pytest.raises(UsageError, match="compare with a face embedder such as face_resnet"):
        compare_faces(anna, anna, Embedder("mobilenet_v2", crop="face"))


@pytest.mark.parametrize("distance", ["", "near", "nan", "inf", "-0.6", "0"])
def test_a_distance_that_is_none_is_refused(distance: str, tmp_path: Path) -> None:
    net = write_colour_embedder(tmp_path / "net.onnx", same_person_distance=distance)
    with pytest.raises(BackboneError, match=r"net\.onnx: .* expected a number above 0"):
        compare_faces(draw_person("anna", 1), draw_person("ben", 1), Embedder(net, crop="face"))
