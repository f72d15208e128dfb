"""Held-out accuracy: small classes and copies do not hide in it, and its interval is honest."""

import numpy as np
import pytest

from fewshot.evaluation.held_out import measure_held_out
from fewshot.evaluation.metrics import wilson_interval
from fewshot.heads.decision import Decision, fit_decision
from tests.conftest import Floats, Labels, clusters


def fitted(
    embeddings: Floats, labels: Labels, n_classes: int, rate: float = 0.05
) -> tuple[Decision, Floats]:
    return fit_decision("auto", embeddings, labels, n_classes, rate)


def test_a_small_class_does_not_hide() -> None:
    embeddings, labels = clusters(2, 41)
    kept = np.r_[0:38, 41:44]
    embeddings, labels = embeddings[kept], labels[kept]
    decision, held_out = fitted(embeddings, labels, 2)
    held_out[labels == 1] = [1, 0]  # as if all three were taken for the other class
    held_out[labels == 0] = [1, 0]
    found = measure_held_out(decision, held_out, embeddings, labels)
    assert (found["held_out_correct"], found["held_out_images"]) == (38, 41)
    assert found["balanced_accuracy"] == 0.5


def test_the_interval_allows_for_shared_training_images() -> None:
    embeddings, labels = clusters(4, 10)
    decision, held_out = fitted(embeddings, labels, 4)
    found = measure_held_out(decision, held_out, embeddings, labels)
    n = 40 / (1 + 5 / 4)
    expected = wilson_interval(found["held_out_correct"] / 40 * n, n)
    assert (found["accuracy_low"], found["accuracy_high"]) == pytest.approx(expected)


def test_near_duplicates_count_once_in_the_interval() -> None:
    embeddings, labels = clusters(2, 20)
    decision, held_out = fitted(embeddings, labels, 2)
    alone, pairs = (
        measure_held_out(decision, held_out, embeddings, labels, groups)
        for groups in (None, np.arange(40) // 2)
    )
    assert pairs["held_out_images"] == alone["held_out_images"]
    assert pairs["accuracy_low"] < alone["accuracy_low"] - 0.02
    assert pairs["false_rejection_high"] > alone["false_rejection_high"] + 0.02


def test_nothing_held_out_is_nothing_known() -> None:
    embeddings, labels = clusters(3, 1)
    decision, held_out = fitted(embeddings, labels, 3)
    assert measure_held_out(decision, held_out, embeddings, labels) == {
        "held_out_images": 0.0,
        "held_out_correct": 0.0,
        "accuracy_low": 0.0,
        "accuracy_high": 1.0,
    }


def test_without_rejection_there_is_no_false_rejection() -> None:
    embeddings, labels = clusters(3, 5)
    found = measure_held_out(*fitted(embeddings, labels, 3, 0.0), embeddings, labels)
    assert "balanced_accuracy" in found and "false_rejection_low" not in found


def test_one_class_is_measured_against_the_negatives() -> None:
    embeddings, labels = clusters(1, 10)
    others = clusters(4, 5)[0]
    embeddings, labels = np.concatenate([embeddings, others]), np.repeat([0, 1], [10, 20])
    decision, held_out = fitted(embeddings, labels, 1)
    held_out[:2] = [0, 1]
    found = measure_held_out(decision, held_out, embeddings, labels)
    assert (found["held_out_correct"], found["held_out_images"]) == (8, 10)
