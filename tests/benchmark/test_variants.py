import sys
from pathlib import Path

import pytest
from PIL import ImageOps

from fewshot import FewShotClassifier
from fewshot.benchmark.variants import IMAGE_SIZES, make_variants
from fewshot.errors import SupportError
from fewshot.training.support_set import collect
from tests.conftest import CLASSES, draw, write_set


def test_without_onnx_the_file_is_taken_as_it_is(
    classifier: FewShotClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)  # as if it were not installed
    found = make_variants(classifier, None, tmp_path)
    assert {variant.precision for variant in found.all} == {"fp32"}
    assert sorted(variant.image_size for variant in found.all) == sorted(IMAGE_SIZES)
    assert not found.exportable and not list(tmp_path.iterdir())
    assert "pip install 'fewshot[onnx]'" in found.notes[0]


def test_accuracy_is_known_of_the_classifier_as_it_is(
    classifier: FewShotClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    first, *others = make_variants(classifier, None, tmp_path).all
    assert (first.image_size, first.fit().accuracy) == (224, 1.0)
    assert {variant.fit().accuracy for variant in others} == {None}


def test_the_first_variant_answers_as_the_classifier(
    classifier: FewShotClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    answer = make_variants(classifier, None, tmp_path).all[0].ask(draw("grid", 50))
    assert isinstance(answer, tuple)
    assert answer[0].tolist() == classifier.predict_proba([draw("grid", 50)]).tolist()


def test_several_views_cannot_be_exported_and_keep_their_number(
    support_folder: Path, tmp_path: Path
) -> None:
    found = make_variants(FewShotClassifier(views=2).fit(support_folder), None, tmp_path)
    assert not found.exportable and "--views 1" in found.notes[0]
    assert found.fitting == {"--views": "2"}
    assert {variant.precision for variant in found.all} == {"fp32"}


def test_data_of_other_classes_are_refused(classifier: FewShotClassifier, tmp_path: Path) -> None:
    data = {"disc": [draw("disc", 1)], "face": [draw("disc", 2)]}
    with pytest.raises(SupportError, match=r"hold the classes disc, face, .* disc, grid, stripes"):
        make_variants(classifier, collect(data), tmp_path)


def test_negatives_that_are_not_given_again_are_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    data = write_set(tmp_path / "data", 2)
    negatives = [ImageOps.invert(draw(label, 60)) for label in CLASSES]
    fitted = FewShotClassifier().fit(data, negatives=negatives)
    without = make_variants(fitted, collect(data), tmp_path)
    assert without.negatives and "give --negatives" in without.notes[-1]
    given = make_variants(fitted, collect(data, None, negatives), tmp_path)
    assert not any("--negatives" in note for note in given.notes)
