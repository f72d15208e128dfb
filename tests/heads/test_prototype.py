"""Prototypes on embeddings whose similarity has a known meaning."""

import numpy as np
import onnxruntime
import pytest

from fewshot.backbones.pooling import pool
from fewshot.errors import UsageError
from fewshot.heads.decision import Decision, fit_decision
from fewshot.heads.prototype import SamePerson, fit_prototypes
from fewshot.heads.rejection import NEVER
from tests.conftest import Floats, Labels

SAME = SamePerson(0.944, 0.0207, 0.905, 120.0)


def people(n_people: int, shots: int, seed: int = 0) -> tuple[Floats, Labels]:
    """Make embeddings of people: two of one person have a cosine of 0.944, of two 0.86."""
    chance = np.random.default_rng(seed)
    common = np.sqrt(0.86) * np.eye(128)[0]
    own = np.sqrt(0.944 - 0.86) * _unit(chance.normal(size=(n_people, 128)))
    labels = np.repeat(np.arange(n_people), shots)
    noise = np.sqrt(1 - 0.944) * _unit(chance.normal(size=(len(labels), 128)))
    return np.float32(_unit(common + own[labels] + noise)), labels


def uneven_people(n_people: int, shots: int, seed: int = 0) -> tuple[Floats, Labels]:
    """Make embeddings of people of whom some images show less than others, as real ones do."""
    chance = np.random.default_rng(seed)
    common = np.sqrt(0.86) * np.eye(128)[0]
    own = np.sqrt(0.944 - 0.86) * _unit(chance.normal(size=(n_people, 128)))
    labels = np.repeat(np.arange(n_people), shots)
    clear = np.minimum(chance.normal(np.sqrt(0.944), 0.0147, len(labels)), 0.999)[:, np.newaxis]
    noise = np.sqrt(1 - clear**2) * _unit(chance.normal(size=(len(labels), 128)))
    return np.float32(_unit(clear * _unit(common + own[labels]) + noise)), labels


def first_of_each(labels: Labels, shots: list[int]) -> Labels:
    return np.concatenate([np.flatnonzero(labels == p)[:n] for p, n in enumerate(shots)])


def fit(embeddings: Floats, labels: Labels, rate: float = 0.05) -> Decision:
    return fit_prototypes(embeddings, labels, int(labels.max()) + 1, rate, SAME)[0]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("shots", [1, 2, 10])
@pytest.mark.parametrize("known", [1, 2, 5])
def test_people_are_recognised_and_others_rejected(known: int, shots: int) -> None:
    embeddings, labels = people(known + 5, shots + 20)
    first = first_of_each(labels, [shots] * known)
    decision, held_out = fit_prototypes(embeddings[first], labels[first], known, 0.05, SAME)
    assert held_out.shape == (known * shots, known + 1)
    assert np.isnan(held_out).all() if shots == 1 else not np.isnan(held_out).any()
    asked = np.setdiff1d(np.arange(len(labels)), first)
    mine = labels[asked] < known
    probabilities, is_known = decision.decide(embeddings[asked])
    assert (probabilities[mine].argmax(axis=1) == labels[asked][mine]).mean() > 0.98
    assert is_known[mine].mean() > 0.85 and is_known[~mine].mean() < 0.1
    assert probabilities[~mine].max(axis=1).mean() < 0.2


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("shots", [1, 2, 5, 20])
def test_as_many_are_rejected_falsely_as_were_asked_for(shots: int, rate: float) -> None:
    rejected = []
    for seed in range(20):
        embeddings, labels = uneven_people(3, shots + 40, seed)
        first = first_of_each(labels, [shots] * 3)
        rest = np.setdiff1d(np.arange(len(labels)), first)
        _, known = fit(embeddings[first], labels[first], rate).decide(embeddings[rest])
        rejected.append(1 - known.mean())
    assert np.mean(rejected) == pytest.approx(rate, abs=0.02 + rate / 5)


