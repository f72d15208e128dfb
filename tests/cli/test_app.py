"""Dispatch: help, the table of commands, errors and exit codes that no single command owns."""

import hashlib
import json
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from fewshot.backbones import find
from fewshot.cli import options
from fewshot.cli.app import COMMANDS
from fewshot.export.precision import PRECISIONS
from fewshot.heads.linear import HEADS, PROTOTYPE
from fewshot.images.preprocessing import Preprocessing
from tests.conftest import CLASSES, Run, draw


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(cli: Run, command: str) -> None:
    told = cli(command, "--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"usage: fewshot {command} [-h] [--json]")
    summary = COMMANDS[command]
    assert f"\n{summary[0].upper()}{summary[1:]}.\n" in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 100


def test_help_lists_every_command_with_its_summary(cli: Run) -> None:
    told = cli("--help")
    assert told.returncode == 0 and told.stdout == cli("-h").stdout
    for command, summary in COMMANDS.items():
        assert f"\n  {command:<11}{summary}\n" in told.stdout
        described = import_module(f"fewshot.cli.{command}").__doc__
        assert described == f"{summary[0].upper()}{summary[1:]}."
    assert max(map(len, told.stdout.splitlines())) <= 100


def test_help_imports_the_command_alone_and_no_library() -> None:
    code = (
        "import sys; from fewshot.cli import main\n"
        "for words in [['--help'], ['classify', '--help']]:\n"
        "    try: main(words)\n"
        "    except SystemExit as end: assert end.code == 0\n"
        "    print('loaded:', *sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = [set(part.splitlines()[0].split()) for part in told.stdout.split("loaded:")[1:]]
    assert not {"onnxruntime", "numpy", "PIL", "sklearn", "tqdm", "typing", "dataclasses"} & second
    imported = {f"fewshot.cli.{command}" for command in COMMANDS}
    assert imported & first == set() and imported & second == {"fewshot.cli.classify"}


def test_the_version(cli: Run) -> None:
    from fewshot import __version__

    assert cli("--version").stdout == f"fewshot {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "there is no command 'frobnicate'"),
        ([], "required: COMMAND"),
        (["--json"], "unrecognized arguments: --json"),
        (["classify"], "the following arguments are required: IMAGE"),
        (["info", "--image"], "unrecognized arguments: --image"),  # not --images cut short
        (["info"], "models/classifier.pkl: no classifier there; make one with"),
    ],
)
def test_when_nothing_can_be_done_it_exits_2_with_one_line(
    cli: Run, arguments: list[str], message: str
) -> None:
    failed = cli(*arguments)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert message in failed.stderr.replace("\\", "/")
    assert len([line for line in failed.stderr.splitlines() if "fewshot" in line[:8]]) == 1


def test_a_classifier_that_cannot_be_used_exits_2(
    cli: Run, models: Path, tmp_path: Path, support_folder: Path
) -> None:
    folder = shutil.copytree(models, tmp_path / "copy")
    malicious = b"cposix\nsystem\n(S'touch hacked'\ntR."
    (folder / "classifier.pkl").write_bytes(malicious + hashlib.sha256(malicious).digest())
    for arguments in (["classify", "x.png"], ["info"], ["fit", str(support_folder)]):
        failed = cli(*arguments, "--models", folder)
        assert failed.returncode == 2 and "refused: it names posix.system" in failed.stderr
    assert not (tmp_path / "hacked").exists()


def test_a_package_that_is_not_installed_is_named(
    cli: Run, support_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    failed = cli("demo")
    assert failed.returncode == 2 and failed.stderr.endswith(": pip install scikit-learn\n")


def test_names_of_any_script_reach_the_output(fewshot: Run, cli: Run, tmp_path: Path) -> None:
    for i, name in enumerate(["naïve café", "猫 🐈"]):
        (tmp_path / "data" / name).mkdir(parents=True)
        draw(CLASSES[i], i).save(tmp_path / "data" / name / "é.png")
    assert "naïve café 1, 猫 🐈 1" in cli("fit", "data").stdout
    answer = json.loads(cli("classify", "data/猫 🐈/é.png", "--json").stdout)
    assert (answer["label"], Path(answer["image"])) == ("猫 🐈", Path("data/猫 🐈/é.png"))
    ascii_only = fewshot("classify", "data", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert ascii_only.returncode == 0 and r"\u732b" in ascii_only.stdout


def test_every_command_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    shown = {word.strip("`,") for word in readme.split()}
    assert {command for command in COMMANDS if f"fewshot {command}" not in readme} <= shown


def test_choices_that_are_written_out_are_those_of_the_library() -> None:
    assert (*HEADS, PROTOTYPE) == options.HEADS and options.PRECISIONS == PRECISIONS
    assert options.DEFAULT_BACKBONE == find.DEFAULT_BACKBONE
    for crop in options.CROPS:
        for no_face in options.NO_FACE:
            Preprocessing(crop=crop, no_face=no_face)
