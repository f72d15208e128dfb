"""Decisions are accurate on new embeddings, and reject those of other classes."""

import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.metrics import roc_auc_score

from fewshot.errors import UsageError
from fewshot.heads.decision import Decision, fit_decision
from fewshot.heads.linear import HEADS
from fewshot.heads.rejection import NEVER
from tests.conftest import Floats, Labels, clusters


def fit(kind: str, n_classes: int, shots: int, rate: float = 0.05) -> Decision:
    return fit_decision(kind, *clusters(n_classes, shots), n_classes, rate)[0]


def with_negatives(support: tuple[Floats, Labels], negatives: Floats) -> tuple[Floats, Labels]:
    embeddings, labels = support
    more = np.full(len(negatives), labels.max() + 1)
    return np.concatenate([embeddings, negatives]), np.concatenate([labels, more])


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize(("shots", "accuracy"), [(1, 0.85), (2, 0.98), (10, 0.99)])
def test_new_embeddings_are_told_apart(kind: str, shots: int, accuracy: float) -> None:
    decision, held_out = fit_decision(kind, *clusters(5, shots), 5, 0.05)
    query, labels = clusters(5, 50)
    probabilities, known = decision.decide(query)
    assert (probabilities.argmax(axis=1) == labels).mean() >= accuracy
    assert probabilities.shape == (250, 5) and known.shape == (250,)
    assert decision.head.kind == kind and decision.head.weights.shape == (5, 64)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.isnan(held_out).all() if shots == 1 else np.isfinite(held_out).all()
    assert (decision.rejection.threshold == NEVER) == (shots == 1)
    assert known.all() if shots == 1 else known.mean() > 0.7


@pytest.mark.parametrize(("n_classes", "shots"), [(2, 4), (5, 8)])
def test_auto_is_a_blend_of_logistic_and_discriminant(n_classes: int, shots: int) -> None:
    auto, *members = (
        np.append(head.weights, head.bias).astype(float)
        for head in (fit(k, n_classes, shots).head for k in ("auto", "logistic", "discriminant"))
    )
    _, distance = nnls(np.stack(members, axis=1), auto)
    assert distance < 1e-4 * np.linalg.norm(auto)
    assert nnls(members[0][:, None], members[1])[1] > 1e-2 * np.linalg.norm(members[1])


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_the_rate_asked_for_is_rejected_and_most_of_other_classes(kind: str, rate: float) -> None:
    decisions = [fit(kind, 5, shots, rate) for shots in range(36, 44)]  # one alone is by chance
    genuine, others = clusters(5, 200)[0], clusters(4, 100)[0]
    rejected = np.mean([~decision.decide(genuine)[1] for decision in decisions])
    assert rejected == pytest.approx(rate, abs=0.04)
    assert np.mean([~decision.decide(others)[1] for decision in decisions]) > 0.9
    assert {decision.rejection.rate for decision in decisions} == {rate}


@pytest.mark.parametrize("kind", HEADS)
def test_a_rate_of_0_rejects_nothing(kind: str) -> None:
    decision = fit(kind, 5, 10, 0.0)
    for n_classes in (4, 5):
        assert decision.decide(clusters(n_classes, 50)[0])[1].all()


def near(n_classes: int, shots: int) -> Floats:
    """OOD embeddings near the classes: half way to somewhere else, one direction for each."""
    towards = clusters(7, 1)[0][:n_classes].repeat(shots, axis=0)
    sums = clusters(n_classes, shots)[0] + 0.5 * towards
    return np.float32(sums / np.linalg.norm(sums, axis=1, keepdims=True))


