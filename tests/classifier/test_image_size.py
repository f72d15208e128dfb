"""Images of other sizes: kept in the classifier, and in what is exported from it."""

from pathlib import Path

import numpy as np
import pytest

from fewshot import Embedder, FewShotClassifier
from fewshot.errors import UsageError
from fewshot.images.views import load_views
from tests.conftest import CLASSES, draw

IMAGES = [draw(label, seed) for seed in range(3) for label in CLASSES]


@pytest.mark.parametrize("size", [64, 160, 320])
def test_another_image_size_is_kept_in_the_classifier(
    size: int, support_folder: Path, tmp_path: Path
) -> None:
    fitted = FewShotClassifier(image_size=size).fit(support_folder)
    assert fitted.artifact_.preprocessing.image_size == size
    pixels = load_views(IMAGES[0], fitted.embedder_.preprocessing_).pixels
    assert pixels.shape == (1, size, size, 3)
    expected = fitted.predict_proba(IMAGES)
    loaded = FewShotClassifier.load(fitted.save(tmp_path).parent)
    assert loaded.image_size == size
    np.testing.assert_array_equal(loaded.predict_proba(IMAGES), expected)
    again = loaded.fit(support_folder)
    np.testing.assert_array_equal(again.predict_proba(IMAGES), expected)
    embedder = Embedder(image_size=size)
    np.testing.assert_array_equal(
        embedder.embed_one(IMAGES[0]), fitted.embedder_.embed_one(IMAGES[0])
    )


@pytest.mark.parametrize("size", [0, -1, 16, 31, 5000])
def test_image_sizes_out_of_bounds(size: int) -> None:
    with pytest.raises(UsageError, match=f"image size is {size}; expected 32 to 4096 pixels"):
        Embedder(image_size=size).embed(IMAGES)


def test_an_exported_file_is_of_the_size_it_was_fitted_at(
    support_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnx", reason="exporting needs onnx")
    from fewshot.classifier.exported import ExportedClassifier
    from fewshot.export.onnx_file import export_classifier

    fitted = FewShotClassifier(image_size=96).fit(support_folder)
    for precision in ("fp32", "int8"):
        data = support_folder if precision == "int8" else None
        file = export_classifier(
            fitted, tmp_path / f"{precision}.onnx", precision=precision, data=data
        )
        exported = ExportedClassifier(file)
        assert exported.preprocessing_.image_size == 96
        assert (exported.predict(IMAGES) == fitted.predict(IMAGES)).all()
