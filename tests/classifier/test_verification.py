"""Verification: a classifier that answers otherwise than where it was fitted is found out."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from fewshot import FewShotClassifier
from fewshot.classifier.verification import compare, verify
from fewshot.errors import UsageError
from fewshot.export.onnx_file import export_classifier
from fewshot.images.reference import reference_images
from tests.conftest import CLASSES, Run


def test_the_reference_images_are_always_the_same() -> None:
    sums = [int((picture * np.arange(1, 4)).sum()) for picture in reference_images()]
    assert sums == [79592064, 80587072, 82494960, 80246976]


def test_a_classifier_agrees_with_itself(classifier: FewShotClassifier, models: Path) -> None:
    for one in (classifier, FewShotClassifier.load(models, threads=1)):
        agreement = verify(one)
        assert agreement.holds and agreement.images == agreement.same == 4
        assert agreement.probability_difference < 1e-5 and agreement.embedding_difference < 1e-5


def test_classifiers_of_other_classes_are_not_compared(
    classifier: FewShotClassifier, support_folder: Path
) -> None:
    two = FewShotClassifier("centroid").fit({c: support_folder / c for c in CLASSES[:2]})
    with pytest.raises(UsageError, match="one knows disc, grid, stripes, the other disc, grid"):
        compare(classifier, two, reference_images())


def test_images_that_cannot_be_read_are_named_and_the_rest_is_compared(
    fewshot: Run, classifier: FewShotClassifier, models: Path, query_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no")
    done = fewshot("verify", models, query_folder, "bad.png", "--models", models)
    assert done.returncode == 1 and "9 of 9 images get the same prediction" in done.stdout
    assert "skipped bad.png: not an image" in done.stderr
    for nothing in ([], [tmp_path / "bad.png"]):
        with pytest.raises(UsageError, match="no image to compare answers for"):
            compare(classifier, classifier, nothing)


def test_verify_command(
    fewshot: Run, classifier: FewShotClassifier, models: Path, query_folder: Path, tmp_path: Path
) -> None:
    file = export_classifier(classifier, tmp_path / "classifier.onnx")
    for place in (file, models):
        done = fewshot("verify", place, "--json")
        assert done.returncode == 0 and json.loads(done.stdout)["holds"] is True
    done = fewshot("verify", file, query_folder, "--models", models)
    assert done.returncode == 0 and "9 of 9 images get the same prediction" in done.stdout

    model = onnx.load(file)
    for tensor in model.graph.initializer:  # as if another class came first
        if tensor.name.endswith("weights"):
            tensor.CopyFrom(
                numpy_helper.from_array(numpy_helper.to_array(tensor)[:, ::-1].copy(), tensor.name)
            )
    file.write_bytes(model.SerializeToString())
    file.with_suffix(".json").unlink()  # it knows the file as it was
    for arguments in ((file,), (file, query_folder, "--models", models)):
        done = fewshot("verify", *arguments)
        assert done.returncode == 1 and done.stdout.startswith("NOT the same")
