"""Preprocessing that cannot be followed is refused."""

import pytest

from fewshot.images.preprocessing import Preprocessing


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_size": 0},
        {"resize": "pad"},
        {"crop_fraction": 0.0},
        {"interpolation": "magic"},
        {"views": 0},
        {"views": 9},
    ],
)
def test_recipes_that_cannot_be_followed_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Preprocessing(**wrong)  # type: ignore[arg-type]