def test_a_class_of_one_image_is_rejected_about_as_often_as_one_of_many() -> None:
    rejected: list[list[float]] = []
    for seed in range(20):
        embeddings, labels = uneven_people(2, 80, seed)
        first = first_of_each(labels, [1, 40])
        rest = np.setdiff1d(np.arange(len(labels)), first)
        _, known = fit(embeddings[first], labels[first]).decide(embeddings[rest])
        rejected.append([1 - known[labels[rest] == p].mean() for p in range(2)])
    few, many = np.mean(rejected, axis=0)
    assert few < 0.15 and many == pytest.approx(0.05, abs=0.03)


def test_nobody_is_rejected_at_a_rate_of_0() -> None:
    decision = fit(*people(2, 4), rate=0.0)
    assert decision.rejection.threshold == NEVER
    assert decision.decide(people(2, 4, seed=1)[0])[1].all()


def test_a_held_out_score_is_that_of_a_head_without_the_image_and_its_copies() -> None:
    embeddings, labels = people(2, 4)
    embeddings[1] = embeddings[0]  # a copy
    _, held_out = fit_prototypes(embeddings, labels, 2, 0.05, SAME)
    for row, without in ((0, [0, 1]), (1, [0, 1]), (2, [2]), (6, [6])):
        kept = np.setdiff1d(np.arange(8), without)
        expected = fit(embeddings[kept], labels[kept]).head.scores(embeddings[[row]])[0]
        np.testing.assert_allclose(held_out[row, labels[row]], expected[labels[row]], atol=1e-3)
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    _, held_out = fit_prototypes(embeddings, labels, 2, 0.05, SAME, groups)
    expected = fit(embeddings[[0, 1, 4, 5, 6, 7]], labels[[0, 1, 4, 5, 6, 7]])
    scores = expected.head.scores(embeddings[2:4])
    np.testing.assert_allclose(held_out[2:4, 0], scores[:, 0], atol=1e-3)


def test_what_is_unlike_itself_lowers_the_threshold_but_not_below_all() -> None:
    chance = np.random.default_rng(0)
    embeddings = np.float32(_unit(chance.normal(size=(6, 128))))  # no two are alike
    decision, _ = fit_prototypes(embeddings, np.repeat([0, 1], 3), 2, 0.05, SAME)
    assert np.isfinite(decision.rejection.prototypes).all()
    assert decision.decide(embeddings)[1].all()
    assert not decision.decide(-embeddings)[1].any()


def test_negatives_are_not_fitted_on() -> None:
    embeddings, labels = people(3, 5)
    decision, held_out = fit_prototypes(embeddings, labels, 2, 0.05, SAME)  # the third are such
    alone = fit(embeddings[:10], labels[:10])
    np.testing.assert_array_equal(decision.head.weights, alone.head.weights)
    np.testing.assert_allclose(decision.rejection.prototypes, alone.rejection.prototypes)
    assert held_out.shape == (15, 3) and not np.isnan(held_out).any()


def test_the_exported_graph_answers_the_same() -> None:
    pytest.importorskip("onnx", reason="graphs are made with onnx")
    from fewshot.export.graph import head_graph

    embeddings, labels = people(5, 6)
    decision = fit(embeddings[labels < 3], labels[labels < 3])
    # Two places, and a length that `pool` takes away.
    maps = np.repeat(7 * embeddings[..., np.newaxis, np.newaxis], 2, axis=3)
    model = head_graph(decision, (1, 2))
    model.ir_version = 8
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    given, known = session.run(["probabilities", "known"], {"feature_map": maps})
    expected, expected_known = decision.decide(np.stack([pool(each[np.newaxis]) for each in maps]))
    np.testing.assert_allclose(given, expected, atol=1e-5)
    assert known.tolist() == expected_known.tolist() and {True, False} == set(known.tolist())


def test_auto_means_prototypes_where_the_similarity_has_a_meaning() -> None:
    embeddings, labels = people(2, 3)
    assert fit_decision("auto", embeddings, labels, 2, 0.05, same_person=SAME)[0].head.kind == (
        "prototype"
    )
    chosen = fit_decision("centroid", embeddings, labels, 2, 0.05, same_person=SAME)[0]
    assert chosen.head.kind == "centroid"
    with pytest.raises(UsageError, match="needs embeddings whose similarity has a known meaning"):
        fit_decision("prototype", embeddings, labels, 2, 0.05)
