"""Images are read once, and known by their content."""

from pathlib import Path

import numpy as np
import pytest

from fewshot.errors import ImageError
from fewshot.images.source import content_hash
from tests.images.test_decode import PNG


def test_hash_is_of_the_content(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(PNG)
    assert content_hash(tmp_path / "a") == content_hash(str(tmp_path / "b")) == content_hash(PNG)
    pixels = np.zeros((2, 6, 3), np.uint8)
    assert content_hash(pixels) != content_hash(pixels.reshape(6, 2, 3))
    with pytest.raises(ImageError, match="no such file"):
        content_hash(tmp_path / "c")
