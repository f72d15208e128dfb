"""Wording that several commands share."""

from __future__ import annotations

from fewshot.cli.output import printable

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fewshot.prediction import Prediction


# With fewer images a class, one more to fit on makes a difference of more than 2 points.
_MANY = 4
_NO_FACE = "unknown (no face found)"


def accuracy_text(measured: Mapping[str, float]) -> str:
    """Return held-out accuracy with its interval; of one class, how many images are recognised."""
    total, correct = measured["held_out_images"], measured["held_out_correct"]
    if not total:
        return "not measured, as no image could be held out"
    low, high = measured["accuracy_low"], measured["accuracy_high"]
    if "target_false_rejection_rate" in measured:
        return (
            f"none with one class; {correct:.0f} of {total:.0f} images recognised when held out, "
            f"{correct / total:.2f} (95 % interval {low:.2f} to {high:.2f}; target "
            f"{1 - measured['target_false_rejection_rate']:g})"
        )
    shots = measured.get("held_out_shots", _MANY)
    fewer = f", by heads fitted on {shots:.0f} image{'s' * (shots > 1)} a class"
    return (
        f"{correct / total:.2f} (95 % interval {low:.2f} to {high:.2f}; "
        f"{correct:.0f} of {total:.0f} held-out images{fewer if shots < _MANY else ''})"
    )


def classes_text(shots: Mapping[str, int], most: int) -> str:
    """List the first few classes with their number of images."""
    named = [f"{printable(label)} {n}" for label, n in shots.items()]
    rest = [f"and {len(named) - most} more"] if len(named) > most else []
    noun = "class" if len(named) == 1 else "classes"
    return f"{len(named)} {noun}: {', '.join(named[:most] + rest)}"


def findings_text(found: Mapping[str, int]) -> str:
    """Return how many findings of each kind a check has."""
    from fewshot.data_checks.finding import WORDS

    return ", ".join(f"{n} {WORDS[kind][n > 1]}" for kind, n in found.items()) or "nothing found"


def prediction_text(prediction: Prediction, top: int = 1, where: str = "") -> str:
    """Return a prediction with the `top` most probable classes; `where` follows the image."""
    scores = list(prediction.scores.items())[:top]
    best, *others = [f"{printable(label)} {p:.2f}" for label, p in scores]
    # A share among the classes says nothing of an image that is of none of them.
    closest = best if top > 1 else printable(prediction.label)
    verdict = best if prediction.known else f"unknown (closest: {closest})"
    place = [where] if where else []
    if not prediction.face_found:
        verdict = f"{verdict} (no face found, whole image used)" if prediction.label else _NO_FACE
        others = others if prediction.label else []
    return "  ".join([printable(prediction.image), *place, verdict, *others])


def evidence_lines(prediction: Prediction) -> Iterator[str]:
    """List the nearest training images, and the nearest one of another class."""
    if not prediction.evidence.nearest:
        return
    if not prediction.known:
        yield "  not similar enough to any class; nearest images:"
    for near in prediction.evidence.nearest:
        label = "(negative)" if near.label is None else printable(near.label)
        yield f"  {near.similarity:.3f}  {label}  {printable(near.image)}"
    if other := prediction.evidence.other:
        where = f"{printable(other.label)}, {other.similarity:.3f}  {printable(other.image)}"
        yield f"  nearest image of another class: {where}"


def models_option(file: Path) -> str:
    """Return the option that names a classifier file, if it needs one."""
    place = file.parent if file.name == "classifier.pkl" else file
    return "" if str(place) == "models" else f" --models {quoted(str(place))}"


def quoted(*words: str) -> str:
    """Join words as they can be typed in a shell."""
    import shlex

    return printable(shlex.join(words))
