"""Which precisions there are, and what each does to a classifier."""

from pathlib import Path

import pytest

from fewshot import FewShotClassifier
from fewshot.classifier.exported import ExportedClassifier
from fewshot.classifier.verification import compare
from fewshot.errors import FewShotWarning, SupportError, UsageError
from fewshot.export.onnx_file import export_classifier
from fewshot.export.precision import calibration_pixels, require_precision
from fewshot.images.preprocessing import Preprocessing
from tests.conftest import CLASSES, draw, draw_face, draw_noise

QUERIES = [draw(label, seed) for seed in (200, 201) for label in CLASSES]
OTHERS = [draw_face(), draw_noise(3)]


@pytest.fixture(scope="module")
def file(classifier: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file; not to be written to."""
    return export_classifier(classifier, tmp_path_factory.mktemp("file") / "classifier.onnx")


def test_int16_names_fp16() -> None:
    with pytest.raises(UsageError, match="'int16' is not written any more; use fp16"):
        require_precision("int16")
    with pytest.raises(UsageError, match="'fp8'; expected one of fp32, fp16, int8"):
        require_precision("fp8")


def test_calibration_takes_images_evenly_and_leaves_out_unreadable_ones() -> None:
    recipe = Preprocessing(32)
    images = [draw_noise(0, 32 + n) if n % 2 else b"not an image" for n in range(100)]
    found = list(calibration_pixels(images, recipe))
    assert all(pixels.shape == (1, 32, 32, 3) for pixels in found)
    chosen = images[::3]
    assert len(found) == sum(not isinstance(image, bytes) for image in chosen)


def test_fp16_is_half_the_size_and_hardly_moves_probabilities(
    file: Path, classifier: FewShotClassifier, tmp_path: Path
) -> None:
    half = export_classifier(classifier, tmp_path / "half.onnx", precision="fp16")
    assert half.stat().st_size < 0.56 * file.stat().st_size
    agreement = compare(classifier, ExportedClassifier(half), [*QUERIES, *OTHERS])
    assert agreement.holds and agreement.probability_difference < 2e-3


def test_int8_is_a_third_of_the_size_and_fitted_again(
    file: Path, classifier: FewShotClassifier, support_folder: Path, tmp_path: Path
) -> None:
    small = export_classifier(
        classifier, tmp_path / "small.onnx", precision="int8", data=support_folder
    )
    assert small.stat().st_size < 0.45 * file.stat().st_size
    exported = ExportedClassifier(small)
    assert (exported.predict(QUERIES) == classifier.predict(QUERIES)).all()
    ours, theirs = exported.references_.embeddings, classifier.references_.embeddings
    assert 0.9 < (ours * theirs).sum(axis=1).min() < 0.99999
    with pytest.raises(SupportError, match="the data hold the classes disc, grid, the classifier"):
        two = {label: support_folder / label for label in CLASSES[:2]}
        export_classifier(classifier, tmp_path / "two.onnx", precision="int8", data=two)
    assert not (tmp_path / "two.onnx").exists()


def test_int8_without_images_is_warned_of(classifier: FewShotClassifier, tmp_path: Path) -> None:
    with pytest.warns(FewShotWarning, match="int8 without images"):
        file = export_classifier(classifier, tmp_path / "small.onnx", precision="int8")
    assert (ExportedClassifier(file).predict(QUERIES) == classifier.predict(QUERIES)).all()


def test_int8_needs_the_negatives_too(support_folder: Path, tmp_path: Path) -> None:
    negatives = [draw_noise(seed) for seed in range(4)]
    classifier = FewShotClassifier("centroid").fit(support_folder, negatives=negatives)
    with pytest.raises(SupportError, match="fitted with negatives; give them too"):
        export_classifier(classifier, tmp_path / "x.onnx", precision="int8", data=support_folder)
