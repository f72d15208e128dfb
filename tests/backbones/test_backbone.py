"""What a backbone file says of faces is checked when it is read."""

from pathlib import Path

import pytest

from fewshot.artifact import BackboneReference
from fewshot.backbones.backbone import Backbone, read_metadata
from fewshot.errors import BackboneError

METADATA = {
    "fewshot_format": "1",
    "name": "tiny",
    "source": "made up",
    "licence": "MIT",
    "image_size": "32",
    "resize": "crop",
    "crop_fraction": "1.0",
    "interpolation": "bilinear",
    "dim": "4",
}
LANDMARKS = "[[9, 9], [23, 9], [16, 16], [10, 23], [22, 23]]"


def read(**metadata: str) -> Backbone:
    return read_metadata(Path("tiny.onnx"), "0" * 64, {**METADATA, **metadata})


def test_alignment_and_similarities_are_read() -> None:
    backbone = read(alignment=LANDMARKS, same_person="[0.9, 0.02, 0.85, 100]")
    assert backbone.alignment[1] == (23, 9) and backbone.same_person == (0.9, 0.02, 0.85, 100)
    assert (read().alignment, read().same_person) == ((), ())


@pytest.mark.parametrize("value", ["", "x", "1", "[[1, 2]]", "[[NaN, 1]]", "[" * 10000])
def test_an_alignment_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(BackboneError, match=r"tiny\.onnx: unusable metadata: alignment"):
        read(alignment=value)


@pytest.mark.parametrize(
    "value",
    [
        "[1, 2, 3]",
        "[NaN, 0.02, 0.9, 100]",
        "[-1, 0.02, 0.9, 100]",
        "[1, 0.02, 0.9, 100]",
        "[0.9, 0, 0.8, 100]",
        "[0.9, 0.02, 2, 100]",
        "[0.9, 0.02, 0.8, 0]",
        "[0.9, 0.02, 0.8, 1e30]",
    ],
)
def test_similarities_that_make_no_sense_are_refused(value: str) -> None:
    with pytest.raises(BackboneError, match=r"tiny\.onnx: unusable metadata: same_person is"):
        read(same_person=value)


def test_a_classifier_file_cannot_hold_such_similarities_either() -> None:
    with pytest.raises(ValueError, match="same_person is"):
        BackboneReference("tiny.onnx", "0" * 64, "tiny", 4, (2.0, 0.02, 0.9, 100.0))
