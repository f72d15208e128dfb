"""Finding faces: drawn heads, and networks that give what no face detector gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fewshot.backbones.find import find_backbone
from fewshot.classifier.exported import FACE_STEPS
from fewshot.errors import BackboneError, MissingFileError
from fewshot.faces import detector as module
from fewshot.faces.detector import Face, FaceDetector
from tests.conftest import Run, draw, draw_noise
from tests.helpers.drawn_faces import PEOPLE, draw_group, draw_head, draw_person
from tests.helpers.face_networks import DETECTOR, no_face, place_face, write_detector

GROUND = (120, 150, 170)


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(find_backbone("face_detector"))


def canvas(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), GROUND)


def with_head(
    width: int, height: int, side: int, place: tuple[int, int], person: str = "anna"
) -> Image.Image:
    image = canvas(width, height)
    image.paste(draw_head(person, side, 90, GROUND), place)
    return image


def shares(face: Face, left: float, top: float, right: float, bottom: float) -> float:
    """Return intersection over union of a face and a box."""
    a, b = np.array(face.box), np.array([left, top, right, bottom])
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


def drawn_box(x: float, y: float, side: float) -> tuple[float, float, float, float]:
    """Return where `draw_head` draws a face, from the brows to the chin."""
    return x + 0.28 * side, y + 0.28 * side, x + 0.72 * side, y + 0.88 * side


def check_sound(faces: list[Face], image: Image.Image) -> None:
    areas = [face.area for face in faces]
    assert areas == sorted(areas, reverse=True)
    for face in faces:
        left, top, right, bottom = face.box
        assert 0 <= left < right <= image.width and 0 <= top < bottom <= image.height
        assert 0.5 <= face.score <= 1 and face.landmarks.shape == (5, 2)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("long_side", [384, 640, 1000])
def test_a_drawn_head_is_found_where_it_is(
    detector: FaceDetector, person: str, long_side: int
) -> None:
    side, x, y = long_side // 2, long_side // 3, long_side // 8
    image = with_head(long_side, long_side * 3 // 4, side, (x, y), person)
    for faces in (detector.detect(image), detector.detect_all(image)):
        (face,) = faces
        check_sound(faces, image)
        assert shares(face, *drawn_box(x, y, side)) > 0.6
        eyes, nose, mouth = face.landmarks[:2], face.landmarks[2], face.landmarks[3:]
        assert eyes[0, 0] < nose[0] < eyes[1, 0] and mouth[0, 0] < nose[0] < mouth[1, 0]
        assert eyes[:, 1].max() < nose[1] < mouth[:, 1].min()
        np.testing.assert_allclose(nose, [x + side / 2, y + 0.6 * side], atol=0.06 * side)


def test_a_small_head_is_found_in_the_larger_of_two_sizes(detector: FaceDetector) -> None:
    image = with_head(2000, 1500, 110, (1500, 300))  # a face of 3 %
    assert detector._detect_at(image, 384) == []
    (face,) = detector.detect(image)
    assert shares(face, *drawn_box(1500, 300, 110)) > 0.5


def test_everybody_in_a_group_is_found_small_or_large(detector: FaceDetector) -> None:
    image = draw_group(["cleo", "ben", "anna"])
    assert len(detector.detect(image)) == 3
    crowd = canvas(3000, 2000)
    places = {(50, 40): 120, (700, 60): 130, (1400, 1800): 150, (1900, 100): 900}
    for (x, y), side in places.items():
        crowd.paste(draw_head("anna", 300, side, GROUND).resize((side, side)), (x, y))
    faces = detector.detect_all(crowd)
    check_sound(faces, crowd)
    assert len(faces) == 4
    for (x, y), side in places.items():
        assert max(shares(face, *drawn_box(x, y, side)) for face in faces) > 0.5


@pytest.mark.parametrize("side", [900, 1600, 3000])
def test_a_large_face_is_among_all_faces(detector: FaceDetector, side: int) -> None:
    image = draw_head("anna", 400).crop((60, 60, 340, 390)).resize((side, side * 33 // 28))
    (face,) = detector.detect_all(image)
    check_sound([face], image)
    assert face.area > 0.35 * image.width * image.height


@pytest.mark.parametrize("edge", ["left", "top", "right", "bottom"])
def test_a_head_that_the_edge_cuts_has_its_box_inside(detector: FaceDetector, edge: str) -> None:
    place = {"left": (-80, 60), "top": (120, -80), "right": (190, 60), "bottom": (120, 130)}[edge]
    image = with_head(384, 300, 280, place)
    faces = detector.detect(image)
    assert len(faces) == 1
    check_sound(faces, image)


@pytest.mark.parametrize("angle", [-40, -20, 20, 40])
def test_a_head_that_leans_is_found(detector: FaceDetector, angle: int) -> None:
    image = with_head(400, 400, 260, (70, 70)).rotate(
        angle, Image.Resampling.BICUBIC, fillcolor=GROUND
    )
    (face,) = detector.detect(image)
    across = face.landmarks[1] - face.landmarks[0]
    assert -np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(angle, abs=10)


@pytest.mark.parametrize(
    "size", [(1, 1), (3, 2), (31, 33), (1, 4000), (4000, 1), (5000, 40), (9000, 9000)]
)
def test_images_of_any_size_are_taken(detector: FaceDetector, size: tuple[int, int]) -> None:
    image = canvas(*size)
    assert detector.detect(image) == []
    if size != (9000, 9000):
        assert detector.detect_all(image) == []


def test_faces_in_a_tiny_and_in_an_elongated_image(detector: FaceDetector) -> None:
    tiny = draw_head("anna", 64)
    (face,) = detector.detect(tiny)
    check_sound([face], tiny)
    wide = with_head(2400, 200, 190, (1200, 5))
    (face,) = detector.detect_all(wide)
    assert shares(face, *drawn_box(1200, 5, 190)) > 0.5
    (face,) = detector.detect(with_head(200, 1200, 190, (5, 700)))
    assert shares(face, *drawn_box(5, 700, 190)) > 0.5


def test_nothing_is_found_where_nobody_is(detector: FaceDetector) -> None:
    for image in (draw_noise(1, 400), draw("disc", 1, 400), draw("grid", 2, 300)):
        assert detector.detect(image) == [] and detector.detect_all(image) == []


def test_the_same_faces_from_the_same_image(detector: FaceDetector) -> None:
    image = draw_person("ben", 3)
    (one,), (other,) = detector.detect(image), detector.detect(image.copy())
    assert (one.box, one.score) == (other.box, other.score)
    np.testing.assert_array_equal(one.landmarks, other.landmarks)


def test_what_an_exported_file_says_of_the_steps_is_what_is_done() -> None:
    assert FACE_STEPS["long_sides"] == list(module.ONE_FACE)
    assert FACE_STEPS["long_sides_for_all_faces"] == list(module.ALL_FACES)
    assert (FACE_STEPS["multiple"], FACE_STEPS["stride"]) == (module._MULTIPLE, module._STRIDE)
    assert FACE_STEPS["least_score"] == module._LEAST_SCORE
    assert FACE_STEPS["same_face_iou"] == module._SAME_FACE


def test_the_best_of_overlapping_faces_is_kept_and_apart_ones_all(tmp_path: Path) -> None:
    outputs = no_face()
    place_face(outputs, 4, 4, 20, score=0.8)
    place_face(outputs, 4, 5, 20, score=0.7)  # 4 pixels aside
    place_face(outputs, 12, 12, 12, score=0.6)
    place_face(outputs, 2, 12, 16, score=0.4)  # too low
    faces = FaceDetector(write_detector(tmp_path / "net.onnx", outputs)).detect(canvas(64, 64))
    np.testing.assert_allclose(
        [face.box for face in faces], [(8, 8, 28, 28), (44, 44, 56, 56)], atol=1e-4
    )
    assert [round(face.score, 3) for face in faces] == [0.8, 0.6]
    np.testing.assert_allclose(faces[0].landmarks[1], [8 + 0.7 * 20, 8 + 0.3 * 20], atol=1e-4)


def test_boxes_are_those_of_the_image_before_it_was_reduced_and_padded(tmp_path: Path) -> None:
    outputs = no_face(384)
    outputs = {name: maps[:, :, : 192 // 4] for name, maps in outputs.items()}
    place_face(outputs, 10, 20, 40)
    network = FaceDetector(write_detector(tmp_path / "net.onnx", outputs))
    (face,) = network.detect(canvas(768, 384 - 20))  # 384 x 182, padded to 384 x 192
    np.testing.assert_allclose(face.box, (2 * 62, 2 * 22, 2 * 102, 2 * 62))


def with_one(name: str, value: float) -> dict[str, Any]:
    """Return outputs with a face, of which one number is another."""
    outputs = no_face()
    place_face(outputs, 4, 4, 20)
    outputs[name][0, 0, 4, 4] = value
    return outputs


HOSTILE = {
    **{f"{n} {v}": with_one(n, v) for n in no_face() for v in (np.nan, np.inf, -np.inf, 1e30)},
    "scale 40": with_one("scale", 40),
    "offset 1e9": with_one("offset", 1e9),
    "landmarks 1e9": with_one("landmarks", 1e9),
    "heatmap 1.5": with_one("heatmap", 1.5),
    "heatmap -1": with_one("heatmap", -1),
    "fewer channels": no_face() | {"landmarks": np.zeros((1, 8, 16, 16), np.float32)},
    "other places": no_face() | {"scale": np.zeros((1, 2, 8, 8), np.float32)},
    "two images": no_face() | {"heatmap": np.zeros((2, 1, 16, 16), np.float32)},
    "nothing": no_face() | {"offset": np.zeros((1, 2, 0, 16), np.float32)},
    "a number": no_face() | {"heatmap": np.zeros((), np.float32)},
    "texts": no_face() | {"heatmap": np.full((1, 1, 16, 16), "face", object)},
    "no scale": {name: maps for name, maps in no_face().items() if name != "scale"},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_face_detector_gives_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    network = write_detector(tmp_path / "net.onnx", HOSTILE[name])
    with pytest.raises(BackboneError, match=r"net\.onnx: .*") as caught:
        FaceDetector(network).detect(canvas(64, 64))
    assert "\n" not in str(caught.value)


def test_a_face_of_no_size_is_none(tmp_path: Path) -> None:
    network = write_detector(tmp_path / "net.onnx", with_one("scale", -1e9))
    assert FaceDetector(network).detect(canvas(64, 64)) == []


@pytest.mark.parametrize("properties", [{}, {"fewshot_face_detector": "2"}, {"name": "x"}])
def test_other_networks_are_refused(properties: dict[str, str], tmp_path: Path) -> None:
    network = write_detector(tmp_path / "net.onnx", no_face(), properties)
    with pytest.raises(BackboneError, match=r"net\.onnx: not a face detector; expected"):
        FaceDetector(network).detect(canvas(64, 64))
    with pytest.raises(BackboneError, match="not a face detector"):
        FaceDetector(find_backbone("mobilenet_v2")).detect(canvas(64, 64))


def test_files_that_are_no_network(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nowhere\.onnx: no such file"):
        FaceDetector(tmp_path / "nowhere.onnx")
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(BackboneError, match=r"text\.onnx: "):
        FaceDetector(tmp_path / "text.onnx").detect(canvas(64, 64))


def test_a_hostile_detector_is_one_line_on_the_command_line(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    write_detector(tmp_path / "models" / "face_detector.onnx", with_one("scale", np.nan), DETECTOR)
    for person in PEOPLE:
        (tmp_path / "data" / person).mkdir(parents=True)
        canvas(64, 64).save(tmp_path / "data" / person / "1.png")
    told = cli("fit", "data", "--crop", "face")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.count("\n") == 1 and "not finite" in told.stderr
