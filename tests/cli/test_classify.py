"""Classifying from the command line."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from fewshot import FewShotClassifier
from tests.conftest import CLASSES, Run, draw, draw_face, draw_noise


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_an_image_a_line_and_neither_scikit_learn_nor_scipy(
    models: Path, query_folder: Path
) -> None:
    code = (
        "import sys; from fewshot.cli import main\n"
        "status = main(sys.argv[1:])\n"
        "print('loaded:', *sorted({m.split('.')[0] for m in sys.modules})); sys.exit(status)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, "classify", query_folder / "grid", "--models", models],
        capture_output=True,
        text=True,
        check=True,
    )
    answers, loaded = told.stdout.split("loaded: ")
    assert [line.split("  ")[1].split()[0] for line in answers.splitlines()] == ["grid"] * 3
    assert answers.startswith(f"{query_folder / 'grid' / '100.png'}  grid ")
    assert "onnxruntime" in loaded.split()
    assert not {"sklearn", "scipy", "threadpoolctl", "tensorflow", "tqdm"} & {*loaded.split()}


def test_json_has_these_keys(cli: Run, models: Path, query_folder: Path) -> None:
    answered = cli("classify", query_folder, "--models", models, "--json")
    answers = lines(answered.stdout)
    assert answered.returncode == 0 and len(answers) == 9
    for answer in answers:
        assert list(answer) == ["image", "label", "probability", "known", "scores"]
        assert answer["label"] == Path(str(answer["image"])).parent.name
        assert set(answer["scores"]) == set(CLASSES)  # type: ignore[call-overload]


def test_the_rest_is_answered_when_some_cannot_be_read(
    cli: Run, models: Path, tmp_path: Path
) -> None:
    draw("disc", 5).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no")
    answered = cli("classify", "bad.png", "good.png", "gone.png", "--models", models)
    assert answered.returncode == 1
    assert [line.split("  ")[0] for line in answered.stdout.splitlines()] == ["good.png"]
    assert "fewshot: bad.png: not an image" in answered.stderr
    assert "fewshot: gone.png: no such file" in answered.stderr
    answers = lines(cli("classify", "bad.png", "*d.png", "--models", models, "--json").stdout)
    assert [sorted(answer) for answer in answers[:2]] == [["error", "image"]] * 2
    assert answers[2]["image"] == "good.png"


def test_top_k(cli: Run, models: Path, query_folder: Path) -> None:
    image = query_folder / "disc" / "100.png"
    told = cli("classify", image, "--top", 2, "--models", models).stdout
    assert told.split("  ")[1].startswith("disc ") and len(told.split("  ")) == 3
    answer = lines(cli("classify", image, "--top", 2, "--models", models, "--json").stdout)[0]
    assert len(answer["scores"]) == 2  # type: ignore[arg-type]


def test_unknown_is_said(cli: Run, models: Path, tmp_path: Path) -> None:
    draw_face().save(tmp_path / "odd.png")
    told = cli("classify", "odd.png", FEWSHOT_MODELS=str(models)).stdout
    assert told.startswith("odd.png  unknown (closest: ")
    assert (
        json.loads(cli("classify", "odd.png", "--models", models, "--json").stdout)["known"]
        is False
    )


def test_is_it_answers_yes_or_no(
    cli: Run, models: Path, query_folder: Path, tmp_path: Path
) -> None:
    disc, grid = (query_folder / label / "100.png" for label in CLASSES[:2])
    draw_face().save(tmp_path / "face.png")

    def ask(*arguments: object) -> subprocess.CompletedProcess[str]:
        return cli("classify", *arguments, "--models", models)

    told = ask(disc, "--is", "disc")
    assert told.returncode == 0 and told.stdout.startswith(f"{disc}  yes 1.00")
    told = ask(disc, grid, "face.png", "--is", "disc")
    assert told.returncode == 3
    _, other, unknown = told.stdout.splitlines()
    assert re.fullmatch(r".*  no 0\.\d\d \(grid [01]\.\d\d\)", other)
    assert re.fullmatch(r"face\.png  no 0\.\d\d \(unknown, closest: \w+\)", unknown)
    answers = lines(ask(disc, grid, "--is", "grid", "--json").stdout)
    assert [(answer["asked"], answer["yes"]) for answer in answers] == [
        ("grid", False),
        ("grid", True),
    ]
    assert ask("gone.png", grid, "--is", "disc").returncode == 1
    refused = ask(disc, "--is", "dics")
    assert refused.returncode == 2 and refused.stdout == "" and "no class 'dics'" in refused.stderr


def test_is_it_with_one_class_and_negatives(
    cli: Run, support_folder: Path, query_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(support_folder / "disc", tmp_path / "data" / "disc")
    assert cli("fit", "data", "--negatives", support_folder / "grid").returncode == 0
    assert cli("classify", support_folder / "disc" / "00.png", "--is", "disc").returncode == 0
    assert cli("classify", query_folder / "grid" / "100.png", "--is", "disc").returncode == 3


def test_correct_learns_from_a_mistake(cli: Run, folder: Path, tmp_path: Path) -> None:
    draw_face().save(tmp_path / "face.png")
    told = cli("classify", "face.png", "--correct", "face")
    assert told.returncode == 0
    answer, change, *_ = told.stdout.splitlines()
    assert answer.startswith("face.png  unknown (closest: ") and change == "face 0 -> 1 (new)"
    again = cli("classify", "face.png", "missing.png", "--correct", "disc", "--json")
    first, failed, last = (json.loads(line) for line in again.stdout.splitlines())
    assert again.returncode == 1 and "no such file" in failed["error"]
    assert first["label"] == "face" and last["classes"] == {"disc": [4, 5], "face": [1, 0]}
    assert FewShotClassifier.load(folder).classify(tmp_path / "face.png").label == "disc"
    nothing = cli("classify", "missing.png", "--correct", "disc")
    assert nothing.returncode == 1 and nothing.stdout == ""


def test_why_names_the_nearest_images(
    cli: Run, folder: Path, support_folder: Path, tmp_path: Path
) -> None:
    image = support_folder / "grid" / "03.png"
    told = cli("classify", image, "--why").stdout.splitlines()
    assert told[1] == "  1.000  grid  grid/03.png" and len(told) == 5
    assert told[4].startswith("  nearest image of another class: ")
    draw_noise(0).save(tmp_path / "noise.png")
    told = cli("classify", "noise.png", "--why").stdout.splitlines()
    assert told[1] == "  not similar enough to any class; nearest images:"
    answer = json.loads(cli("classify", image, "--why", "--json").stdout)
    assert list(answer) == ["image", "label", "probability", "known", "scores", "evidence"]
    assert answer["evidence"]["nearest"][0]["image"] == "grid/03.png"
    assert answer["evidence"]["other"]["label"] in ("disc", "stripes")
    assert "evidence" not in json.loads(cli("classify", image, "--json").stdout)


def test_an_exported_file_cannot_be_corrected_or_asked_why(cli: Run, tmp_path: Path) -> None:
    draw("disc", 0).save(tmp_path / "a.png")
    for option in (["--why"], ["--correct", "disc"]):
        told = cli("classify", "a.png", *option, "--models", "classifier.onnx")
        assert told.returncode == 2 and "give the folder it was exported from" in told.stderr


def test_a_reader_that_leaves_early_is_no_error(models: Path, query_folder: Path) -> None:
    command = [sys.executable, "-m", "fewshot", "classify", query_folder, "--models", models]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 0 and process.stderr.read() == b""
