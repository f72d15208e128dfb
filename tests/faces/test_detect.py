"""Finding faces, and embedding them instead of whole pictures."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from fewshot import Embedder, FewShotClassifier
from fewshot.errors import (
    ArtifactError,
    BackboneError,
    MissingFileError,
    NoFaceError,
    SkippedWarning,
    SupportError,
    UsageError,
)
from fewshot.faces.crop import count_faces
from fewshot.faces.detect import find_face, find_faces
from fewshot.faces.draw import draw_faces
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.views import Box
from tests.conftest import draw, draw_noise
from tests.helpers.drawn_faces import (
    PEOPLE,
    draw_group,
    draw_head,
    draw_person,
    write_people,
    write_yunet,
)

pytest.importorskip("cv2", reason="finding faces takes OpenCV: pip install 'fewshot[faces]'")

NOBODY = Image.new("RGB", (300, 200), (90, 120, 60))


def near(box: Box | None, expected: Box, off: float) -> bool:
    return box is not None and np.abs(np.subtract(box, expected)).max() <= off


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_people(tmp_path_factory.mktemp("people") / "data", 4)


@pytest.fixture(scope="module")
def faces(people: Path) -> FewShotClassifier:
    return FewShotClassifier(crop="face").fit(people)


@pytest.mark.parametrize("person", PEOPLE)
def test_a_face_is_found_where_it_is(person: str) -> None:
    picture = Image.new("RGB", (700, 500), (120, 150, 170))
    picture.paste(draw_head(person), (430, 210))
    box = find_face(picture)
    assert near(box, (460, 250, 600, 400), 45)
    assert near(find_face(picture.resize((2100, 1500))), (1380, 750, 1800, 1200), 135)
    assert all(find_face(draw_person(person, seed)) for seed in range(100, 110))


def test_the_largest_face_counts_and_no_face_is_none() -> None:
    picture = Image.new("RGB", (600, 300), (120, 150, 170))
    picture.paste(draw_head("anna", 110), (20, 20))
    picture.paste(draw_head("ben", 250), (300, 25))
    box = find_face(picture)
    assert box is not None and box[0] > 300
    assert find_face(NOBODY) is None and find_faces(NOBODY) == []
    assert find_face(Image.new("RGB", (3, 1))) is None


def test_every_face_is_found_once_from_left_to_right() -> None:
    found = find_faces(draw_group(["ben", "anna", "cleo"]))
    assert len(found) == 3
    for n, box in enumerate(found):
        assert near(box, (260 * n + 60, 90, 260 * n + 200, 240), 35)


def test_threads_find_what_one_finds() -> None:
    pictures = [draw_person(person, seed) for person in PEOPLE for seed in range(6)]
    with ThreadPoolExecutor(4) as workers:
        assert list(workers.map(find_face, pictures)) == [find_face(p) for p in pictures]


def test_yunet_is_used_instead_if_given(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the test writes its detector with the package onnx")
    detector = write_yunet(tmp_path / "yunet.onnx")
    picture = Image.new("RGB", (640, 480))
    picture.paste((255, 255, 255), (192, 128, 320, 256))
    assert near(find_face(picture, detector), (192, 128, 320, 256), 36)
    assert len(find_faces(picture, detector)) >= 1
    assert find_face(Image.new("RGB", (320, 320)), detector) is None
    (tmp_path / "bad.onnx").write_bytes(b"no")
    with pytest.raises(BackboneError, match="expected a YuNet file"):
        find_face(picture, tmp_path / "bad.onnx")


def test_what_is_embedded_is_the_face_and_not_what_is_around_it() -> None:
    first, second = Image.new("RGB", (500, 300)), draw_noise(0, 600).resize((500, 300), 0)
    for picture, place in ((first, (20, 40)), (second, (250, 60))):
        picture.paste(draw_head("anna"), place)
    embedder = Embedder(crop="face")
    views = embedder.load_views(first)
    pixels, (box,), found = views.pixels, views.boxes, views.face_found
    assert found and pixels.shape == (1, 224, 224, 3)
    left, top, right, bottom = (v * side for v, side in zip(box, (500, 300) * 2, strict=True))
    assert near((left, top, right, bottom), (36, 60, 204, 240), 45)
    alike = np.dot(*embedder.embed([first, second]))
    assert alike > 0.85 > np.dot(*Embedder().embed([first, second])) + 0.1
    assert Embedder(crop="face", views=3).load_views(first).pixels.shape == (3, 224, 224, 3)


def test_a_picture_is_turned_upright_first(tmp_path: Path) -> None:
    picture = draw_person("ben", 1)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = ImageOps.exif_transpose(picture).rotate(90, expand=True)
    turned.save(tmp_path / "turned.png", exif=exif)
    embedder = Embedder(crop="face")
    np.testing.assert_allclose(
        embedder.embed_one(tmp_path / "turned.png"), embedder.embed_one(picture), atol=1e-6
    )


def test_a_picture_without_a_face(people: Path) -> None:
    views, whole = Embedder(crop="face").load_views(NOBODY), Embedder().load_views(NOBODY)
    pixels, boxes, found = views.pixels, views.boxes, views.face_found
    assert not found and boxes == whole.boxes
    np.testing.assert_array_equal(pixels, whole.pixels)
    with pytest.raises(NoFaceError, match="no face found in it"):
        Embedder(crop="face", no_face="skip").embed_one(NOBODY)
    images = [draw_person(person, seed) for person in PEOPLE for seed in range(3)] + [NOBODY]
    labels = [person for person in PEOPLE for _ in range(3)] + ["ben"]
    taken = FewShotClassifier(crop="face").fit(images, labels).artifact_
    expected = {"images": 10, "without": 1, "fraction": 0.1}
    assert count_faces(taken.preprocessing, taken.support, ()) == expected
    with pytest.warns(SkippedWarning, match="no face found"):
        skipping = FewShotClassifier(crop="face", no_face="skip").fit(images, labels)
    kept = skipping.artifact_
    assert len(kept.support.names) == 9
    assert count_faces(kept.preprocessing, kept.support, skipping.skipped_) == expected
    with pytest.raises(NoFaceError):
        skipping.classify(NOBODY)
    with pytest.raises(SupportError, match=r"no face found in .*; take them away"):
        FewShotClassifier(crop="face", no_face="error").fit(images, labels)
    assert count_faces(Preprocessing(), kept.support, ()) is None


def test_the_recipe_is_part_of_the_classifier(
    faces: FewShotClassifier, people: Path, tmp_path: Path
) -> None:
    loaded = FewShotClassifier.load(faces.save(tmp_path / "models"))
    assert loaded.artifact_.preprocessing.crop == "face" and loaded.crop == "face"
    for person in PEOPLE:
        answer = loaded.classify(draw_person(person, 50))
        assert answer == faces.classify(draw_person(person, 50)) and answer.label == person
    again = FewShotClassifier(crop="face").fit(people, reuse=tmp_path / "models")
    np.testing.assert_array_equal(
        again.artifact_.support.embeddings, faces.artifact_.support.embeddings
    )
    replayed = pickle.loads(pickle.dumps(loaded)).replay()
    np.testing.assert_allclose(replayed.probabilities, loaded.references_.probabilities, atol=1e-5)


def test_what_lacks_a_face_is_kept_through_lessons(people: Path, tmp_path: Path) -> None:
    first = FewShotClassifier(crop="face").fit(people)
    taught = first.partial_fit([NOBODY, draw_person("ben", 9)], ["ben", "ben"])
    (faceless,) = taught.artifact_.support.faceless
    taught = FewShotClassifier.load(taught.save(tmp_path / "models"))
    taught = taught.partial_fit([draw_person("ben", 10)], ["ben"])
    assert taught.artifact_.support.faceless == (faceless,)
    assert taught.remove(images=[NOBODY]).artifact_.support.faceless == ()


def test_the_detector_goes_with_the_classifier(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the test writes its detector with the package onnx")
    detector = write_yunet(tmp_path / "mine.onnx")
    images = [Image.new("RGB", (200, 200), (0, 0, v)) for v in (10, 60, 110, 160)]
    for image in images:
        ImageDraw.Draw(image).rectangle((70, 70, 133, 133), "white")
    fitted = FewShotClassifier(crop="face", detector=detector).fit(images, list("aabb"))
    file = fitted.save(tmp_path / "models")
    name = fitted.artifact_.preprocessing.detector
    assert name.startswith("mine-") and (file.parent / name).is_file()
    detector.unlink()
    loaded = FewShotClassifier.load(file)
    assert loaded.classify(images[0]) == loaded.classify(images[0])
    assert loaded.save(tmp_path / "other").parent.joinpath(name).is_file()
    with open(file.parent / name, "ab") as stream:
        stream.write(b"more")
    with pytest.raises(ArtifactError, match="not the detector that the classifier was fitted with"):
        FewShotClassifier.load(file)
    (file.parent / name).unlink()
    with pytest.raises(MissingFileError, match="finds faces with it"):
        FewShotClassifier.load(file)
    with pytest.raises(MissingFileError, match="no such detector"):
        FewShotClassifier(crop="face", detector=detector).fit(images, list("aabb"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"crop": "head"}, "crop is 'head'"),
        ({"no_face": "ask"}, "no_face is 'ask'"),
        ({"detector": "../a.onnx"}, "detector is '../a.onnx'"),
    ],
)
def test_recipes_that_cannot_be_followed_are_refused(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(Preprocessing(), **wrong)  # type: ignore[arg-type]


def test_every_face_is_answered_for(faces: FewShotClassifier) -> None:
    people = ["cleo", "anna", "ben", "anna"]
    answers = faces.classify_faces(draw_group(people))
    assert [answer.label for answer in answers] == people
    for n, answer in enumerate(answers):
        assert 260 * n < answer.box[0] < answer.box[2] <= 260 * (n + 1)
        assert max(answer.scores.values()) == answer.probability and set(answer.scores) == {*PEOPLE}
    assert faces.classify_faces(NOBODY) == ()


def test_a_classifier_of_whole_pictures_tells_no_faces(classifier: FewShotClassifier) -> None:
    with pytest.raises(UsageError, match="fewshot fit DATA --crop face"):
        classifier.classify_faces(NOBODY)


def test_faces_are_explained_where_they_are(faces: FewShotClassifier) -> None:
    picture = Image.new("RGB", (500, 300), (120, 150, 170))
    picture.paste(draw_head("anna"), (280, 60))
    (left, top, right, bottom), *_ = faces.explain(picture).boxes
    assert left > 0.5 and top > 0.15 and right <= 1 and bottom <= 1


def test_boxes_and_names_show_on_any_ground(faces: FewShotClassifier) -> None:
    picture = draw_group(["anna", "ben"])
    answers = faces.classify_faces(picture)
    drawn = draw_faces(picture, answers)
    assert max(drawn.size) == 640 and drawn.mode == "RGB"
    changed = np.asarray(drawn) != np.asarray(picture.resize(drawn.size, Image.Resampling.LANCZOS))
    scale = 640 / 520
    for answer in answers:
        left, top, right, bottom = (round(v * scale) for v in answer.box)
        assert changed[top : bottom + 1, left].any(axis=1).all()
        assert changed[top, left : right + 1].any(axis=1).all()
    assert draw_faces(draw("disc", 1), ()).size == (640, 640)


def test_without_opencv_the_message_says_what_to_install(
    faces: FewShotClassifier, tmp_path: Path
) -> None:
    faces.save(tmp_path / "models")
    draw_person("ben", 1).save(tmp_path / "ben.png")
    code = (
        "import sys; sys.modules['cv2'] = None\n"
        "from fewshot.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    for command in (
        ["classify", "ben.png", "--models", "models"],
        ["classify", "ben.png", "--models", "models", "--faces", "all"],
    ):
        ended = subprocess.run(
            [sys.executable, "-c", code, *command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert ended.returncode == 2 and ended.stdout == ""
        assert "pip install 'fewshot[faces]'" in ended.stderr and "Traceback" not in ended.stderr


def test_whole_pictures_are_classified_without_opencv(models: Path, tmp_path: Path) -> None:
    draw("disc", 1).save(tmp_path / "disc.png")
    code = (
        "import sys\n"
        "from fewshot.cli import main\n"
        "status = main(['classify', 'disc.png', '--models', sys.argv[1]])\n"
        "sys.exit(status or 'cv2' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(models)], cwd=tmp_path, check=True, timeout=120)


def test_a_detector_without_a_face_crop_is_not_kept(people: Path, tmp_path: Path) -> None:
    yunet = write_yunet(tmp_path / "yunet.onnx")
    fitted = FewShotClassifier(detector=yunet).fit(people)
    assert sorted(path.suffix for path in fitted.save(tmp_path / "m").parent.iterdir()) == [
        ".onnx",
        ".pkl",
    ]


def test_an_opencv_without_cascades_is_no_traceback(people: Path, tmp_path: Path) -> None:
    code = (
        "import sys, cv2; del cv2.data\nfrom fewshot.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, "fit", str(people), "--crop", "face"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 2 and "brings no cascades" in told.stderr, told.stderr
