"""What is measured, and how it is told; never how long anything took."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from fewshot import FewShotClassifier
from fewshot.benchmark.recommend import Options
from fewshot.benchmark.run import Benchmark, _options, benchmark, peak_memory
from fewshot.benchmark.timing import threads_to_try
from fewshot.benchmark.variants import IMAGE_SIZES
from fewshot.cli.app import parse
from fewshot.errors import MissingFileError, SupportError, UsageError
from tests.conftest import draw, draw_noise, write_set

NEEDS_ONNX = "other precisions are made with onnx"
KEYS = "classifier machine rows peak_memory_mib notes recommendation reason".split()
ROW_KEYS = "precision image_size bytes latency_ms images_per_second accuracy".split()


@pytest.fixture(scope="module")
def measured(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    """With training images, one of which cannot be read."""
    pytest.importorskip("onnx", reason=NEEDS_ONNX)
    data = write_set(tmp_path_factory.mktemp("benchmark") / "data", 3)
    (data / "disc" / "bad.png").write_bytes(b"")
    steps: list[tuple[int, int]] = []
    result = benchmark(models, data, seconds=0, progress=lambda *step: steps.append(step))
    total = 1 + len(result.rows)  # a round, and fits
    assert steps == [(done, total) for done in range(1, total + 1)]
    return result


def test_every_precision_and_image_size_is_measured(measured: Benchmark, models: Path) -> None:
    own, *others = [(row.precision, row.image_size) for row in measured.rows]
    assert own == ("fp32", 224)
    sizes = [("fp32", size) for size in IMAGE_SIZES if size != 224]
    assert others == [("fp16", 224), ("int8", 224), *sizes]
    for row in measured.rows:
        assert list(row.images_per_second) == threads_to_try()
        assert row.latency_ms == pytest.approx(1000 / row.images_per_second[1])
    bytes_ = [row.bytes for row in measured.rows]
    assert bytes_[0] == (models / "mobilenet_v2.onnx").stat().st_size
    assert max(bytes_[1:3]) < 0.6 * bytes_[0]


def test_with_data_every_accuracy_is_measured(measured: Benchmark) -> None:
    accuracies = [row.accuracy for row in measured.rows]
    assert all(accuracy is not None and 0.5 <= accuracy <= 1 for accuracy in accuracies)
    assert measured.notes == ()
    assert [Path(error.name).name for error in measured.skipped] == ["bad.png"]


def test_the_recommendation_can_be_typed(measured: Benchmark, models: Path) -> None:
    command, *words = shlex.split(measured.recommendation)
    _, arguments = parse(words)
    assert command == "fewshot" and words[0] in ("export", "fit", "classify")
    assert arguments.models == str(models)


def test_the_record_is_json(measured: Benchmark) -> None:
    record = json.loads(json.dumps(measured.to_dict()))
    assert list(record) == KEYS
    assert [list(row) for row in record["rows"]] == [ROW_KEYS] * len(measured.rows)
    assert list(record["rows"][0]["images_per_second"]) == [str(n) for n in threads_to_try()]


def test_how_it_was_fitted_is_repeated(support_folder: Path, tmp_path: Path) -> None:
    negatives = [draw_noise(seed) for seed in range(3)]
    fitted = FewShotClassifier("centroid", views=2, reject_rate=0.1)
    models = fitted.fit(support_folder, negatives=negatives).save(tmp_path / "m").parent
    classifier = FewShotClassifier.load(models)
    assert _options(classifier, models, None, None) == Options(
        ("--models", str(models)),
        ("--head", "centroid", "--views", "2", "--reject-rate", "0.1"),
        ("--negatives", "DIR"),
    )
    result = benchmark(models, support_folder, seconds=0)
    assert any("give --negatives" in note for note in result.notes)


def test_data_of_other_classes_are_refused(models: Path, tmp_path: Path) -> None:
    for label in ("disc", "face"):
        (tmp_path / label).mkdir()
        draw("disc", 1).save(tmp_path / label / "1.png")
    with pytest.raises(SupportError, match=r"hold the classes disc, face, .* disc, grid, stripes"):
        benchmark(models, tmp_path)


def test_an_exported_file_is_measured_as_it_is(
    classifier: FewShotClassifier, tmp_path: Path, support_folder: Path
) -> None:
    pytest.importorskip("onnx", reason=NEEDS_ONNX)
    from fewshot.export.onnx_file import export_classifier

    file = export_classifier(classifier, tmp_path / "one.onnx", precision="fp16")
    result = benchmark(file, seconds=0)
    (row,) = result.rows
    assert (row.precision, row.image_size, row.accuracy) == ("fp16", 224, 1.0)
    assert row.bytes == file.stat().st_size
    assert {"processor", "processors", "onnxruntime", "python"} == set(result.machine)
    assert result.recommendation.startswith("fewshot classify ")
    with pytest.raises(UsageError, match="an exported file cannot be fitted again"):
        benchmark(file, support_folder)


def test_a_missing_classifier_is_named() -> None:
    with pytest.raises(MissingFileError, match=r"no such file; make one with 'fewshot export'"):
        benchmark("gone.onnx")


def test_peak_memory_is_told_where_the_system_does() -> None:
    if sys.platform == "win32":
        assert peak_memory() is None
    else:
        memory = peak_memory()
        assert memory is not None and 10 < memory < 100_000
