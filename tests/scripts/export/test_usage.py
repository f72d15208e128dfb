"""What the export script says before it needs TensorFlow, or when TensorFlow is missing."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from backbone import main

from tests.scripts import SCRIPTS

# Importing TensorFlow then fails as if it were not installed.
WITHOUT_TENSORFLOW = "import sys; sys.modules['tensorflow'] = None"
MAIN = "import backbone; sys.exit(backbone.main())"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the script without TensorFlow."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", f"{WITHOUT_TENSORFLOW}; {MAIN}", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(SCRIPTS / "export")},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

    return run


def test_help_needs_no_tensorflow(run: Run) -> None:
    answer = run("--help")
    assert answer.returncode == 0
    assert "EfficientNetB0" in answer.stdout and "--crop-fraction" in answer.stdout


@pytest.mark.parametrize("options", [[], ["--architecture", "VGG16", "--weights", "random"]])
def test_a_missing_extra_is_named(run: Run, options: list[str], tmp_path: Path) -> None:
    answer = run(*options, "-o", "out.onnx")
    assert answer.returncode == 2
    assert "pip install 'fewshot[export]'" in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("VGG16 --alpha 0.5", "--alpha 0.5: VGG16 has one width only; use MobileNet, MobileNetV2"),
        ("InceptionV3 --image-size 64", "--image-size 64: InceptionV3 needs 75 or more"),
        ("ResNet50 --weights lost.h5", "--weights lost.h5: no such file, nor one of imagenet, ran"),
    ],
)
def test_what_a_family_does_not_have(
    options: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "out.onnx")
    assert main(["--architecture", *options.split(), "-o", output]) == 2
    assert capsys.readouterr().err.startswith(complaint)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--weights random", "--weights and --alpha need --architecture"),
        ("--architecture VGG16 --alpha 0", "--alpha must be greater than 0"),
        ("--image-size 16", "--image-size must be 32 or more"),
        ("--resize squash --crop-fraction 0.9", "--crop-fraction needs --resize crop"),
        ("--resize crop --crop-fraction 1.5", "--crop-fraction must be greater than 0 and at most"),
        ("--architecture AlexNet", "invalid choice: 'AlexNet'"),
    ],
)
def test_options_that_do_not_go_together(
    options: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # With an output of its own: options that pass after all must not replace the shipped backbone.
    with pytest.raises(SystemExit) as exit_:
        main([*options.split(), "-o", str(tmp_path / "out.onnx")])
    assert exit_.value.code == 2
    assert complaint in capsys.readouterr().err
