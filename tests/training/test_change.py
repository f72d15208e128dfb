"""What a change made different, and what of an earlier classifier is lost or kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from fewshot import FewShotClassifier
from fewshot.training.change import compare, count_lost
from fewshot.training.keep_taught import keep_taught
from tests.conftest import CLASSES, draw


@pytest.fixture(scope="module")
def taught(classifier: FewShotClassifier) -> FewShotClassifier:
    """A classifier with two more images, one of another label, and one less."""
    more = classifier.partial_fit([draw("grid", 60), draw("disc", 61)], ["grid", "horse"])
    return more.relabel(["disc/00.png"], "grid").remove(images=["stripes/03.png"])


def test_accuracy_is_compared_on_the_same_images(classifier: FewShotClassifier) -> None:
    more = classifier.partial_fit([draw("disc", 60), draw("disc", 61)], ["grid", "horse"])
    change = compare(classifier.artifact_, more.artifact_, more.held_out_)
    assert more.held_out_ is not None and len(more.held_out_) == 14
    support = more.artifact_.support
    assert support.hashes[:12] == classifier.artifact_.support.hashes
    right = more.held_out_[:12].argmax(axis=1) == support.labels[:12]
    assert change["measured_same"]["held_out_images"] == 12
    assert change["measured_same"]["held_out_correct"] == right.sum()
    assert change["measured"]["held_out_images"] == 13  # the horse is alone


def test_without_the_same_images_there_is_nothing_to_compare_on(
    classifier: FewShotClassifier,
) -> None:
    support = {label: [draw(label, seed) for seed in (80, 81)] for label in CLASSES}
    other = FewShotClassifier().fit(support)
    assert compare(other.artifact_, classifier.artifact_)["measured_same"] is None
    found = compare(other.artifact_, classifier.artifact_, classifier.held_out_)
    assert found["measured_same"] is None


def test_what_is_lost_is_counted(classifier: FewShotClassifier, taught: FewShotClassifier) -> None:
    lost = count_lost(taught.artifact_, classifier.artifact_)
    assert lost == {"images": 13, "missing": 2, "relabelled": 1, "removed": 1}
    kept = keep_taught(classifier.artifact_, taught.artifact_).artifact
    assert set(count_lost(taught.artifact_, kept).values()) == {13, 0}
    assert kept.classes == ("disc", "grid", "horse", "stripes")
    for part in ("taught", "removed"):
        assert getattr(kept.support, part) == getattr(taught.artifact_.support, part)


def test_what_was_not_taught_is_not_kept(taught: FewShotClassifier, support_folder: Path) -> None:
    paths = sorted(support_folder.glob("*/0[12].png"))
    smaller = FewShotClassifier().fit(paths, [path.parent.name for path in paths])
    kept = keep_taught(smaller.artifact_, taught.artifact_).artifact
    assert kept.summary()["classes"] == {"disc": 2, "grid": 4, "horse": 1, "stripes": 2}


def test_nothing_taught_changes_nothing(classifier: FewShotClassifier) -> None:
    update = keep_taught(classifier.artifact_, classifier.artifact_)
    assert update.artifact is classifier.artifact_ and update.held_out is None


def test_of_an_earlier_format_every_image_is_kept(
    classifier: FewShotClassifier, taught: FewShotClassifier
) -> None:
    support = replace(taught.artifact_.support, taught=(), removed=())
    earlier = replace(taught.artifact_, support=support, format=3)
    kept = keep_taught(classifier.artifact_, earlier).artifact
    assert kept.summary()["classes"] == {"disc": 4, "grid": 5, "horse": 1, "stripes": 4}


def test_an_image_that_was_removed_and_added_again_is_taught(
    classifier: FewShotClassifier, support_folder: Path
) -> None:
    file = support_folder / "disc" / "00.png"
    removed = classifier.remove(images=[file]).artifact_.support
    assert len(removed.removed) == 1 and not removed.taught
    again = classifier.remove(images=[file]).partial_fit([file], ["grid"]).artifact_.support
    assert again.taught == removed.removed and not again.removed
