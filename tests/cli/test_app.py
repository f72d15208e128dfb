"""The command line, run as a user runs it: real processes, files, exit codes and streams."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fewshot.cli import main
from fewshot.cli.parser import build_parser
from fewshot.heads import linear as heads
from tests.conftest import CLASSES, Run, draw, draw_face, draw_noise, write_set

COMMANDS = tuple(
    "capture fit add remove relabel rename undo classify explain check evaluate report export "
    "verify benchmark info backbones demo".split()
)


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_fit_says_what_it_did_and_what_to_type_next(
    fewshot: Run, support_folder: Path, query_folder: Path, tmp_path: Path
) -> None:
    fitted = fewshot("fit", support_folder)
    assert (fitted.returncode, fitted.stderr) == (0, "")
    assert "3 classes: disc 4, grid 4, stripes 4" in fitted.stdout
    assert "12 images used, 0 skipped" in fitted.stdout
    assert "held-out accuracy: 1.00 (95 % interval 0.76 to 1.00; 12 of 12 images" in fitted.stdout
    assert sorted(os.listdir(tmp_path / "models")) == ["classifier.pkl", "mobilenet_v2.onnx"]
    assert fitted.stdout.splitlines()[-1] == "next: fewshot classify IMAGE"

    answered = fewshot("classify", query_folder / "grid" / "100.png")
    assert answered.returncode == 0
    assert answered.stdout.startswith(f"{query_folder / 'grid' / '100.png'}  grid ")


def test_fit_json_and_output_folder(fewshot: Run, support_folder: Path, tmp_path: Path) -> None:
    fitted = fewshot("fit", support_folder, "-o", "some where", "--head", "centroid", "--json")
    summary = json.loads(fitted.stdout)
    assert summary["classes"] == dict.fromkeys(CLASSES, 4)
    assert summary["head"] == "centroid" and summary["skipped"] == []
    assert Path(summary["file"]) == Path("some where", "classifier.pkl")
    assert (tmp_path / "some where" / "classifier.pkl").is_file()
    told = fewshot("fit", support_folder, "-o", "some where").stdout.splitlines()[-1]
    assert told == "next: fewshot classify --models 'some where' IMAGE"


def test_fit_reports_what_it_skips_and_exits_1(fewshot: Run, tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", 2)
    (data / "disc" / "bad.jpg").write_bytes(b"")
    fitted = fewshot("fit", "data")
    assert fitted.returncode == 1
    assert fitted.stderr == (
        f"fewshot: skipped {Path('data/disc/bad.jpg')}: empty file (0 bytes)\n"
    )
    assert "6 images used, 1 skipped" in fitted.stdout
    assert (tmp_path / "models" / "classifier.pkl").is_file()


def test_classify_json_has_these_keys(fewshot: Run, models: Path, query_folder: Path) -> None:
    answered = fewshot("classify", query_folder, "--models", models, "--json")
    answers = lines(answered.stdout)
    assert answered.returncode == 0 and len(answers) == 9
    for answer in answers:
        assert list(answer) == ["image", "label", "probability", "known", "scores"]
        assert answer["label"] == Path(str(answer["image"])).parent.name
        assert set(answer["scores"]) == set(CLASSES)  # type: ignore[call-overload]


def test_classify_answers_the_rest_when_some_cannot_be_read(
    fewshot: Run, models: Path, tmp_path: Path
) -> None:
    draw("disc", 5).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no")
    answered = fewshot("classify", "bad.png", "good.png", "gone.png", "--models", models)
    assert answered.returncode == 1
    assert [line.split("  ")[0] for line in answered.stdout.splitlines()] == ["good.png"]
    assert "bad.png: not an image" in answered.stderr
    assert "gone.png: no such file" in answered.stderr
    answers = lines(fewshot("classify", "bad.png", "*d.png", "--models", models, "--json").stdout)
    assert [sorted(answer) for answer in answers[:2]] == [["error", "image"]] * 2
    assert answers[2]["image"] == "good.png"


def test_top_k(fewshot: Run, models: Path, query_folder: Path) -> None:
    image = query_folder / "disc" / "100.png"
    told = fewshot("classify", image, "--top", 2, "--models", models).stdout
    assert told.split("  ")[1].startswith("disc ") and len(told.split("  ")) == 3
    answer = lines(fewshot("classify", image, "--top", 2, "--models", models, "--json").stdout)[0]
    assert len(answer["scores"]) == 2  # type: ignore[arg-type]


def test_unknown_is_said(fewshot: Run, models: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.blend(draw("disc", 7), draw("grid", 7), 0.5).save(tmp_path / "odd.png")
    told = fewshot("classify", "odd.png", "--models", models).stdout
    assert told.startswith("odd.png  unknown (closest: ")
    assert (
        lines(fewshot("classify", "odd.png", "--models", models, "--json").stdout)[0]["known"]
        is False
    )


def test_info(fewshot: Run, models: Path) -> None:
    told = fewshot("info", "--models", models)
    assert told.returncode == 0
    assert "3 classes: disc 4, grid 4, stripes 4" in told.stdout
    assert "mobilenet_v2.onnx" in told.stdout and "0 negatives" in told.stdout
    assert "turns away about 5% of genuine images" in told.stdout and "views: 1" in told.stdout
    summary = json.loads(fewshot("info", "--json", FEWSHOT_MODELS=str(models)).stdout)
    assert summary["format"] == 3 and summary["backbone"]["dim"] == 1280


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["classify", "x.png"], "models.classifier.pkl: no classifier there; make one with"),
        (["info"], "no classifier there"),
        (["fit", "nowhere"], "nowhere: no such folder"),
        (["fit", "one"], "only one class, 'cat'; .* needs two or more"),
        (["fit", "one", "--backbone", "resnet"], "only one class"),
        (["fit", "one", "--head", "forest"], "invalid choice: 'forest'"),
        (["fit", "two", "--views", "9"], "views is 9; expected 1 to 8"),
        (["fit", "two", "--views", "0"], "'0' is not a number of 1 or more"),
        (["fit", "two", "--reject-rate", "1"], "reject rate is 1.0; expected 0 to 1"),
        (["fit", "two", "--negatives", "nowhere"], "nowhere: no images found"),
        (["evaluate", "one"], "only one class"),
        (
            ["evaluate", "two"],
            "no class has two different images, so none can be held out .* --test",
        ),
        (["evaluate", "two", "--test", "nowhere"], "nowhere: no such folder"),
        (["evaluate", "two", "--test", "empty"], "empty"),
        (["evaluate", "two", "--test", "bad"], "bad"),
        (["fit", "bad"], "class 'cat': none of its 1 images could be read"),
        (["evaluate", "two", "--episodes", "2"], "0 classes have more than 5 images; .* --way"),
        (["evaluate", "two", "--test", "two", "--shots", "1,x"], "'x' is not a number"),
        (["evaluate", "two", "--test", "two", "--shots", "1"], "the smallest class has 1 images"),
        (["classify", "x.png", "--top", "0"], "'0' is not a number of 1 or more"),
        (["classify"], "the following arguments are required: IMAGE"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        ([], "required: COMMAND"),
    ],
)
def test_when_nothing_can_be_done_it_exits_2_with_one_line(
    fewshot: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    for folder in ("one/cat", "two/cat", "two/dog", "bad/cat", "bad/dog", "empty"):
        (tmp_path / folder).mkdir(parents=True)
        if folder.startswith("bad"):
            (tmp_path / folder / "1.png").write_bytes(b"no")
        elif folder != "empty":
            draw("disc" if folder.endswith("cat") else "grid", 0).save(tmp_path / folder / "1.png")
    failed = fewshot(*arguments)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert re.search(message, failed.stderr), failed.stderr
    assert "Traceback" not in failed.stderr
    assert len([line for line in failed.stderr.splitlines() if "fewshot" in line[:8]]) == 1


def test_fit_with_negatives_views_and_a_reject_rate(
    fewshot: Run, support_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "no").mkdir()
    for seed in range(4):
        draw_noise(seed).save(tmp_path / "no" / f"{seed}.png")
    fitted = fewshot(
        *("fit", support_folder, "--negatives", "no", "--views", 2, "--reject-rate", 0.1, "--json")
    )
    summary = json.loads(fitted.stdout)
    assert fitted.returncode == 0 and summary["negatives"] == 4
    assert summary["preprocessing"]["views"] == 2 and summary["reject_rate"] == 0.1
    assert summary["classes"] == dict.fromkeys(CLASSES, 4)
    told = fewshot("info").stdout
    assert "12 and 4 negatives" in told and "views: 2" in told and "about 10% of genuine" in told
    draw_noise(9).save(tmp_path / "noise.png")
    assert fewshot("classify", "noise.png").stdout.startswith("noise.png  unknown (closest: ")


def test_one_class_and_negatives_fit(fewshot: Run, support_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(support_folder / "disc", tmp_path / "data" / "disc")
    fitted = fewshot("fit", "data", "--negatives", support_folder / "grid")
    assert fitted.returncode == 0 and "1 class: disc 4" in fitted.stdout
    told = fewshot("classify", support_folder / "disc", support_folder / "grid").stdout
    verdicts = [line.split("  ")[1].split()[0] for line in told.splitlines()]
    assert verdicts[4:] == ["unknown"] * 4 and verdicts[:4].count("disc") >= 3


def test_is_it_answers_yes_or_no(
    fewshot: Run, models: Path, query_folder: Path, tmp_path: Path
) -> None:
    disc, grid = (query_folder / label / "100.png" for label in CLASSES[:2])
    draw_face().save(tmp_path / "face.png")

    def ask(*arguments: object) -> subprocess.CompletedProcess[str]:
        return fewshot("classify", *arguments, "--models", models)

    told = ask(disc, "--is", "disc")
    assert told.returncode == 0 and told.stdout.startswith(f"{disc}  yes 1.00")
    told = ask(disc, grid, "face.png", "--is", "disc")
    assert told.returncode == 3
    _, other, unknown = told.stdout.splitlines()
    assert re.fullmatch(r".*  no 0\.\d\d \(grid [01]\.\d\d\)", other)
    assert re.fullmatch(r"face\.png  no 0\.\d\d \(unknown, closest: .* 0\.\d\d\)", unknown)
    answers = lines(ask(disc, grid, "--is", "grid", "--json").stdout)
    assert [(answer["asked"], answer["yes"]) for answer in answers] == [
        ("grid", False),
        ("grid", True),
    ]
    assert ask("gone.png", grid, "--is", "disc").returncode == 1
    refused = ask(disc, "--is", "dics")
    assert refused.returncode == 2 and refused.stdout == "" and "no class 'dics'" in refused.stderr


def test_is_it_with_one_class_and_negatives(
    fewshot: Run, support_folder: Path, query_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(support_folder / "disc", tmp_path / "data" / "disc")
    assert fewshot("fit", "data", "--negatives", support_folder / "grid").returncode == 0
    assert fewshot("classify", support_folder / "disc" / "00.png", "--is", "disc").returncode == 0
    assert fewshot("classify", query_folder / "grid" / "100.png", "--is", "disc").returncode == 3


EVALUATION = (
    "protocol images correct accuracy accuracy_low accuracy_high balanced_accuracy "
    "calibration_error log_loss reject_rate false_rejection_rate ood_images ood_rejection_rate "
    "classes confusion mistakes"
).split()


def strictly(text: str) -> dict[str, object]:
    """Read JSON as others do, who know no NaN."""
    found: dict[str, object] = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    return found


def test_evaluate(fewshot: Run, support_folder: Path, models: Path, tmp_path: Path) -> None:
    told = fewshot("evaluate", support_folder)
    assert (told.returncode, told.stderr) == (0, "")
    rows = told.stdout.splitlines()
    assert rows[0] == "leave-one-out"
    assert re.fullmatch(r"accuracy +1\.000 \(95 % interval 0\.758 to 1\.000; 12 of 12\)", rows[1])
    assert re.search(r"^false rejections .* \(asked for: 0\.05\)$", told.stdout, re.MULTILINE)
    assert re.search(r"^unknown classes +\d\.\d{3} of 12 images", told.stdout, re.MULTILINE)
    assert re.search(r"^disc +4 +1\.00 +1\.00$", told.stdout, re.MULTILINE)
    assert rows[-3:] == ["4 . .", ". 4 .", ". . 4"] and "confusion" in rows[-4]
    assert "-0.000" not in told.stdout
    before = (models / "classifier.pkl").read_bytes()
    found = strictly(fewshot("evaluate", support_folder, "--models", models, "--json").stdout)
    assert list(found) == EVALUATION and found["ood_images"] == 12
    assert (models / "classifier.pkl").read_bytes() == before and os.listdir(tmp_path) == []


def test_evaluate_on_other_images(
    fewshot: Run, support_folder: Path, query_folder: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(query_folder, tmp_path / "other")
    (other / "face").mkdir()
    draw_face().save(other / "face" / "1.png")
    shutil.copy(other / "disc" / "100.png", other / "grid" / "wrong.png")
    command = ("evaluate", support_folder, "--test", "other")
    told = fewshot(*command)
    assert told.returncode == 0 and told.stdout.startswith("other, 11 images\n")
    assert "unknown classes    1.000 of 1 images of other classes called unknown" in told.stdout
    assert told.stdout.splitlines()[-1].startswith("grid/wrong.png  grid taken for disc ")
    (other / "disc" / "bad.png").write_bytes(b"no")
    told = fewshot(*command, "--json")
    found = strictly(told.stdout)
    assert told.returncode == 1 and told.stderr.startswith("fewshot: skipped ")
    assert (found["images"], found["correct"], found["ood_images"]) == (10, 9, 1)
    assert [m["image"] for m in found["mistakes"]] == ["grid/wrong.png"]  # type: ignore[attr-defined]
    assert os.listdir(tmp_path) == ["other"]


def test_evaluate_by_episodes_and_shots(fewshot: Run, support_folder: Path, tmp_path: Path) -> None:
    told = fewshot("evaluate", support_folder, "--episodes", 3, "--way", 2, "--shot", 2)
    assert told.returncode == 0 and told.stdout.startswith("3 episodes, 2-way 2-shot\naccuracy ")
    told = fewshot("evaluate", support_folder, "--shots", "3,1,9")
    assert told.returncode == 0
    assert re.search(r"per class and accuracy\n +1  [01]\.\d{3}\n +3  [01]\.\d{3}", told.stdout)
    found = strictly(fewshot("evaluate", support_folder, "--shots", "3,1,9", "--json").stdout)
    assert list(found) == [*EVALUATION, "curve", "wanted"]
    assert [point["shots"] for point in found["curve"]] == [1, 3]  # type: ignore[attr-defined]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("odd", [("--episodes", 1, "--way", 2), ("--episodes", 2, "--way", 1)])
def test_odd_episodes_are_measured_or_refused(
    odd: tuple[object, ...], fewshot: Run, support_folder: Path
) -> None:
    told = fewshot("evaluate", support_folder, *odd, "--shot", 2, "--json")
    assert told.returncode in (0, 2) and "Traceback" not in told.stderr
    if told.returncode == 0:
        strictly(told.stdout)


def test_a_classifier_that_cannot_be_used_exits_2(
    fewshot: Run, models: Path, tmp_path: Path, support_folder: Path
) -> None:
    folder = shutil.copytree(models, tmp_path / "copy")
    malicious = b"cposix\nsystem\n(S'touch hacked'\ntR."
    (folder / "classifier.pkl").write_bytes(malicious + hashlib.sha256(malicious).digest())
    for arguments in (["classify", "x.png"], ["info"], ["fit", str(support_folder)]):
        failed = fewshot(*arguments, "--models", folder)
        assert failed.returncode == 2 and "refused: it names posix.system" in failed.stderr
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_reads_well_and_loads_no_library(arguments: list[str]) -> None:
    code = (
        "import sys; from fewshot.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print('loaded:', *sorted({m.split('.')[0] for m in sys.modules}))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    text, loaded = told.stdout.split("loaded: ")
    assert text.startswith("usage: fewshot") and max(map(len, text.splitlines())) <= 100
    assert not {"onnxruntime", "numpy", "PIL", "sklearn", "tqdm"} & set(loaded.split())


def test_classify_imports_neither_scikit_learn_nor_scipy(models: Path, query_folder: Path) -> None:
    code = (
        "import sys; from fewshot.cli import main\n"
        "status = main(sys.argv[1:])\n"
        "print('loaded:', *sorted({m.split('.')[0] for m in sys.modules})); sys.exit(status)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, "classify", query_folder, "--models", models],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(told.stdout.split("loaded: ")[1].split())
    assert "onnxruntime" in loaded
    assert not {"sklearn", "scipy", "threadpoolctl", "tensorflow", "tqdm"} & loaded


def test_names_of_any_script_reach_the_output(fewshot: Run, tmp_path: Path) -> None:
    for i, name in enumerate(["naïve café", "猫 🐈"]):
        (tmp_path / "data" / name).mkdir(parents=True)
        draw(CLASSES[i], i).save(tmp_path / "data" / name / "é.png")
    assert "naïve café 1, 猫 🐈 1" in fewshot("fit", "data").stdout
    answer = lines(fewshot("classify", "data/猫 🐈/é.png", "--json").stdout)[0]
    assert (answer["label"], Path(str(answer["image"]))) == ("猫 🐈", Path("data/猫 🐈/é.png"))
    ascii_only = fewshot("classify", "data", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert ascii_only.returncode == 0 and r"\u732b" in ascii_only.stdout


def test_a_reader_that_leaves_early_is_no_error(models: Path, query_folder: Path) -> None:
    command = [sys.executable, "-m", "fewshot", "classify", query_folder, "--models", models]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 0 and process.stderr.read() == b""


def test_demo_shows_the_whole_thing(fewshot: Run, tmp_path: Path) -> None:
    shown = fewshot("demo")
    assert (shown.returncode, shown.stderr) == (0, "")
    commands = [line[2:].split()[:2] for line in shown.stdout.splitlines() if line[:2] == "$ "]
    assert commands == [["fewshot", "fit"], ["fewshot", "classify"], ["fewshot", "info"]]
    again = json.loads(fewshot("demo", "--json").stdout)
    assert again["query"] == 200 and 0.8 < again["accuracy"] < 1
    assert f"{again['accuracy']:.2f}" in shown.stdout.splitlines()[-1]
    (tmp_path / "mine" / "support").mkdir(parents=True)
    refused = fewshot("demo", "mine")
    assert refused.returncode == 2 and "in use for something else" in refused.stderr


def test_every_command_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (commands,) = (action.choices for action in build_parser()._actions if action.choices)
    assert tuple(commands) == COMMANDS
    for command in COMMANDS:
        assert f"fewshot {command}" in readme


def test_the_heads_on_offer_are_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    assert f"{{{','.join(heads.HEADS)}}}" in capsys.readouterr().out
