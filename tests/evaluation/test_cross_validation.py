"""Evaluation answers once for every image that was not fitted on, and counts the answers."""

import json

import numpy as np
import pytest

from fewshot.errors import SupportError
from fewshot.evaluation.cross_validation import cross_validate, evaluate_on
from fewshot.evaluation.held_out import measure_held_out
from fewshot.evaluation.learning_curve import learning_curve
from fewshot.heads.calibration import softmax
from fewshot.heads.decision import fit_decision
from tests.conftest import clusters, make_artifact, make_record


def test_every_image_is_answered_once_by_classifiers_fitted_without_it() -> None:
    embeddings, labels = clusters(3, 5)
    artifact, seen = make_artifact(embeddings, labels), []
    found = cross_validate(artifact, lambda done, total: seen.append((done, total)))
    assert found.protocol == "10 x 5-fold cross-validation"
    assert found.names == artifact.support.names and found.truth.tolist() == labels.tolist()
    assert seen == [(i, 1 + 5 + 3) for i in range(1, 10)]
    hashes = artifact.support.hashes
    _, held_out = fit_decision("auto", embeddings, labels, 3, 0.05, hashes=hashes)
    np.testing.assert_allclose(found.probabilities, softmax(held_out), atol=1e-6)
    assert len(found.ood_known) == 15 and found.ood_known.mean() < 0.5


def test_it_says_what_was_measured_while_fitting() -> None:
    embeddings, labels = clusters(4, 6)
    labels[::5] = (labels[::5] + 1) % 4
    artifact = make_artifact(embeddings, labels)
    args = "auto", embeddings, labels, 4, 0.05
    decision, held_out = fit_decision(*args, hashes=artifact.support.hashes)
    measured = measure_held_out(decision, held_out, embeddings, labels)
    found = cross_validate(artifact).to_dict()
    assert found["correct"] == measured["held_out_correct"] < measured["held_out_images"] == 24
    for key in ("accuracy_low", "accuracy_high", "balanced_accuracy"):
        assert found[key] == pytest.approx(measured[key])


def test_two_images_a_class_are_not_pushed_away_from_their_class() -> None:
    estimates, truths = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(4, 64))
        labels = np.repeat(np.arange(4), 102)
        points = centres[labels] + 1.5 * rng.normal(size=(408, 64))
        points = np.float32(points / np.linalg.norm(points, axis=1, keepdims=True))
        few = np.arange(408) % 102 < 2
        artifact = make_artifact(points[few], labels[few])
        estimates.append(cross_validate(artifact).to_dict()["accuracy"])
        probabilities, _ = artifact.decision.decide(points[~few])
        truths.append((probabilities.argmax(axis=1) == labels[~few]).mean())
    assert 0.7 < np.mean(truths) < 0.98
    assert np.mean(estimates) == pytest.approx(
        np.mean(truths), abs=0.1
    )  # 0.6 less by leave-one-out


def test_a_wrong_label_is_a_mistake() -> None:
    embeddings, labels = clusters(3, 12)
    labels[4] = 2
    found = cross_validate(make_artifact(embeddings, labels)).to_dict()
    (mistake,) = found["mistakes"]
    assert (mistake["image"], mistake["truth"], mistake["label"]) == ("2/4.png", "c", "a")
    assert found["confusion"] == [[11, 0, 0], [0, 12, 0], [1, 0, 12]]
    assert (found["images"], found["correct"]) == (36, 35)
    assert found["classes"]["a"] == {"images": 11, "precision": 11 / 12, "recall": 1.0}
    assert found["classes"]["c"] == {"images": 13, "precision": 1.0, "recall": 12 / 13}
    assert found["balanced_accuracy"] == pytest.approx((1 + 1 + 12 / 13) / 3)


def test_random_labels_are_predicted_at_chance() -> None:
    embeddings, labels = clusters(4, 16)
    shuffled = make_artifact(embeddings, np.random.default_rng(0).permutation(labels))
    assert cross_validate(shuffled).to_dict()["accuracy"] < 0.45


