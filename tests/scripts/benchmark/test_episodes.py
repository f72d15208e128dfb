"""Episodes are what they say, and too few images to draw from are an error."""

import json

import numpy as np
import pytest
from episodes import run_episodes

from fewshot.errors import SupportError, UsageError
from tests.conftest import clusters, make_record


def test_more_shots_and_fewer_ways_are_easier() -> None:
    record = make_record(*clusters(5, 20))
    one, five = (run_episodes(record, "auto", 20, 5, shot) for shot in (1, 5))
    assert five["protocol"] == "20 episodes, 5-way 5-shot"
    assert one["accuracy"] < five["accuracy"] > 0.97
    assert one["accuracy_low"] < one["accuracy"] < one["accuracy_high"]
    assert run_episodes(record, "auto", 20, 5, 1) == one
    assert run_episodes(record, "auto", 20, 2, 1)["accuracy"] > one["accuracy"]
    assert json.loads(json.dumps(one, allow_nan=False)) == one


def test_labels_by_chance_are_guessed_by_chance() -> None:
    embeddings, labels = clusters(4, 16)
    shuffled = make_record(embeddings, np.random.default_rng(0).permutation(labels))
    found = run_episodes(shuffled, "auto", 20, 4, 5)
    assert found["accuracy"] == pytest.approx(0.25, abs=0.1)


@pytest.mark.parametrize(("way", "shot", "n_large"), [(4, 2, 3), (2, 5, 0)])
def test_too_few_images_to_draw_from(way: int, shot: int, n_large: int) -> None:
    message = f"{n_large} classes have more than {shot} .* at least {way}: use"
    with pytest.raises(SupportError, match=message):
        run_episodes(make_record(*clusters(3, 5)), "auto", 3, way, shot)


@pytest.mark.parametrize(("episodes", "way"), [(1, 2), (2, 1)])
def test_a_single_episode_or_class_is_refused(episodes: int, way: int) -> None:
    with pytest.raises(UsageError, match="expected 2 or more of each"):
        run_episodes(make_record(*clusters(3, 5)), "auto", episodes, way, 2)
