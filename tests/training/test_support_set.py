"""Support sets: folders, mappings and lists become images with labels, or say what is wrong."""

from pathlib import Path

import pytest

from fewshot.errors import SupportError
from fewshot.images.files import image_files
from fewshot.training.support_set import collect, gather


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_a_folder_per_class_sorted_nested_and_without_clutter(tmp_path: Path) -> None:
    names = ["b/2.JPG", "b/1.png", "b/deep/er/3.webp", "a b/x.tiff", "猫 🐈/y.jpeg"]
    clutter = ["b/.hidden.jpg", "b/notes.txt", ".git/z.jpg", "b/.cache/z.jpg", "stray.jpg"]
    touch(*(tmp_path / name for name in [*names, *clutter]))
    support = collect(tmp_path)
    assert support.names == ("a b/x.tiff", "b/1.png", "b/2.JPG", "b/deep/er/3.webp", "猫 🐈/y.jpeg")
    assert support.labels == ("a b", "b", "b", "b", "猫 🐈")
    assert support.classes == ("a b", "b", "猫 🐈")
    assert support.images[1] == tmp_path / "b" / "1.png"


def test_symlink_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "1.png", tmp_path / "b" / "1.png")
    try:
        (tmp_path / "a" / "loop").symlink_to(tmp_path / "a", target_is_directory=True)
        (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    except OSError:
        pytest.skip("no symbolic links here")
    assert [p.name for p in image_files(tmp_path / "a")] == ["1.png", "1.png"]
    assert collect(tmp_path).labels.count("b") == 1


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([], "found no class; a classifier tells classes apart, so it needs two or more"),
        (["stray.jpg"], "found no class"),
        (["only/1.png"], "found only one class, 'only'; .* needs two or more"),
        (
            ["cat/1.png", "dog/notes.txt"],
            r"only one class, 'cat'; left out: .*dog: no images in it",
        ),
    ],
)
def test_folders_that_cannot_be_fitted_on(paths: list[str], message: str, tmp_path: Path) -> None:
    touch(*(tmp_path / path for path in paths))
    with pytest.raises(SupportError, match=message) as caught:
        collect(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(SupportError, match="nowhere: no such folder"):
        collect(tmp_path / "nowhere")
    touch(tmp_path / "file")
    with pytest.raises(SupportError, match="file: is a file; expected a folder with one folder"):
        collect(tmp_path / "file")


def test_mappings_and_lists() -> None:
    expected = collect(["x.png", b"...", "z.png"], ["1", "2", "1"])
    assert expected.names == ("x.png", "image[1]", "z.png")
    assert collect(["x.png", b"...", "z.png"], [1, 2, 1]).labels == expected.labels
    assert sorted(collect({"1": ["x.png", "z.png"], "2": [b"..."]}).labels) == ["1", "1", "2"]


def test_images_and_labels_that_do_not_match() -> None:
    with pytest.raises(SupportError, match="2 images but 1 labels"):
        collect(["a", "b"], ["x"])
    with pytest.raises(SupportError, match="images without labels"):
        collect(["a", "b"])
    with pytest.raises(SupportError, match="class 'y': no images found"):
        collect({"x": ["a"], "y": []})
    with pytest.raises(SupportError, match="labels given with a folder"):
        collect("data", ["x"])
    with pytest.raises(SupportError, match="labels given with a mapping"):
        collect({"x": ["a"], "y": ["b"]}, ["x"])
    with pytest.raises(SupportError, match="only one class, 'x'"):
        collect(["a", "b"], ["x", "x"])


def test_negatives_are_of_no_class(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("data/cat/1.png", "no/b/2.png", "no/1.png", "no/.h.png")))
    files = [tmp_path / "no" / "1.png", tmp_path / "no" / "b" / "2.png"]
    support = collect(tmp_path / "data", negatives=tmp_path / "no")
    assert support.classes == ("cat",) and support.labels == ("cat", None, None)
    assert list(support.images[1:]) == files and support.names[2] == str(files[1])
    assert collect(tmp_path / "data", negatives=files) == support
    assert collect(["x.png", b"..."], "ab", [b"..."]).labels == ("a", "b", None)


def test_negatives_that_do_not_help(tmp_path: Path) -> None:
    touch(tmp_path / "data" / "cat" / "1.png")
    (tmp_path / "empty").mkdir()
    for none in ("empty", "nowhere"):
        with pytest.raises(SupportError, match=rf"{none}: no images found .* add at least one"):
            collect(tmp_path / "data", negatives=tmp_path / none)
    with pytest.raises(SupportError, match="negatives: no images found"):
        collect(tmp_path / "data", negatives=[])
    with pytest.raises(SupportError, match="empty: found no class"):
        collect(tmp_path / "empty", negatives=tmp_path / "data")


def test_what_is_only_asked_about_may_be_of_one_class(tmp_path: Path) -> None:
    touch(tmp_path / "cat" / "1.png")
    assert gather(tmp_path).labels == gather(["x.png"], ["cat"]).labels == ("cat",)
