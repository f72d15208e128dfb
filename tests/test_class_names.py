"""Names of classes are one, whatever form of Unicode they come in."""

import dataclasses
from pathlib import Path

import pytest

from fewshot import FewShotClassifier
from fewshot._class_names import class_name, find_class, is_blank, name_alike
from fewshot.artifact import write_artifact
from fewshot.cli import main
from fewshot.errors import UsageError
from tests.conftest import draw

COMPOSED, DECOMPOSED = "Caf\u00e9", "Cafe\u0301"


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Cat", "cat"], 1),
        (["cat", "cat "], 1),
        (["cat", "c\u200bat"], 1),
        (["cat", "c\u0430t"], 1),  # Cyrillic
        (["Ape", "\u0391\u03c1\u0435"], 1),  # Greek and Cyrillic
        (["a  b", "a b", "A\tB"], 1),
        (["x", "X", "y", "Y"], 2),
        (["cat", "dog", "caf\u00e9", "cafe", "cat2", "\U0001f408", "\U0001f415"], 0),
        (["1", "2", "10"], 0),
    ],
)
def test_names_that_look_alike_are_found(names: list[str], found: int) -> None:
    told = name_alike(names)
    assert len(told) == found
    assert all("look alike; rename one" in text for text in told)


def test_forms_of_one_name() -> None:
    assert class_name(DECOMPOSED) == COMPOSED and class_name(3) == "3"
    assert find_class(["a", DECOMPOSED], COMPOSED) == find_class(["a", COMPOSED], DECOMPOSED) == 1
    assert find_class([DECOMPOSED, COMPOSED], COMPOSED) == 1  # as it is, first
    assert find_class(["a"], "A") is None
    assert [name for name in ("", " ", "\u200b\u200d", "\t\n", "a") if not is_blank(name)] == ["a"]


@pytest.fixture
def older(classifier: FewShotClassifier, tmp_path: Path) -> Path:
    """A classifier file from before, with a name in decomposed form."""
    classes = tuple(DECOMPOSED if c == "disc" else c for c in classifier.class_names_)
    artifact = dataclasses.replace(classifier.artifact_, classes=classes)
    file = classifier.save(tmp_path / "models")
    write_artifact(artifact, file)
    return file


@pytest.mark.parametrize("form", [COMPOSED, DECOMPOSED])
def test_a_class_of_an_older_file_is_found_in_either_form(
    form: str, older: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw("disc", 50).save(tmp_path / "a.png")
    where = ["--models", str(older)]
    for more in ([], ["--json"]):
        assert main(["classify", str(tmp_path / "a.png"), *where, "--is", form, *more]) == 0
    capsys.readouterr()
    assert main(["classify", str(tmp_path / "a.png"), *where, "--correct", form]) == 0
    assert f"{DECOMPOSED} 4 -> 5\n" in capsys.readouterr().out
    loaded = FewShotClassifier.load(older)
    assert loaded.classify(tmp_path / "a.png").matches(form)
    assert loaded.score([draw("disc", 60)], [form]) == 1
    measured = loaded.evaluate([draw("disc", 60), draw("grid", 60)], [form, "grid"])
    assert measured.truth.tolist() == measured.predicted.tolist()
    assert loaded.relabel(["grid/00.png"], form).class_names_ == loaded.class_names_
    assert loaded.partial_fit([draw("disc", 51)], [form]).class_names_ == loaded.class_names_
    with pytest.raises(UsageError, match="is its name already"):
        loaded.rename(DECOMPOSED, form)
    with pytest.raises(UsageError, match=r"there is a class .* already"):
        loaded.rename("grid", form)
    assert len(loaded.remove(label=form).class_names_) == 2


def test_new_names_are_composed_and_not_blank(classifier: FewShotClassifier) -> None:
    assert COMPOSED in classifier.rename("disc", DECOMPOSED).class_names_
    assert COMPOSED in classifier.relabel(["disc/00.png"], DECOMPOSED).class_names_
    for blank in ("", "  ", "\u200b"):
        with pytest.raises(UsageError, match="an empty name was given for a class"):
            classifier.rename("disc", blank)