def test_many_images_are_held_out_in_five_folds() -> None:
    artifact, seen = make_artifact(*clusters(3, 21)), []
    found = cross_validate(artifact, lambda done, total: seen.append((done, total)))
    assert found.protocol == "2 x 5-fold cross-validation"
    assert found.names == artifact.support.names
    assert seen == [(i, 1 + 5 + 3) for i in range(1, 10)]
    assert found.to_dict()["accuracy"] > 0.95


def test_two_classes_leave_no_ood_images() -> None:
    found = cross_validate(make_artifact(*clusters(2, 5))).to_dict()
    assert found["ood_images"] == 0 and found["ood_rejection_rate"] is None


def test_a_lone_image_is_fitted_on_but_not_held_out() -> None:
    embeddings, labels = clusters(3, 4)
    found = cross_validate(make_artifact(embeddings[:9], labels[:9]))
    assert found.truth.tolist() == [0] * 4 + [1] * 4
    with pytest.raises(
        SupportError, match="no class has two different images, so none can be held out"
    ):
        cross_validate(make_artifact(*clusters(3, 1)))


@pytest.mark.parametrize(("shots", "n_negatives"), [(4, 10), (4, 60)])
def test_negatives_are_fitted_on_but_not_held_out(shots: int, n_negatives: int) -> None:
    embeddings, labels = clusters(3, shots)
    negatives = clusters(5, 12)[0][:n_negatives]
    artifact = make_artifact(
        np.concatenate([embeddings, negatives]),
        np.append(labels, np.full(n_negatives, 3)),
        n_classes=3,
    )
    found = cross_validate(artifact)
    assert found.truth.tolist() == labels.tolist()
    sums = found.probabilities.sum(axis=1)
    assert found.probabilities.shape == (12, 3) and sums.min() < 0.999 and sums.max() < 1 + 1e-6
    assert found.protocol == "12 x 4-fold cross-validation"


def test_other_images_with_ood_images() -> None:
    artifact = make_artifact(*clusters(3, 10))
    query, labels = clusters(3, 20)
    ood = clusters(4, 5)[0]
    record = make_record(np.concatenate([query, ood]), np.append(labels, np.full(20, 3)))
    found = evaluate_on(artifact, record, "test/, 80 images")
    assert found.protocol == "test/, 80 images" and found.names == record.names[:60]
    assert found.known.shape == (60,) and found.ood_known.shape == (20,)
    summary = found.to_dict()
    assert (summary["images"], summary["ood_images"]) == (60, 20)
    assert summary["accuracy"] > 0.95 and summary["ood_rejection_rate"] > 0.8
    assert summary["false_rejection_rate"] < 0.3 and summary["reject_rate"] == 0.05
    with pytest.raises(
        SupportError, match=r"x: no image of a class that was fitted on \(a, b, c\)"
    ):
        evaluate_on(artifact, make_record(ood, np.full(20, 3)), "x")


def test_a_class_without_images_does_not_count() -> None:
    artifact = make_artifact(*clusters(3, 10))
    query, labels = clusters(3, 20)
    found = evaluate_on(artifact, make_record(query[labels < 2], labels[labels < 2]), "x").to_dict()
    assert found["balanced_accuracy"] == found["accuracy"] > 0.95
    assert found["classes"]["c"]["images"] == 0


def test_a_copy_does_not_give_its_answer_away() -> None:
    embeddings, _ = clusters(8, 2)
    labels = np.arange(16) // 4  # each class is of two unlike pairs
    embeddings[1::2] = embeddings[::2]
    found = cross_validate(make_artifact(embeddings, labels))
    assert len(found.names) == 16
    assert found.to_dict()["accuracy"] < 0.6


def test_summaries_are_json() -> None:
    embeddings, labels = clusters(3, 5)
    labels[0] = 1
    artifact = make_artifact(embeddings, labels)
    for summary in (
        cross_validate(artifact).to_dict(),
        cross_validate(make_artifact(*clusters(2, 3))).to_dict(),
        learning_curve(artifact, [1, 2]),
    ):
        assert json.loads(json.dumps(summary, allow_nan=False)) == summary
