"""What is measured, and how it is told; never how long anything took."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from fewshot import FewShotClassifier
from fewshot.benchmark.run import Benchmark, benchmark, peak_memory
from fewshot.benchmark.timing import threads_to_try
from fewshot.benchmark.variants import IMAGE_SIZES
from fewshot.cli.app import parse
from fewshot.errors import MissingFileError, UsageError
from fewshot.export.onnx_file import PRECISIONS
from tests.conftest import Run, write_set

NEEDS_ONNX = "other precisions are made with onnx"
KEYS = (
    "classifier machine precisions image_sizes peak_memory_mib notes recommendation reason".split()
)
ROW_KEYS = "precision bytes latency_ms latency_p90_ms images_per_second accuracy".split()


@pytest.fixture(scope="module")
def measured(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    """With photographs, one of which cannot be read."""
    pytest.importorskip("onnx", reason=NEEDS_ONNX)
    data = write_set(tmp_path_factory.mktemp("benchmark") / "data", 3)
    (data / "disc" / "bad.png").write_bytes(b"")
    steps: list[tuple[int, int]] = []
    result = benchmark(models, data, seconds=0, progress=lambda *step: steps.append(step))
    total = 1 + len(PRECISIONS) + len(IMAGE_SIZES) - 1  # a round, and fits
    assert steps == [(done, total) for done in range(1, total + 1)]
    return result


def test_every_precision_and_image_size_is_measured(measured: Benchmark, models: Path) -> None:
    assert [row.precision for row in measured.precisions] == list(PRECISIONS)
    assert [row.image_size for row in measured.image_sizes] == list(IMAGE_SIZES)
    for row in measured.precisions:
        assert list(row.images_per_second) == threads_to_try()
        assert 0 < row.latency_ms <= row.latency_p90_ms
    sizes = [row.bytes for row in measured.precisions]
    assert sizes[0] == (models / "mobilenet_v2.onnx").stat().st_size
    assert max(sizes[1:]) < 0.6 * sizes[0]


def test_with_data_every_accuracy_is_measured(measured: Benchmark) -> None:
    accuracies = [row.accuracy for row in measured.precisions]
    accuracies += [row.accuracy for row in measured.image_sizes]
    assert all(accuracy is not None and 0.5 <= accuracy <= 1 for accuracy in accuracies)
    assert measured.precisions[0].accuracy == measured.image_sizes[4].accuracy
    assert measured.notes == ()
    assert [Path(error.name).name for error in measured.skipped] == ["bad.png"]


def test_the_recommendation_can_be_typed(measured: Benchmark, models: Path) -> None:
    command, *words = shlex.split(measured.recommendation)
    _, arguments = parse(words)
    assert command == "fewshot" and words[0] in ("export", "fit")
    assert arguments.models == str(models)


def test_the_summary_is_json(measured: Benchmark) -> None:
    summary = measured.to_dict()
    assert json.loads(json.dumps(summary))["precisions"][0] == summary["precisions"][0]
    assert list(summary) == KEYS
    assert [list(row) for row in summary["precisions"]] == [ROW_KEYS] * len(PRECISIONS)
    assert list(summary["precisions"][0]["images_per_second"]) == [str(n) for n in threads_to_try()]
    assert list(summary["image_sizes"][0]) == ["image_size", "latency_ms", "accuracy"]


def test_an_exported_file_is_measured_as_it_is(
    classifier: FewShotClassifier, tmp_path: Path, support_folder: Path, fewshot: Run
) -> None:
    pytest.importorskip("onnx", reason=NEEDS_ONNX)
    from fewshot.export.onnx_file import export_classifier

    file = export_classifier(classifier, tmp_path / "one.onnx", precision="fp16")
    told = fewshot("benchmark", "--models", file, "--seconds", 1, "--json")
    assert (told.returncode, told.stderr) == (0, "")
    summary = json.loads(told.stdout)
    assert list(summary) == KEYS
    assert {"processor", "processors", "onnxruntime", "python"} == set(summary["machine"])
    (row,) = summary["precisions"]
    assert (row["precision"], row["bytes"]) == ("fp16", file.stat().st_size)
    assert [row["image_size"] for row in summary["image_sizes"]] == [224]
    assert summary["recommendation"].startswith("fewshot classify ")
    with pytest.raises(UsageError, match="a single file cannot be fitted again"):
        benchmark(file, support_folder)


def test_what_people_read(fewshot: Run, models: Path, tmp_path: Path) -> None:
    told = fewshot("benchmark", "--models", models, "--seconds", 1)
    assert (told.returncode, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    assert lines[0].startswith(str(models)) and "peak memory" in lines[1]
    assert any(line.startswith("fp32 ") and line.endswith(" 1.000") for line in lines)
    assert any(line.startswith("320 ") and line.endswith(" not known") for line in lines)
    assert "give --data to know" in told.stdout
    assert lines[-1].startswith("recommended: fewshot ")
    assert not list(tmp_path.iterdir())


def test_a_missing_classifier_is_one_line_and_exit_2(fewshot: Run) -> None:
    told = fewshot("benchmark", "--json")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.count("\n") == 1 and "no classifier there" in told.stderr
    with pytest.raises(MissingFileError, match=r"no such file; make one with 'fewshot export'"):
        benchmark("gone.onnx")


def test_peak_memory_is_told_where_the_system_does() -> None:
    if sys.platform == "win32":
        assert peak_memory() is None
    else:
        memory = peak_memory()
        assert memory is not None and 10 < memory < 100_000
