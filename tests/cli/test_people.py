"""Recognising people from the command line, by a network that tells drawn people well apart."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot import read_artifact
from fewshot.artifact.safe_pickle import pickle_sealed, unpickle_sealed
from tests.conftest import Floats, Run, draw
from tests.helpers.drawn_faces import PEOPLE, draw_group, draw_head, draw_person, write_people
from tests.helpers.face_networks import write_colour_embedder

GROUND = (120, 150, 170)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_colour_embedder(tmp_path_factory.mktemp("network") / "colour.onnx")


@pytest.fixture
def fit(cli: Run, network: Path, tmp_path: Path) -> Run:
    """Write anna and ben into data/, and fit on them, or on what a test makes of them."""
    write_people(tmp_path / "people", 4)
    (tmp_path / "data").mkdir()
    for person in ("anna", "ben"):
        shutil.copytree(tmp_path / "people" / person, tmp_path / "data" / person)

    def run(*options: object) -> object:
        return cli("fit", "data", "--crop", "face", "--backbone", network, *options)

    return run


def together(large: str, small: str, seed: int = 90) -> Image.Image:
    """Draw two people of whom one is nearer."""
    image = Image.new("RGB", (520, 360), GROUND)
    image.paste(draw_head(large, 320, seed, GROUND), (0, 20))
    image.paste(draw_head(small, 180, seed, GROUND), (330, 150))
    return image


def embedding_of(image: str, tmp_path: Path) -> Floats:
    support = read_artifact(tmp_path / "models").support
    return support.embeddings[support.names.index(image)]


def like(image: str, tmp_path: Path) -> str:
    """Say which person a training image was taken for."""
    embedding, support = embedding_of(image, tmp_path), read_artifact(tmp_path / "models").support
    nearest = {
        person: max(
            float(support.embeddings[i] @ embedding)
            for i, name in enumerate(support.names)
            if name.startswith(f"{person}/0")
        )
        for person in ("anna", "ben")
    }
    return max(nearest, key=lambda person: nearest[person])


def test_other_people_are_unknown_until_they_are_added(cli: Run, fit: Run, tmp_path: Path) -> None:
    assert fit().returncode == 0
    for person in PEOPLE:
        draw_person(person, 50).save(tmp_path / f"{person}.png")
    images = ["anna.png", "ben.png", "cleo.png"]
    told = cli("classify", *images).stdout.splitlines()
    assert [line.split("  ")[1].split()[0] for line in told] == ["anna", "ben", "unknown"]
    asked = cli("classify", "cleo.png", "--is", "ben")
    assert asked.returncode == 3 and asked.stdout.startswith("cleo.png  no ")
    assert cli("classify", "anna.png", "--is", "anna").returncode == 0
    added = cli("add", "--label", "cleo", tmp_path / "people" / "cleo" / "00.png")
    assert added.stdout.startswith("cleo 0 -> 1 (new)\n")
    told = cli("classify", *images).stdout.splitlines()
    assert [line.split("  ")[1].split()[0] for line in told] == ["anna", "ben", "cleo"]
    assert cli("undo").returncode == 0
    assert "  unknown (" in cli("classify", "cleo.png").stdout


def test_check_names_another_person_and_somebody_who_is_none(
    cli: Run, fit: Run, tmp_path: Path
) -> None:
    draw_person("ben", 60).save(tmp_path / "data" / "anna" / "wrong.png")
    draw_person("cleo", 60).save(tmp_path / "data" / "ben" / "stranger.png")
    assert "check: 1 label may be wrong, 1 image is unlike the rest" in fit().stdout
    told = cli("check", "data")
    wrong, stranger = Path("data/anna/wrong.png"), Path("data/ben/stranger.png")
    assert told.returncode == 1
    assert f"{wrong}: labelled anna, looks like ben (1.00); look at it" in told.stdout
    assert f"{stranger}: unlike the other images of ben, and like no other class" in told.stdout
    assert len(told.stdout.splitlines()) == 3
    assert cli("relabel", "anna/wrong.png", "ben").returncode == 0
    assert cli("remove", "--image", "ben/stranger.png").returncode == 0
    wrong.rename("data/ben/wrong.png")
    stranger.unlink()
    assert cli("check", "data").stdout == "9 images of 2 classes: nothing found\n"


def test_the_face_that_is_meant_is_used_and_fit_says_so(cli: Run, fit: Run, tmp_path: Path) -> None:
    together("ben", "anna").save(tmp_path / "data" / "anna" / "both.png")
    told = fit()
    assert "\nin 1 image with several faces, another than the largest was used" in told.stdout
    assert like("anna/both.png", tmp_path) == "anna"
    # The same image is of both: each gets its own face, also when the fit is repeated.
    shutil.copy(tmp_path / "data" / "anna" / "both.png", tmp_path / "data" / "ben" / "both.png")
    for _ in range(2):
        assert json.loads(fit("--json").stdout)["classes"] == {"anna": 5, "ben": 5}
        assert like("anna/both.png", tmp_path) == "anna"
        assert like("ben/both.png", tmp_path) == "ben"


def test_an_image_that_is_moved_to_another_person_is_of_that_persons_face(
    cli: Run, fit: Run, tmp_path: Path
) -> None:
    together("ben", "anna").save(tmp_path / "data" / "anna" / "both.png")
    assert fit().returncode == 0
    Path("data/anna/both.png").rename("data/ben/both.png")
    assert fit().returncode == 0
    assert like("ben/both.png", tmp_path) == "ben"


def test_what_is_added_is_compared_with_what_is_there(cli: Run, fit: Run, tmp_path: Path) -> None:
    assert fit().returncode == 0
    together("ben", "anna").save(tmp_path / "both.png")
    assert cli("add", "--label", "anna", "both.png").stdout.startswith("anna 4 -> 5\n")
    assert like("both.png", tmp_path) == "anna"
    told = cli("classify", "both.png", "--correct", "ben").stdout
    assert "anna 5 -> 4, ben 4 -> 5" in told
    assert like("both.png", tmp_path) == "ben"
    assert cli("classify", "both.png", "--correct", "ben").stdout.endswith("nothing changed\n")


def test_is_looks_at_every_face_and_small_ones_too(cli: Run, fit: Run, tmp_path: Path) -> None:
    assert fit().returncode == 0
    together("ben", "anna").save(tmp_path / "both.png")
    far = Image.new("RGB", (2400, 1600), GROUND)
    far.paste(draw_head("anna", 55, 1, GROUND), (1700, 300))
    far.save(tmp_path / "far.png")
    assert cli("classify", "both.png").stdout.startswith("both.png  ben ")
    assert cli("classify", "far.png").stdout == "far.png  unknown (no face found)\n"
    for image in ("both.png", "far.png"):
        told = cli("classify", image, "--is", "anna")
        assert told.returncode == 0 and told.stdout.startswith(f"{image}  yes ")
    assert cli("classify", "far.png", "--is", "ben").returncode == 3
    faces = json.loads(cli("classify", "far.png", "--all-faces", "--json").stdout)["faces"]
    assert [face["label"] for face in faces] == ["anna"]


def test_one_person_is_enough(cli: Run, network: Path, tmp_path: Path) -> None:
    write_people(tmp_path / "people", 3)
    told = cli("fit", "people/anna", "--crop", "face", "--backbone", network)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("1 class: anna 3\n")
    assert "held-out accuracy: none with one class; 3 of 3 images recognised" in told.stdout
    assert "; target 0.95)\n" in told.stdout and "\ncheck: " not in told.stdout
    draw_person("anna", 70).save(tmp_path / "anna.png")
    draw_person("ben", 70).save(tmp_path / "ben.png")
    assert cli("classify", "anna.png", "--is", "anna").returncode == 0
    assert cli("classify", "ben.png", "--is", "anna").returncode == 3
    assert cli("classify", "ben.png").stdout == "ben.png  unknown (closest: anna)\n"
    assert "none with one class; 3 of 3" in cli("info").stdout
    measured = cli("evaluate")
    assert measured.returncode == 0
    assert "accuracy           none with one class, of 3 images" in measured.stdout
    assert cli("verify", "models").returncode == 0
    (tmp_path / "single").mkdir()
    draw_person("cleo", 1).save(tmp_path / "single" / "1.png")
    told = cli("fit", "single", "--crop", "face", "--backbone", network, "-o", "other")
    assert "held-out accuracy: not measured" in told.stdout
    draw_person("cleo", 2).save(tmp_path / "cleo.png")
    assert cli("classify", "cleo.png", "--models", "other", "--is", "single").returncode == 0


def test_evaluate_and_report_on_people(cli: Run, fit: Run, network: Path, tmp_path: Path) -> None:
    pytest.importorskip("jinja2", reason="a report needs jinja2")
    assert fit().returncode == 0
    test = write_people(tmp_path / "test", 2, first=80)
    draw("disc", 1).save(test / "ben" / "none.png")
    measured = cli("evaluate", "--test", test)
    assert measured.returncode == 1 and "none.png: no face found" in measured.stderr
    assert "accuracy           1.000" in measured.stdout
    assert "unknown classes    1.000 of 2 images of other classes called unknown" in measured.stdout
    assert cli("report", "--data", "data").returncode == 0
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "anna" in page and "none with one class" not in page
    curve = json.loads(cli("evaluate", "--shots", "1,2", "--json").stdout)["curve"]
    assert [point["accuracy"] for point in curve] == [1, 1]
    one = cli("fit", "data/anna", "--crop", "face", "--backbone", network, "-o", "one")
    assert one.returncode == 0
    assert cli("report", "--models", "one", "-o", "one.html").returncode == 0


def test_images_without_a_face_are_named(cli: Run, fit: Run, tmp_path: Path) -> None:
    for n in range(7):
        draw("disc", n).save(tmp_path / "data" / "ben" / f"none{n}.png")
    told = fit("--no-face", "whole", "--json")
    assert len(json.loads(told.stdout)["faces"]["names"]) == 7
    told = fit("--no-face", "whole")
    assert "no face found in 7 of 15 images, used whole: ben/none0.png, " in told.stdout
    assert ", 2 more\n" in told.stdout


def test_a_classifier_whose_faces_opencv_found_is_refused_with_the_way_out(
    cli: Run, fit: Run, tmp_path: Path
) -> None:
    assert fit().returncode == 0
    file = tmp_path / "models" / "classifier.pkl"
    record = unpickle_sealed(file.read_bytes())
    assert isinstance(record, dict) and record["preprocessing"]["crop"] == "face"
    del record["backbone"]["same_person"]
    file.write_bytes(pickle_sealed({**record, "format": 3}))
    draw_person("anna", 1).save(tmp_path / "anna.png")
    for command in (
        ["classify", "anna.png"],
        ["add", "--label", "anna", "anna.png"],
        ["verify", "models"],
    ):
        told = cli(*command)
        assert (told.returncode, told.stdout) == (2, "") and told.stderr.count("\n") == 1
        assert "found by OpenCV" in told.stderr and "fewshot fit DATA --crop face" in told.stderr
    assert cli("info").returncode == 0
    assert fit().returncode == 0 and cli("classify", "anna.png").stdout.startswith("anna.png  anna")


def test_people_in_a_process_of_its_own(fewshot: Run, tmp_path: Path) -> None:
    write_people(tmp_path / "people", 2)
    draw_group(["ben", "anna"]).save(tmp_path / "group.png")
    told = fewshot("fit", "people", "--crop", "face")
    assert (told.returncode, told.stderr) == (0, "")
    assert "\na face found in each of 6 images\n" in told.stdout
    names = ["classifier.pkl", "face_detector.onnx", "face_resnet.onnx"]
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == names
    told = fewshot("classify", "group.png", "--all-faces", "--annotate", "named.png")
    assert (told.returncode, told.stderr) == (0, "")
    assert len(told.stdout.splitlines()) == 3 and (tmp_path / "named.png").is_file()
    with Image.open(tmp_path / "named.png") as drawn:
        assert (np.asarray(drawn) == (255, 210, 31)).all(axis=2).any()
