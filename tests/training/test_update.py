"""Teaching: what comes of it is what fitting from the beginning gives, and nothing is lost."""

import re
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot import Artifact, FewShotClassifier
from fewshot.artifact import previous_path, read_artifact, restore_previous
from fewshot.errors import (
    FewShotWarning,
    ImageError,
    MissingFileError,
    NotFittedError,
    SupportError,
    UsageError,
)
from fewshot.heads.linear import HEADS
from fewshot.training.change import compare
from fewshot.training.embed import embed_support
from fewshot.training.support_set import gather
from tests.conftest import CLASSES, draw, draw_noise, write_set


def fit(data: Path, head: str = "auto", **options: object) -> FewShotClassifier:
    return FewShotClassifier(head).fit(data, **options)  # type: ignore[arg-type]


def assert_same(found: Artifact, expected: Artifact) -> None:
    """Compare all that answers depend on, bit for bit."""
    assert found.classes == expected.classes
    one, other = (
        sorted(zip(a.hashes, a.labels, strict=True)) for a in (found.support, expected.support)
    )
    assert one == other
    assert found.measured == expected.measured
    first, second = found.decision, expected.decision
    assert first.temperature == second.temperature
    assert first.rejection.threshold == second.rejection.threshold
    for a, b in [
        (first.head.weights, second.head.weights),
        (first.head.bias, second.head.bias),
        (first.rejection.prototypes, second.rejection.prototypes),
        (found.references.probabilities, expected.references.probabilities),
        (found.references.known, expected.references.known),
    ]:
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of each class, no two of one origin; not to be written to."""
    folder = write_set(tmp_path_factory.mktemp("all") / "data", 6)
    for seed, file in enumerate(sorted(folder.glob("*/*.png"))):
        with Image.open(file) as image:
            image.paste(draw_noise(seed, 40), (5 + seed * 7 % 50, 5 + seed * 11 % 50))
        image.save(file)
    return folder


@pytest.fixture(scope="module")
def whole(data: Path) -> FewShotClassifier:
    """Fitted on all of them at once."""
    return fit(data)


@pytest.mark.parametrize("head", HEADS)
def test_learning_bit_by_bit_is_learning_at_once(head: str, data: Path) -> None:
    first = {c: sorted((data / c).iterdir())[:3] for c in CLASSES[1:]}
    taught = FewShotClassifier(head).fit(first)
    later = sorted((data / CLASSES[0]).iterdir())
    taught = taught.partial_fit(later[3:], [CLASSES[0]] * 3)
    taught = taught.partial_fit({c: sorted((data / c).iterdir())[3:] for c in CLASSES[1:]})
    taught = taught.partial_fit(later[:3], [CLASSES[0]] * 3)
    assert_same(taught.artifact_, fit(data, head).artifact_)


def test_only_new_images_are_embedded_and_known_ones_passed_over(
    data: Path, whole: FewShotClassifier
) -> None:
    part = FewShotClassifier().fit({c: sorted((data / c).iterdir())[:5] for c in CLASSES})
    assert embed_support(gather(data), CLASSES, part.embedder_, part.artifact_).n_embedded == 3
    taught = part.partial_fit(data)
    assert_same(taught.artifact_, whole.artifact_)
    assert taught.partial_fit(data).artifact_ is taught.artifact_


def test_the_classifier_that_is_taught_stays_as_it_is(whole: FewShotClassifier) -> None:
    before, weights = whole.artifact_, whole.artifact_.decision.head.weights.copy()
    taught = whole.partial_fit([draw_noise(1), draw_noise(2)], ["noise"] * 2)
    assert whole.artifact_ is before and whole.class_names_ == CLASSES
    np.testing.assert_array_equal(before.decision.head.weights, weights)
    assert taught.class_names_ == ("disc", "grid", "noise", "stripes")
    assert taught.classify(draw_noise(3)).label == "noise"


def test_images_without_a_label_are_negatives(data: Path, whole: FewShotClassifier) -> None:
    noise = [np.asarray(draw_noise(seed)) for seed in range(4)]
    taught = whole.partial_fit(noise, [None] * 4)
    assert_same(taught.artifact_, fit(data, negatives=noise).artifact_)
    back = taught.remove(images=noise)
    assert_same(back.artifact_, whole.artifact_)


def test_removing_is_never_having_had(data: Path, whole: FewShotClassifier) -> None:
    without = FewShotClassifier().fit({c: sorted((data / c).iterdir()) for c in CLASSES[1:]})
    assert_same(whole.remove(label="disc").artifact_, without.artifact_)
    every = [f"disc/{seed:02}.png" for seed in range(6)]  # names of files that are not here
    assert_same(whole.remove(images=every).artifact_, without.artifact_)
    assert_same(whole.remove(label="disc", images=every[:2]).artifact_, without.artifact_)
    fewer = {c: sorted((data / c).iterdir()) for c in CLASSES}
    gone = fewer["grid"].pop(2)
    assert_same(whole.remove(images=[gone]).artifact_, fit(fewer).artifact_)  # type: ignore[arg-type]


def test_relabelling_and_renaming(data: Path, whole: FewShotClassifier, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(data, tmp_path / "data"))
    (copy / "disc" / "01.png").rename(copy / "grid" / "moved.png")
    taught = whole.relabel([data / "disc" / "01.png"], "grid")
    assert_same(taught.artifact_, fit(copy).artifact_)
    (copy / "stripes").rename(copy / "bars 猫")
    taught = taught.rename("stripes", "bars 猫")
    assert_same(taught.artifact_, fit(copy).artifact_)
    (copy / "new").mkdir()
    (copy / "grid" / "moved.png").rename(copy / "new" / "moved.png")
    assert_same(taught.relabel(["disc/01.png"], "new").artifact_, fit(copy).artifact_)


def test_a_name_makes_no_difference(whole: FewShotClassifier) -> None:
    renamed = whole.rename("disc", "zzz")  # the last instead of the first
    assert renamed.artifact_.measured == whole.artifact_.measured
    one, other = whole.classify(draw("grid", 80)), renamed.classify(draw("grid", 80))
    assert other.probability == pytest.approx(one.probability, abs=1e-5)


def test_correcting_adds_or_relabels(data: Path, whole: FewShotClassifier) -> None:
    new = draw("grid", 77)
    taught = whole.correct([new, data / "disc" / "01.png"], "grid")
    assert dict(taught.artifact_.summary()["classes"]) == {"disc": 5, "grid": 8, "stripes": 6}
    expected = whole.partial_fit([new], ["grid"]).relabel([data / "disc" / "01.png"], "grid")
    assert_same(taught.artifact_, expected.artifact_)
    with pytest.raises(ImageError, match="not an image"):
        whole.correct([b"no image"], "grid")


def test_what_cannot_be_taught_is_left_out_and_named(data: Path, whole: FewShotClassifier) -> None:
    files = [data / "disc" / "00.png", b"", draw("grid", 50)]
    with pytest.warns(FewShotWarning) as caught:
        taught = whole.partial_fit(files, ["grid", "grid", "grid"])
    assert [warning.filename for warning in caught] == [__file__] * 2
    assert str(taught.skipped_[0]).endswith("empty file (0 bytes)")
    assert "known as disc/00.png, under another label" in str(taught.skipped_[1])
    assert taught.artifact_.summary()["classes"] == {"disc": 6, "grid": 7, "stripes": 6}


@pytest.mark.parametrize(
    ("lesson", "error", "message"),
    [
        (
            lambda c: c.remove(label="dics"),
            UsageError,
            "no class 'dics'; expected one of disc, gri",
        ),
        (lambda c: c.remove(images=["disc/77.png"]), SupportError, "not among the 18 images fitte"),
        (lambda c: c.remove(images=[draw_noise(5)]), SupportError, "not among the 18 images"),
        (lambda c: c.remove(images="disc/00.png"), ImageError, "pass a list"),
        (lambda c: c.relabel(["disc/77.png"], "grid"), SupportError, "not among the 18 images"),
        (lambda c: c.relabel(["disc/00.png"], ""), UsageError, "empty name"),
        (lambda c: c.rename("dics", "x"), UsageError, "no class 'dics'"),
        (lambda c: c.rename("disc", "grid"), UsageError, "there is a class 'grid' already"),
        (lambda c: c.rename("disc", ""), UsageError, "empty name"),
        (
            lambda c: c.remove(label="disc").remove(label="grid"),
            SupportError,
            "only one class, 'st",
        ),
        (lambda c: c.partial_fit([draw("disc", 1)]), SupportError, "images without labels"),
        (lambda c: FewShotClassifier().partial_fit([], []), NotFittedError, r"call fit\(\)"),
    ],
)
def test_what_is_refused(
    lesson: object, error: type[Exception], message: str, whole: FewShotClassifier
) -> None:
    before = whole.artifact_
    with pytest.raises(error, match=message):
        lesson(whole)  # type: ignore[operator]
    assert whole.artifact_ is before


def test_an_image_of_a_known_name_gets_one_of_its_own(
    whole: FewShotClassifier, tmp_path: Path
) -> None:
    other = write_set(tmp_path / "data", 1, first=40)
    (other / "disc" / "40.png").rename(other / "disc" / "00.png")
    taught = whole.partial_fit(other)
    (new,) = (name for name in names(taught) if name.endswith("/disc/00.png"))
    assert re.fullmatch(r"[0-9a-f]{8}/disc/00\.png", new) and len(set(names(taught))) == 21
    first = names(taught.remove(images=["disc/00.png"]))
    assert new in first and "disc/00.png" not in first
    for image in (new, other / "disc" / "00.png"):
        second = names(taught.remove(images=[image]))
        assert new not in second and "disc/00.png" in second


def names(classifier: FewShotClassifier) -> tuple[str, ...]:
    return classifier.artifact_.support.names


def test_a_name_without_a_folder_is_not_the_end_of_another(
    whole: FewShotClassifier, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    draw("grid", 60).save("00.png")
    taught = whole.partial_fit(["00.png"], ["grid"])
    (tmp_path / "00.png").unlink()
    with pytest.raises(SupportError, match=r"mistyped.00\.png: not among"):
        taught.remove(images=["mistyped/00.png"])
    assert "00.png" not in names(taught.remove(images=["00.png"]))
    assert "disc/00.png" not in names(taught.remove(images=["data/disc/00.png"]))


def test_copies_within_a_lesson(whole: FewShotClassifier) -> None:
    new = draw("grid", 61)
    once = whole.partial_fit([new], ["grid"])
    assert_same(whole.partial_fit([new, new], ["grid"] * 2).artifact_, once.artifact_)
    with pytest.warns(FewShotWarning, match="under another label"):
        both = whole.partial_fit([new, new], ["grid", "disc"])
    assert_same(both.artifact_, once.artifact_)


def test_a_lesson_that_changes_nothing_gives_the_same_artifact(whole: FewShotClassifier) -> None:
    for same in (whole.relabel(["disc/01.png"], "disc"), whole.remove(images=[])):
        assert same.artifact_ is whole.artifact_


def test_saving_the_same_again_keeps_what_was_before(
    whole: FewShotClassifier, tmp_path: Path
) -> None:
    whole.save(tmp_path)
    FewShotClassifier.load(tmp_path).rename("disc", "circle").save(tmp_path)
    kept = previous_path(tmp_path).read_bytes()
    again = FewShotClassifier.load(tmp_path)
    again.artifact_ = replace(again.artifact_, created="2000-01-01T00:00:00+00:00")
    again.save(tmp_path)
    assert previous_path(tmp_path).read_bytes() == kept


def test_comparing_what_has_the_same_images(data: Path, whole: FewShotClassifier) -> None:
    assert not compare(whole.artifact_, whole.artifact_)["changed"]
    assert compare(whole.artifact_, fit(data, "centroid").artifact_)["changed"]


def test_negatives_can_be_forgotten(whole: FewShotClassifier) -> None:
    taught = whole.partial_fit([draw_noise(1), draw_noise(2)], [None, None])
    assert taught.artifact_.has_negatives
    assert_same(taught.remove(negatives=True).artifact_, whole.artifact_)


def test_a_file_of_a_known_name_and_other_content_is_not_taken_for_it(
    whole: FewShotClassifier, tmp_path: Path
) -> None:
    (tmp_path / "disc").mkdir()
    draw_noise(3).save(tmp_path / "disc" / "00.png")
    with pytest.raises(SupportError, match="not among"):
        whole.remove(images=[tmp_path / "disc" / "00.png"])


def test_a_taught_classifier_is_saved_beside_the_previous_one(
    whole: FewShotClassifier, tmp_path: Path
) -> None:
    file = whole.save(tmp_path)
    whole.save(tmp_path)
    assert not previous_path(file).exists()  # nothing changed
    with pytest.raises(MissingFileError, match="nothing to undo"):
        restore_previous(tmp_path)
    first = file.read_bytes()
    FewShotClassifier.load(tmp_path).rename("disc", "circle").save(tmp_path)
    second = file.read_bytes()
    assert previous_path(file).read_bytes() == first
    before, after = restore_previous(tmp_path)
    assert (before.classes[0], after.classes[0]) == ("circle", "disc")
    assert (file.read_bytes(), previous_path(file).read_bytes()) == (first, second)
    restore_previous(tmp_path)  # undoing is undone in the same way
    assert (file.read_bytes(), previous_path(file).read_bytes()) == (second, first)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_damaged_previous_classifier_is_not_put_back(
    whole: FewShotClassifier, tmp_path: Path
) -> None:
    file = whole.save(tmp_path)
    previous_path(file).write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"previous\.pkl: not a classifier file"):
        restore_previous(tmp_path)
    assert read_artifact(file).classes == CLASSES


def test_teaching_raises_no_warning_of_its_own(whole: FewShotClassifier) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole.remove(images=["disc/00.png"]).rename("disc", "x")