@pytest.mark.parametrize("kind", HEADS)
def test_negatives_help_to_reject_images_like_them(kind: str) -> None:
    def separation(decision: Decision) -> float:
        def confidence(embeddings: Floats) -> Floats:
            logits = decision.head.scores(embeddings) / np.float32(decision.temperature)
            return decision.rejection.confidence(logits, embeddings)

        both = np.concatenate([confidence(clusters(3, 100)[0]), confidence(near(3, 90))])
        return float(roc_auc_score(np.repeat([1, 0], [300, 270]), both))

    support = clusters(3, 10)
    without, _ = fit_decision(kind, *support, 3, 0.05)
    with_them, held_out = fit_decision(kind, *with_negatives(support, near(3, 8)), 3, 0.05)
    assert separation(with_them) > separation(without) + 0.01
    assert held_out.shape == (54, 4)
    probabilities, _ = with_them.decide(near(3, 90))
    assert probabilities.shape == (270, 3)
    assert (probabilities.sum(axis=1) < 1).all() and probabilities.sum(axis=1).mean() < 0.8


@pytest.mark.parametrize("kind", HEADS)
def test_one_class_and_negatives_are_enough(kind: str) -> None:
    support = with_negatives(clusters(1, 10), clusters(4, 5)[0])
    decision, _ = fit_decision(kind, *support, 1, 0.05)
    probabilities, known = decision.decide(clusters(1, 100)[0])
    assert probabilities.shape == (100, 1) and probabilities.mean() > 0.9 and known.mean() > 0.75
    probabilities, known = decision.decide(clusters(4, 100)[0])
    assert probabilities.mean() < 0.1 and known.mean() < 0.05


def test_a_lone_image_of_a_class_is_never_held_out() -> None:
    embeddings, labels = clusters(3, 4)
    kept = np.arange(12) < 9  # the last class keeps one
    decision, held_out = fit_decision("auto", embeddings[kept], labels[kept], 3, 0.05)
    np.testing.assert_array_equal(np.isnan(held_out).all(axis=1), np.arange(9) == 8)
    assert decision.rejection.threshold > NEVER


def test_other_heads_are_refused() -> None:
    with pytest.raises(UsageError, match=f"head is 'forest'; expected one of {', '.join(HEADS)}"):
        fit("forest", 2, 2)


def test_the_order_of_images_with_hashes_makes_no_difference() -> None:
    embeddings, labels = clusters(3, 6)
    hashes = [f"{i * 7 % 18:02}" for i in range(18)]
    mixed = np.random.default_rng(0).permutation(18)
    first, held_1 = fit_decision("auto", embeddings, labels, 3, 0.05, hashes=hashes)
    again, held_2 = fit_decision(
        "auto", embeddings[mixed], labels[mixed], 3, 0.05, hashes=[hashes[i] for i in mixed]
    )
    np.testing.assert_array_equal(first.head.weights, again.head.weights)
    np.testing.assert_array_equal(held_1[mixed], held_2)


def test_held_out_scores_are_the_mean_of_repeats_and_the_decision_is_of_one() -> None:
    embeddings, labels = clusters(4, 2)
    many, held_out = fit_decision("auto", embeddings, labels, 4, 0.05)
    one, of_one = fit_decision("auto", embeddings, labels, 4, 0.05, repeat=False)
    np.testing.assert_array_equal(many.head.weights, one.head.weights)
    assert many.temperature == one.temperature
    assert many.rejection.threshold == one.rejection.threshold
    assert not np.array_equal(held_out, of_one)


def test_near_duplicates_do_not_give_each_other_away() -> None:
    embeddings, _ = clusters(8, 2)
    labels = np.arange(16) // 4  # each class is of two unlike pairs
    rng = np.random.default_rng(0)
    embeddings[1::2] = embeddings[::2] + rng.normal(0, 1e-3, (8, 64)).astype(np.float32)
    groups = np.arange(16) // 2
    apart, together = (
        (fit_decision("auto", embeddings, labels, 4, 0.0, groups=g)[1].argmax(1) == labels).mean()
        for g in (None, groups)
    )
    assert apart == 1 and together < 0.7


def test_many_classes_of_few_images_raise_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    fit("auto", 25, 1)
    fit("auto", 15, 2)
    assert not recwarn.list
