"""Where the tests find runtimes other than Python's."""

import os
import shutil
from pathlib import Path

import pytest

JS = Path(__file__).parents[1] / "js"
PACKAGES = Path(os.environ.get("FEWSHOT_NODE_MODULES") or JS / "node_modules").absolute()


def require_node() -> None:
    """Skip a test where there is no Node."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")


def require_package(name: str) -> Path:
    """Return the folder of an npm package, or skip a test where it is not installed."""
    if not (PACKAGES / name).is_dir():
        pytest.skip(f"no {name} in {PACKAGES}: npm install --ignore-scripts --prefix {JS}")
    return PACKAGES / name
