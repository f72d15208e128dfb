"""The conventions of scikit-learn: parameters, cloning, searches, and labels as they were."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.utils import estimator_checks
from sklearn.utils.validation import check_is_fitted

from fewshot import Embedder, ExportedClassifier, FewShotClassifier, export_classifier
from fewshot.errors import SupportError, UsageError
from tests.conftest import CLASSES, draw

# Of scikit-learn's checks these concern the object alone. All others give tables of numbers to
# `fit`, which takes images: `check_estimator` leaves them out, as the tags say so.
API_CHECKS = """
check_estimator_cloneable check_estimator_tags_renamed check_valid_tag_types check_estimator_repr
check_no_attributes_set_in_init check_parameters_default_constructible check_get_params_invariance
check_set_params check_do_not_raise_errors_in_init_or_set_params check_mixin_order
""".split()
LABELS = [label for label in CLASSES for _ in range(4)]
NUMBERS = [10 - CLASSES.index(label) for label in LABELS]  # 10, 9, 8: as text 10 comes first


@pytest.fixture(scope="module")
def paths(support_folder: Path) -> list[str]:
    return [str(path) for path in sorted(support_folder.glob("*/*.png"))]


@pytest.fixture(scope="module")
def pixels() -> Any:
    return np.stack([np.asarray(draw(label, i % 4)) for i, label in enumerate(LABELS)])


@pytest.mark.parametrize("make", [FewShotClassifier, Embedder])
@pytest.mark.parametrize("name", API_CHECKS)
def test_checks_of_scikit_learn(name: str, make: type) -> None:
    if not hasattr(estimator_checks, name):
        pytest.skip(f"this scikit-learn has no {name}")
    getattr(estimator_checks, name)(make.__name__, make())


@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_scikit_learn_finds_nothing_to_object_to() -> None:
    estimator_checks.check_estimator(FewShotClassifier())


def test_parameters_are_read_set_and_cloned() -> None:
    embedder = Embedder(views=2)
    classifier = FewShotClassifier("centroid", embedder=embedder, reject_rate=0.1)
    params = classifier.get_params()
    assert (params["head"], params["embedder"], params["embedder__views"]) == (
        "centroid",
        embedder,
        2,
    )
    assert "embedder__views" not in classifier.get_params(deep=False)
    copy = clone(classifier).set_params(head="logistic", embedder__views=3)
    assert (copy.head, copy.embedder.views, copy.reject_rate) == ("logistic", 3, 0.1)
    assert (classifier.head, embedder.views) == ("centroid", 2)
    for wrong, message in (
        ({"heads": "auto"}, "heads: no such parameter; expected head, backbone"),
        ({"embedder__vews": 1}, "embedder__vews: embedder is Embedder.* no such parameter"),
        ({"views__x": 1}, "views__x: views is 1, which has no such parameter"),
    ):
        with pytest.raises(UsageError, match=message):
            classifier.set_params(**wrong)


def test_it_is_a_classifier_and_knows_whether_it_is_fitted(classifier: FewShotClassifier) -> None:
    assert is_classifier(classifier) and is_classifier(FewShotClassifier())
    check_is_fitted(classifier)
    with pytest.raises(ValueError, match="not fitted"):
        check_is_fitted(FewShotClassifier())


@pytest.mark.parametrize("kind", ["list", "array", "pixels"])
def test_cross_validation_of_scikit_learn(kind: str, paths: list[str], pixels: Any) -> None:
    images = {"list": paths, "array": np.array(paths), "pixels": pixels}[kind]
    scores = cross_val_score(FewShotClassifier(image_size=64), images, LABELS, cv=2)
    assert len(scores) == 2 and scores.mean() > 0.6
    predicted = cross_val_predict(FewShotClassifier(image_size=64), images, NUMBERS, cv=2)
    assert set(predicted) <= {8, 9, 10}
    assert accuracy_score(NUMBERS, predicted) == pytest.approx(scores.mean())


def test_a_search_over_heads_and_parameters_of_the_embedder(pixels: Any) -> None:
    grid = {"head": ["centroid", "logistic"], "embedder__views": [1, 2]}
    search = GridSearchCV(FewShotClassifier(embedder=Embedder(image_size=64)), grid, cv=2)
    search.fit(pixels, NUMBERS)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.embedder_.views == search.best_params_["embedder__views"]
    assert search.classes_.tolist() == [8, 9, 10]
    assert search.predict(pixels[:2]).tolist() == NUMBERS[:2]
    own = {"head": ["centroid"], "image_size": [64], "reject_rate": [0.0, 0.1]}
    assert GridSearchCV(FewShotClassifier(), own, cv=2).fit(pixels, LABELS).best_score_ > 0.6


def test_other_scores_than_accuracy(pixels: Any) -> None:
    two = np.array(LABELS) != "grid"
    classifier, labels = FewShotClassifier(image_size=64), np.array(LABELS)[two]
    for scoring in ("roc_auc", "neg_log_loss", "f1_macro"):
        scores = cross_val_score(classifier, pixels[two], labels, cv=2, scoring=scoring)
        assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("labels", "classes", "kind"),
    [
        (NUMBERS, [8, 9, 10], np.integer),
        (np.array(NUMBERS, np.uint8), [8, 9, 10], np.integer),
        ([-n for n in NUMBERS], [-10, -9, -8], np.integer),
        ([label == "disc" for label in LABELS], [False, True], np.bool_),
        (np.array(LABELS) == "disc", [False, True], np.bool_),
        (np.array(LABELS), list(CLASSES), np.str_),
        ([f"0{n}" for n in NUMBERS], ["010", "08", "09"], np.str_),
        ([1 if n == 8 else "two" for n in NUMBERS], ["1", "two"], np.str_),
        ([n * 10**20 for n in NUMBERS], [f"{n}{'0' * 20}" for n in ("10", "8", "9")], np.str_),
    ],
)
def test_labels_come_back_as_they_were(
    labels: Any, classes: list[Any], kind: type, pixels: Any, tmp_path: Path
) -> None:
    fitted = FewShotClassifier("centroid", image_size=64).fit(pixels, labels)
    loaded = FewShotClassifier.load(fitted.save(tmp_path))
    for one in (fitted, loaded, pickle.loads(pickle.dumps(loaded))):
        assert one.classes_.tolist() == classes and isinstance(one.classes_[0], kind)
        predicted = one.predict(pixels[::4])
        assert predicted.shape == (3,) and predicted.dtype == one.classes_.dtype
        if kind is not np.str_:
            assert accuracy_score(list(labels)[::4], predicted) == 1
    record = loaded.classify(pixels[0]).to_dict()
    assert record["label"] == str(labels[0]) and json.dumps(record)
    assert loaded.artifact_.classes == tuple(map(str, classes))


def test_a_mapping_may_have_integers_as_keys(pixels: Any) -> None:
    fitted = FewShotClassifier("centroid", image_size=64).fit({10: pixels[:2], 9: pixels[4:6]})
    assert fitted.classes_.tolist() == [9, 10]
    assert fitted.predict(pixels[:1]).tolist() == [10]


def test_what_is_taught_may_be_an_integer_too(pixels: Any) -> None:
    fitted = FewShotClassifier("centroid", image_size=64).fit(pixels, NUMBERS)
    more = fitted.partial_fit([draw("disc", 50)], [7])
    assert more.classes_.tolist() == [7, 8, 9, 10]
    assert fitted.relabel([pixels[0]], 100).classes_.tolist() == [8, 9, 10, 100]
    assert fitted.remove(label=9).classes_.tolist() == [8, 10]
    assert fitted.rename(9, 11).classes_.tolist() == [8, 10, 11]
    assert fitted.correct([pixels[0]], 8).predict([pixels[0]]).dtype == np.int64
    named = fitted.rename("9", "nine")
    assert named.classes_.tolist() == ["10", "8", "nine"]
    assert fitted.score([draw("disc", 60)], [10]) == 1
    assert fitted.classify(pixels[0]).matches("10")


def test_an_exported_file_gives_the_labels_back(pixels: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="files are exported with onnx")
    fitted = FewShotClassifier("centroid").fit(pixels, NUMBERS)
    exported = ExportedClassifier(export_classifier(fitted, tmp_path / "numbers.onnx"))
    assert exported.classes_.tolist() == [8, 9, 10] and exported.class_names_ == ("8", "9", "10")
    np.testing.assert_array_equal(exported.predict(pixels), fitted.predict(pixels))


def test_a_search_that_scores_on_what_was_fitted_on_is_told_so(pixels: Any) -> None:
    with pytest.raises(SupportError, match="all 12 images were fitted on"):
        FewShotClassifier("centroid", image_size=64).fit(pixels, LABELS).score(pixels, LABELS)


def test_an_unknown_head_is_refused_before_anything_is_read() -> None:
    images = iter([])
    with pytest.raises(UsageError, match="head is 'svm'; expected one of auto, logistic"):
        FewShotClassifier("svm").fit(images, ["a"])  # type: ignore[arg-type]


def test_it_is_shown_shortly(classifier: FewShotClassifier, query_folder: Path) -> None:
    assert repr(FewShotClassifier()) == "FewShotClassifier()"
    shown = repr(FewShotClassifier("centroid", views=3))
    assert shown == "FewShotClassifier(head='centroid', views=3)"
    assert repr(Embedder(views=3)) == "Embedder(views=3)"
    image = str(query_folder / "disc" / "100.png")
    answer = classifier.classify(image)
    shown = f"label='disc', probability={answer.probability:.3f}, known=True"
    assert repr(answer) == f"Prediction(image={image!r}, {shown})"
    assert repr(classifier.artifact_) == (
        "<Artifact, 3 classes, 12 images, backbone 'mobilenet_v2', head 'auto'>"
    )
    evaluation = classifier.evaluate()
    assert (
        repr(evaluation) == f"<Evaluation, {evaluation.protocol}: 12 of 12 images right, 3 classes>"
    )
    artifact = classifier.artifact_
    for one in (classifier, answer, artifact, evaluation, artifact.support):
        assert len(repr(one)) < 300
