"""Explanations: contributions add up to the score, and lie where the thing is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fewshot import Artifact, Embedder, FewShotClassifier
from fewshot.errors import ImageError, UsageError
from fewshot.explain.activation_map import Explanation, explain
from fewshot.heads.decision import fit_decision
from fewshot.heads.linear import HEADS
from tests.conftest import CLASSES, draw, draw_face, draw_noise

IMAGES = [draw(label, seed) for label in CLASSES for seed in range(4)]
ENDS = (slice(3), slice(4, 7))
LABELS = np.repeat(np.arange(3), 4)
Fit = Callable[[str], tuple[Artifact, Embedder]]


@pytest.fixture(scope="module", params=[1, 3, 8])
def fit(request: pytest.FixtureRequest, classifier: FewShotClassifier) -> Fit:
    """Fit a kind of head on a number of views."""
    embedder = Embedder(views=request.param)
    embeddings = embedder.embed(IMAGES)

    def fit_kind(kind: str) -> tuple[Artifact, Embedder]:
        decision = fit_decision(kind, embeddings, LABELS, 3, 0.05)[0]
        return replace(classifier.artifact_, decision=decision), embedder

    return fit_kind


def ask(classifier: FewShotClassifier, image: object, label: str | None = None) -> Explanation:
    return explain(classifier.artifact_, classifier.embedder_, image, label)  # type: ignore[arg-type]


def disc_at(x: float, y: float, width: int = 300, height: int = 300) -> Image.Image:
    """Draw a disc around a place that is given in fractions."""
    image = Image.new("RGB", (width, height), (220, 210, 180))
    x, y = x * width, y * height
    ImageDraw.Draw(image).ellipse((x - 50, y - 50, x + 50, y + 50), fill=(60, 20, 30))
    return image


def centre_of_heat(explanation: Explanation, view: int = 0) -> tuple[float, float]:
    """Return where in the image the heat of a view is balanced, in fractions."""
    heat = np.maximum(explanation.heat[view], 0)
    left, top, right, bottom = explanation.boxes[view]
    middles = (np.arange(7) + 0.5) / 7
    x, y = (heat.sum(axis=i) @ middles / heat.sum() for i in (0, 1))
    return left + x * (right - left), top + y * (bottom - top)


@pytest.mark.parametrize("kind", HEADS)
def test_contributions_add_up_to_the_score(kind: str, fit: Fit) -> None:
    artifact, embedder = fit(kind)
    image = draw("grid", 50).resize((150, 96))
    head = artifact.decision.head
    scores = head.scores(embedder.embed([image]))[0] - head.bias
    for i, label in enumerate(CLASSES):
        found = explain(artifact, embedder, image, label)
        assert found.maps.shape == (embedder.views, 7, 7) == found.heat.shape
        assert found.maps.dtype == np.float32 == found.heat.dtype
        assert len(found.boxes) == embedder.views
        expected = (scores[i] - scores.mean()) / artifact.decision.temperature
        assert found.maps.sum(dtype=float) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_the_heat_of_a_uniform_image_does_not_peak_where_windows_overlap() -> None:
    maps = np.ones((2, 7, 7), np.float32)
    maps[:, 3] *= 2
    maps[:, :, 3] *= 2
    uniform = Explanation(None, "", 0.0, maps, ((0, 0, 1, 1),) * 2)  # type: ignore[arg-type]
    np.testing.assert_allclose(uniform.heat, maps.sum(), rtol=1e-5)


def test_its_prediction_is_that_of_classify(classifier: FewShotClassifier, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    draw("disc", 60, size=1500).save(path)  # decoded at reduced scale
    found, expected = ask(classifier, path), classifier.classify(path)
    assert replace(found.prediction, evidence=None) == replace(expected, evidence=None)
    assert (found.label, found.probability) == (expected.label, expected.probability)
    other = ask(classifier, path, "grid")
    assert (other.label, other.probability) == ("grid", expected.scores["grid"])
    assert other.prediction == found.prediction


@pytest.mark.parametrize("x", [0.25, 0.75])
@pytest.mark.parametrize("y", [0.25, 0.75])
def test_heat_lies_where_the_thing_is(x: float, y: float, classifier: FewShotClassifier) -> None:
    found = ask(classifier, disc_at(x, y), "disc")
    np.testing.assert_allclose(centre_of_heat(found), (x, y), atol=0.2)
    means = np.array([[found.heat[0, rows, columns].mean() for columns in ENDS] for rows in ENDS])
    here = means[int(y > 0.5), int(x > 0.5)]
    assert here == means.max() and here > 5 * means[int(y < 0.5), int(x < 0.5)]


@pytest.mark.parametrize("left", [0, 96])
def test_things_of_two_classes_count_for_their_own(
    left: int, classifier: FewShotClassifier
) -> None:
    image = Image.new("RGB", (192, 192), (210, 205, 200))
    image.paste(draw("grid", 5), (left, 0))
    image.paste(draw("disc", 3), (96 - left, 96))
    i, j = ENDS if left == 0 else ENDS[::-1]
    grid, disc = (ask(classifier, image, label).heat[0] for label in ("grid", "disc"))
    assert grid[:3, i].mean() > 5 and grid[4:, j].mean() < -5
    assert disc[:3, i].mean() < 0 and disc[4:, j].mean() > 5


@pytest.mark.parametrize("x", [0.2, 0.8])
def test_all_views_agree_on_the_place_also_the_mirrored_one(
    x: float, classifier: FewShotClassifier
) -> None:
    embedder = Embedder(views=8)
    found = explain(classifier.artifact_, embedder, disc_at(x, 0.5, 500, 300), "disc")
    assert found.boxes[7] == found.boxes[0] == pytest.approx((0.2, 0, 0.8, 1))
    assert found.boxes[1] == (0, 0, 1, 1)
    np.testing.assert_allclose(centre_of_heat(found, view=1), (x, 0.5), atol=0.15)
    for view in (0, 1, 7):
        assert (centre_of_heat(found, view)[0] > 0.5) == (x > 0.5)


def test_a_turned_image_is_explained_upright(classifier: FewShotClassifier) -> None:
    upright = disc_at(0.3, 0.2, 240, 400)
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[0x0112] = 6
    expected, found = ask(classifier, upright, "disc"), ask(classifier, turned, "disc")
    assert found.boxes == expected.boxes == ((0, pytest.approx(0.2), 1, pytest.approx(0.8)),)
    np.testing.assert_array_equal(found.maps, expected.maps)


def test_any_kind_of_image_can_be_explained(classifier: FewShotClassifier) -> None:
    grey = draw("grid", 3).convert("L")
    expected = ask(classifier, grey.convert("RGB"))
    for source in (grey, grey.convert("RGBA"), np.asarray(grey)):
        np.testing.assert_array_equal(ask(classifier, source).maps, expected.maps)
    ready = ask(classifier, np.asarray(grey.convert("RGB").resize((224, 224))))
    assert ready.boxes == ((0, 0, 1, 1),)


def test_negatives_are_a_row_of_the_head_but_no_class() -> None:
    negatives = [draw_face(size) for size in (80, 120)] + [draw_noise(seed) for seed in range(3)]
    data = {label: [draw(label, seed) for seed in range(4)] for label in CLASSES[:2]}
    fitted = FewShotClassifier().fit(data, negatives=negatives)
    found = ask(fitted, draw("disc", 9), "grid")
    head, decision = fitted.artifact_.decision.head, fitted.artifact_.decision
    scores = head.scores(fitted.embedder_.embed([draw("disc", 9)]))[0] - head.bias
    expected = (scores[1] - scores.mean()) / decision.temperature
    assert len(scores) == 3 and found.maps.sum() == pytest.approx(expected, rel=1e-4)


def test_what_cannot_be_explained_is_refused(classifier: FewShotClassifier) -> None:
    with pytest.raises(UsageError, match="no class 'cat'; expected one of disc, grid, str"):
        ask(classifier, draw("disc", 0), "cat")
    with pytest.raises(ImageError, match="no such file"):
        ask(classifier, "missing.jpg")
    artifact = classifier.artifact_
    names = tuple(f"class {i}" for i in range(13))
    object.__setattr__(many := replace(artifact), "classes", names)
    with pytest.raises(UsageError, match=r"expected one of class 0, .*class 12$"):
        explain(many, classifier.embedder_, draw("disc", 0), "cat")
