"""Names that a terminal would act on, through every command that prints names."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import Run, draw, write_set

ODD = "a\x1b[31mb\u202ec"
SHOWN = r"a\x1b[31mb\u202ec"
KEPT = "👩\u200d🌾 \u0645\u06cc\u200c\u062e\u0648\u3000x"

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="no such names there")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Classes, files and a folder of odd names, and a classifier fitted on them."""
    data = write_set(tmp_path / ODD, 3)
    (data / "disc").rename(data / ODD)
    (data / "grid").rename(data / KEPT)
    (data / ODD / "00.png").rename(data / ODD / f"{ODD}.png")
    shutil.copy(data / ODD / "01.png", data / KEPT / f"{ODD}.png")
    (data / ODD / f"bad{ODD}.png").write_bytes(b"no")
    return data


def test_names_are_escaped_and_not_more_of_them_than_need_be(
    cli: Run, data: Path, tmp_path: Path
) -> None:
    draw("disc", 50).save(tmp_path / f"{ODD}.png")
    fitted = cli("fit", ODD, "-o", f"{ODD}m")
    assert fitted.returncode == 1 and KEPT in fitted.stdout
    models = ("--models", f"{ODD}m")
    pytest.importorskip("onnx", reason="exporting needs onnx")
    for words in (
        ["classify", f"{ODD}.png", "--why", "--top", "3"],
        ["classify", f"{ODD}.png", "--is", ODD],
        ["classify", f"missing{ODD}"],
        ["explain", f"{ODD}.png", "-o", f"{ODD}/heat.png"],
        ["info"],
        ["info", "--images"],
        ["check", ODD],
        ["evaluate", ODD, "--test", ODD],
        ["report", "-o", f"{ODD}.html"],
        ["export", "-o", f"{ODD}.onnx"],
        ["add", "--label", f"{ODD}2", f"{ODD}.png"],
        ["rename", f"{ODD}2", f"{ODD}3"],
        ["remove", "--label", f"{ODD}3"],
        ["undo"],
        ["classify", f"--{ODD}", f"{ODD}.png"],
        ["benchmark", "--seconds", "1", "--negatives", ODD],
    ):
        told = cli(*words, *models)
        text = told.stdout + told.stderr
        assert SHOWN in text, words
        assert not {"\x1b", "\u202e"} & set(text), words
        if words[0] == "info":
            assert KEPT in text
    listed = cli("backbones", "--models", ODD)
    assert not {"\x1b", "\u202e"} & set(listed.stdout + listed.stderr)
    assert not {"\x1b", "\u202e"} & set(cli(ODD).stderr)
