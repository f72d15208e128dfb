"""The JavaScript module of faces finds, aligns and classifies them as Python does."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fewshot import ExportedClassifier, FewShotClassifier, export_classifier
from fewshot.export.onnx_file import FACES_MODULE
from fewshot.faces.alignment import align
from tests.conftest import Run, draw
from tests.helpers.drawn_faces import PEOPLE, draw_group, draw_head, draw_person
from tests.helpers.runtimes import JS, PACKAGES, require_node, require_package

pytest.importorskip("onnx", reason="exporting needs onnx")

Pixels = NDArray[np.uint8]
TEMPLATE = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]])


@pytest.fixture(scope="module")
def fitted() -> FewShotClassifier:
    people = {name: [draw_person(name, seed) for seed in range(3)] for name in PEOPLE}
    return FewShotClassifier(crop="face").fit(people)


@pytest.fixture(scope="module")
def file(fitted: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file of another name than usual; not to be written to."""
    folder = tmp_path_factory.mktemp("exported")
    return export_classifier(fitted, folder / "my people.onnx", javascript=True)


def use_module(folder: Path, images: list[tuple[Pixels, dict[str, Any]]], **task: object) -> Any:
    """Run the module in Node on images, each with what is to be done with it."""
    require_node()
    described = []
    for n, (pixels, rest) in enumerate(images):
        (folder / f"{n}.raw").write_bytes(pixels.tobytes())
        height, width, _ = pixels.shape
        path = str(folder / f"{n}.raw")
        described.append({"file": path, "width": width, "height": height, **rest})
    done = subprocess.run(
        ["node", JS / "use_faces.mjs"],
        input=json.dumps({"module": str(FACES_MODULE), "images": described, **task}),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def classify(folder: Path, file: Path, runtime: str, images: list[Pixels]) -> Any:
    """Classify images and all their faces in Node, with what was exported."""
    require_package(runtime)
    return use_module(
        folder,
        [(pixels, {}) for pixels in images],
        module=str(file.with_name("faces.mjs")),
        packages=str(PACKAGES),
        runtime=runtime,
        model=str(file),
        detector=str(file.with_name("face_detector.onnx")),
    )


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)


def unpacked(packed: str, shape: tuple[int, ...]) -> Pixels:
    return np.frombuffer(base64.b64decode(packed), np.uint8).reshape(shape)


def test_pixels_are_reduced_and_resized_as_in_python(tmp_path: Path) -> None:
    parts = [(3, 2, [5, 7, 130, 99]), (1, 4, [0, 0, 257, 101]), (7, 7, [3, 0, 200, 101])]
    sizes = [(20, 11), (100, 50), (257, 101), (64, 25), (100, 101), (120, 9)]
    pixels = noise(101, 257)
    image = Image.fromarray(pixels)
    expected = [np.asarray(image.reduce((x, y), tuple(box))) for x, y, box in parts]
    expected += [
        np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2)) for size in sizes
    ]
    tasks: list[tuple[Pixels, dict[str, Any]]] = [(pixels, {"reduced": part}) for part in parts]
    tasks += [(pixels, {"shrunk": size}) for size in sizes]
    found = use_module(tmp_path, tasks)["pixels"]
    for packed, each in zip(found, expected, strict=True):
        np.testing.assert_array_equal(unpacked(packed, each.shape), each)


def test_faces_are_aligned_as_in_python(tmp_path: Path) -> None:
    pixels = noise(400, 500)
    chance = np.random.default_rng(0)
    tasks, expected = [], []
    for scale, angle in [(0.5, 0.1), (1.0, 3.0), (1.9, -1.0), (2.3, 0.4), (3.4, 1.6), (9.0, 0.0)]:
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = (TEMPLATE - 56) * scale @ turn.T + [260, 170] + chance.normal(0, 2, (5, 2))
        task = {"landmarks": points.tolist(), "template": TEMPLATE.tolist(), "size": 112}
        tasks.append((pixels, task))
        expected.append(align(Image.fromarray(pixels), points, TEMPLATE, 112).pixels[0])
    for packed, each in zip(use_module(tmp_path, tasks)["pixels"], expected, strict=True):
        differences = np.abs(unpacked(packed, each.shape).astype(int) - each)
        # A value on the edge of two may fall on either side, as the sums differ in the last bit.
        assert differences.max() <= 1 and (differences > 0).mean() < 1e-3


