"""Read the JSON sidecar that describes a third-party model.

``net.json`` beside ``net.onnx`` holds one object, for example::

    {"image_size": 112, "channel_order": "RGB", "scale": 1, "mean": 127.5, "std": 127.5}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fewshot.errors import BackboneError

_TEXTS = (
    "name source licence resize interpolation input input_type input_layout channel_order "
    "output output_layout"
).split()
_FACES = ("alignment", "same_person")
_KEYS = (*_TEXTS, "image_size", "crop_fraction", "scale", "mean", "std", *_FACES)
# Of most networks trained on ImageNet.
_EXAMPLES = {
    "image_size": 224,
    "channel_order": "RGB",
    "scale": "1/255",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "input_layout": "NCHW",
    "output_layout": "NCHW",
}


def read_sidecar(path: Path) -> dict[str, Any]:
    """Read a sidecar, if it is there.

    Texts and numbers as in the file, but ``scale`` as float, ``mean`` and ``std`` as three floats
    each. Empty if there is no such file. BackboneError: if it is no JSON object, or has an unknown
    key or a value of a wrong type.
    """
    try:
        stated = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BackboneError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise BackboneError(
            f"{path}: not JSON ({error}); expected an object like {example(_EXAMPLES, {})}"
        ) from error
    if not isinstance(stated, dict):
        found = type(stated).__name__
        raise BackboneError(f"{path}: a {found}; expected an object like {example(_EXAMPLES, {})}")
    try:
        return {key: _checked(key, value) for key, value in stated.items()}
    except (ValueError, TypeError, ArithmeticError) as error:
        raise BackboneError(f"{path}: {error}") from error


def example(missing: Sequence[str] | Mapping[str, Any], stated: Mapping[str, Any]) -> str:
    """Write a sidecar that can be copied: what is stated, and examples of what is missing."""
    whole = dict(stated) | {key: _EXAMPLES[key] for key in missing}
    if whole.get("scale") == 1 / 255:
        whole["scale"] = "1/255"
    return json.dumps(whole, ensure_ascii=False)


def _checked(key: str, value: Any) -> Any:
    """Bring a value to the type that its key has."""
    if key not in _KEYS:
        from difflib import get_close_matches

        close = get_close_matches(key, _KEYS, 1) or [f"one of {', '.join(_KEYS)}"]
        raise ValueError(f"states {key!r}, an unknown key; expected {close[0]}")
    if key in _TEXTS:
        if not isinstance(value, str) or not value.isprintable():
            raise ValueError(f"{key} is {value!r}; expected a text")
        return value
    if key in _FACES:
        return json.dumps(value)
    if key == "image_size":
        if type(value) is not int:
            raise ValueError(f"image_size is {value!r}; expected a whole number of pixels")
        return value
    if key in ("mean", "std"):
        return _three(key, value)
    return _number(key, value)


def _number(key: str, value: Any) -> float:
    """Read a number, or a fraction such as "1/255"."""
    try:
        if type(value) not in (int, float, str):
            raise ValueError
        if isinstance(value, str):
            above, _, below = value.partition("/")
            return float(above) / float(below or 1)
        return float(value)
    except (ValueError, ArithmeticError) as error:
        fraction = ' or a fraction such as "1/255"' if key == "scale" else ""
        raise ValueError(f"{key} is {value!r}; expected a number{fraction}") from error


def _three(key: str, value: Any) -> tuple[float, ...]:
    """Read one number for all channels, or one for each."""
    numbers = value if isinstance(value, list) else [value] * 3
    if len(numbers) != 3:
        raise ValueError(f"{key} is {value!r}; expected a number, or a list of three")
    return tuple(_number(key, number) for number in numbers)
