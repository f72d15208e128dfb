"""What the tests of several commands start from."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    """A copy of the classifier, where the commands look for it."""
    return Path(shutil.copytree(models, tmp_path / "models"))
