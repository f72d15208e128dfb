"""Prototypes on embeddings whose similarity has a known meaning."""

import numpy as np
import pytest

from fewshot.heads.prototype import SamePerson, fit_prototypes

SAME = SamePerson(0.944, 0.0207, 0.905, 120.0)


def people(n_people: int, shots: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Make embeddings of people: two of one person have a cosine of 0.944, of two 0.86."""
    chance = np.random.default_rng(seed)
    common = np.sqrt(0.86) * np.eye(128)[0]
    own = np.sqrt(0.944 - 0.86) * _unit(chance.normal(size=(n_people, 128)))
    labels = np.repeat(np.arange(n_people), shots)
    noise = np.sqrt(1 - 0.944) * _unit(chance.normal(size=(len(labels), 128)))
    return np.float32(_unit(common + own[labels] + noise)), labels


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("shots", [1, 2, 10])
@pytest.mark.parametrize("known", [1, 2, 5])
def test_people_are_recognised_and_others_rejected(known: int, shots: int) -> None:
    embeddings, labels = people(known + 5, shots + 20)
    first = np.concatenate([np.flatnonzero(labels == p)[:shots] for p in range(known)])
    decision, held_out = fit_prototypes(embeddings[first], labels[first], known, 0.05, SAME)
    assert held_out.shape == (known * shots, known + 1)
    assert np.isnan(held_out).all() if shots == 1 else not np.isnan(held_out).any()
    asked = np.setdiff1d(np.arange(len(labels)), first)
    mine = labels[asked] < known
    probabilities, is_known = decision.decide(embeddings[asked])
    assert (probabilities[mine].argmax(axis=1) == labels[asked][mine]).mean() > 0.98
    assert is_known[mine].mean() > 0.85 and is_known[~mine].mean() < 0.1
    assert probabilities[~mine].max(axis=1).mean() < 0.2
