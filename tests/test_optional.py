"""Packages that only some commands need."""

import re
import sys
from pathlib import Path

import pytest

from fewshot import _optional
from fewshot.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")


def test_an_imported_module_is_returned() -> None:
    assert _optional.require("json", "onnx", "this").__name__ == "json"


def test_a_missing_module_names_what_to_install() -> None:
    with pytest.raises(UsageError, match=r"drawing needs no_such_module.*pip install onnx$"):
        _optional.require("no_such_module.part", "onnx", "drawing")


def test_the_packages_are_those_of_the_extras() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"]
    for extra, packages in _optional._PACKAGES.items():
        names = [re.split(r"[<>=]", requirement)[0] for requirement in extras[extra]]
        assert sorted(names) == sorted(packages)
