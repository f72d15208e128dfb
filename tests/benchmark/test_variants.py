import sys
from pathlib import Path

import pytest

from fewshot import FewShotClassifier
from fewshot.benchmark.variants import IMAGE_SIZES, make_variants
from tests.conftest import draw


@pytest.fixture
def without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)


@pytest.mark.usefixtures("without_onnx")
def test_without_onnx_there_are_other_image_sizes_only(
    classifier: FewShotClassifier, tmp_path: Path
) -> None:
    variants, notes = make_variants(classifier, None, tmp_path)
    assert {precision for precision, _ in variants} == {"fp32"}
    sizes = [variant.embedder_.preprocessing_.image_size for _, variant in variants]
    assert sizes[0] == 224 and sorted(sizes) == sorted(IMAGE_SIZES)
    assert not list(tmp_path.iterdir())
    assert len(notes) == 1 and "pip install onnx" in notes[0]


@pytest.mark.usefixtures("without_onnx")
def test_the_first_variant_is_the_classifier_and_others_have_its_head(
    classifier: FewShotClassifier, tmp_path: Path
) -> None:
    (_, first), (_, second), *_ = make_variants(classifier, None, tmp_path)[0]
    image = draw("grid", 50)
    expected = classifier.predict_proba([image])
    assert first is classifier and second.class_names_ == classifier.class_names_
    assert second.predict_proba([image]).tolist() != expected.tolist()  # of another size
    assert classifier.predict_proba([image]).tolist() == expected.tolist()


def test_several_views_cannot_be_exported(support_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="precisions are made with onnx")
    classifier = FewShotClassifier(views=2).fit(support_folder)
    variants, notes = make_variants(classifier, None, tmp_path)
    assert "--views 1" in notes[0]
    assert {precision for precision, _ in variants} == {"fp32"}
