"""Evaluation answers once for every image that was not fitted on, and counts the answers."""

import json

import numpy as np
import pytest

from fewshot.errors import SupportError
from fewshot.evaluation.cross_validation import cross_validate, evaluate_on
from fewshot.evaluation.learning_curve import learning_curve
from fewshot.heads.decision import fit_decision
from tests.conftest import clusters, make_artifact, make_record


def test_leave_one_out_answers_once_for_every_image() -> None:
    embeddings, labels = clusters(3, 5)
    artifact, seen = make_artifact(embeddings, labels), []
    found = cross_validate(artifact, lambda done, total: seen.append((done, total)))
    assert found.protocol == "leave-one-out"
    assert found.names == artifact.support.names and found.truth.tolist() == labels.tolist()
    assert seen == [(i, 15 + 3) for i in range(1, 19)]
    for i in (0, 7, 14):
        kept = np.arange(15) != i
        without, _ = fit_decision("auto", embeddings[kept], labels[kept], 3, 0.05)
        probabilities, known = without.decide(embeddings[i : i + 1])
        np.testing.assert_allclose(found.probabilities[i], probabilities[0], atol=1e-5)
        assert found.known[i] == known[0]
    assert len(found.ood_known) == 15 and found.ood_known.mean() < 0.5


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


def test_many_images_are_held_out_in_ten_folds() -> None:
    artifact, seen = make_artifact(*clusters(3, 21)), []
    found = cross_validate(artifact, lambda done, total: seen.append((done, total)))
    assert found.protocol == "10-fold cross-validation"
    assert found.names == artifact.support.names
    assert seen == [(i, 10 + 3) for i in range(1, 14)]
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
    seen: list[int] = []
    found = cross_validate(artifact, lambda done, total: seen.append(total))
    assert found.truth.tolist() == labels.tolist()
    sums = found.probabilities.sum(axis=1)
    assert found.probabilities.shape == (12, 3) and sums.mean() < 0.999 and sums.max() < 1 + 1e-6
    fits = seen[-1] - 3  # one without each class
    protocol = "leave-one-out" if fits == 12 else f"{fits}-fold cross-validation"
    assert found.protocol == protocol


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
