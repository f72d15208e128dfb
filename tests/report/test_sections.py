"""The section of data checks."""

from pathlib import Path

import pytest

from fewshot.data_checks.finding import Finding
from fewshot.report.sections import finding_groups
from fewshot.report.thumbnails import Album

FINDINGS = (
    Finding("tiny", ("1/0.png",), None, "12 x 9 pixels", "find a larger one"),
    Finding("label", ("0/0.png", "gone.png"), "b", "looks like c", "look at it"),
    Finding("few", (), "c", "2 images", "add some"),
    *(Finding("copy", tuple("123456789"), None, "the same", "remove one") for _ in range(25)),
)


def test_findings_are_grouped_and_those_that_make_the_accuracy_wrong_come_first() -> None:
    groups = finding_groups(FINDINGS, Album(), {})
    assert [(group["count"], group["words"]) for group in groups] == [
        (1, "label may be wrong"),
        (1, "image is very small"),
        (25, "images are there more than once"),
        (1, "class has few images"),
    ]
    copies = groups[2]["findings"]
    assert len(copies) == 20 and len(copies[0]["images"]) == 6 and copies[0]["more"] == 3
    assert groups[3]["findings"][0]["label"] == "c"


def test_images_are_shown_by_name_and_by_path(support_folder: Path) -> None:
    path = next(support_folder.rglob("*.png"))
    finding = Finding("copy", ("x.png", str(path), "gone.png"), None, "the same", "keep one")
    album = Album()
    (group,) = finding_groups([finding], album, {"x.png": path.read_bytes()})
    album.load(lambda done: None)
    shown = [bool(thumbnail.data) for _, thumbnail in group["findings"][0]["images"]]
    assert shown == [True, True, False]


def test_without_images_a_name_is_not_taken_for_a_path(
    support_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(support_folder)  # where files may have the same names by chance
    album = Album()
    finding_groups([Finding("tiny", ("disc/00.png",), None, "small", "look")], album, {})
    assert len(album) == 0