@pytest.mark.parametrize("runtime", ["onnxruntime-node", "onnxruntime-web"])
def test_answers_are_those_of_python(runtime: str, file: Path, tmp_path: Path) -> None:
    images = [draw_person(name, 50) for name in PEOPLE]
    images += [draw_head("ben", 900), draw_group(["cleo", "anna", "ben"]), draw("disc", 1)]
    arrays = [np.asarray(image) for image in images]
    found, exported = classify(tmp_path, file, runtime, arrays), ExportedClassifier(file)
    for pixels, answer, faces in zip(arrays, found["answers"], found["faces"], strict=True):
        expected = exported.classify(pixels)
        assert (answer["label"], answer["known"]) == (expected.label, expected.known)
        assert answer["faceFound"] == expected.face_found
        require_same_scores(answer, expected.scores)
        all_expected = exported.classify_faces(pixels)
        assert [face["label"] for face in faces] == [face.label for face in all_expected]
        for face, each in zip(faces, all_expected, strict=True):
            np.testing.assert_allclose(face["box"], each.box, atol=1)
            np.testing.assert_allclose(face["landmarks"], each.landmarks, atol=0.1)
            require_same_scores(face, each.scores)
    assert [len(faces) for faces in found["faces"]] == [1, 1, 1, 1, 3, 0]
    assert not found["answers"][-1]["faceFound"]


def require_same_scores(answer: dict[str, Any], expected: dict[str, float]) -> None:
    scores = {score["label"]: score["probability"] for score in answer["scores"]}
    assert scores.keys() == expected.keys()
    for label, probability in expected.items():
        assert abs(scores[label] - probability) < 1e-3


def test_without_a_face_it_does_as_the_classifier_was_fitted(tmp_path: Path) -> None:
    people = {name: [draw_person(name, seed) for seed in range(2)] for name in PEOPLE}
    fitted = FewShotClassifier(crop="face", no_face="whole", backbone="mobilenet_v2").fit(people)
    file = export_classifier(fitted, tmp_path / "classifier.onnx", javascript=True)
    images = [np.asarray(draw("disc", 1)), np.asarray(draw_person("anna", 50))]
    found = classify(tmp_path, file, "onnxruntime-node", images)
    for pixels, answer in zip(images, found["answers"], strict=True):
        expected = ExportedClassifier(file).classify(pixels)
        assert answer["faceFound"] == expected.face_found
        require_same_scores(answer, expected.scores)  # this backbone's faces are not aligned
    assert [answer["faceFound"] for answer in found["answers"]] == [False, True]


def test_another_detector_or_module_is_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "face_detector.onnx").write_bytes(b"other")
    for name in (file.name, "faces.mjs", "my people.mjs"):
        (tmp_path / name).write_bytes(file.with_name(name).read_bytes())
    with pytest.raises(AssertionError, match="not the face detector of this classifier"):
        classify(tmp_path, tmp_path / file.name, "onnxruntime-node", [])


def test_the_command_names_all_that_it_writes(
    fitted: FewShotClassifier, cli: Run, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "models")
    told = cli("export", "--javascript")
    assert told.returncode == 0
    for name in ("classifier.json", "face_detector.onnx", "classifier.mjs", "faces.mjs"):
        assert (tmp_path / name).exists() and name in told.stdout
    assert (tmp_path / "faces.mjs").read_bytes() == FACES_MODULE.read_bytes()
    (tmp_path / "faces.mjs").write_text("// mine", encoding="utf-8")
    told = cli("export", "--javascript")
    assert told.returncode == 2 and "faces.mjs: exists and was not written" in told.stderr
