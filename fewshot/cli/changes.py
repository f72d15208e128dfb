"""Change a classifier file, and say what changed."""

from __future__ import annotations

import argparse

from fewshot.cli.output import printable, say_result, warn_skipped, warn_unused
from fewshot.cli.wording import accuracy_text, models_option, quoted
from fewshot.errors import UsageError

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from fewshot.artifact import Artifact
    from fewshot.classifier.few_shot import FewShotClassifier

# More than so many classes are not named.
_MOST_NAMED = 8


def load_writable(arguments: argparse.Namespace) -> FewShotClassifier:
    """Open the classifier, and make sure that it can be written before work is done for it."""
    from fewshot._files import require_writable
    from fewshot.artifact import artifact_path
    from fewshot.backbones.find import models_folder
    from fewshot.classifier.few_shot import FewShotClassifier

    place = models_folder(arguments.models)
    classifier = FewShotClassifier.load(place)
    require_writable(artifact_path(place).parent)
    return classifier


def require_spelling(classes: Sequence[str], labels: Iterable[str | None]) -> None:
    """Refuse a label that differs from a class only in case.

    Raises
    ------
    UsageError
        It would be a new class, which is hardly what is meant.
    """
    from fewshot._class_names import class_name, find_class

    known = {class_name(class_name(label).casefold()): label for label in classes}
    for label in labels:
        if label is None or find_class(classes, label) is not None:
            continue
        if meant := known.get(class_name(class_name(label).casefold())):
            raise UsageError(
                f"there is a class {meant!r}, from which {label!r} differs only in case; give its "
                f"name as it is: {quoted(meant)}"
            )


def save_change(
    arguments: argparse.Namespace, classifier: FewShotClassifier, changed: FewShotClassifier
) -> int:
    """Save a changed classifier, say what changed, and return the exit code."""
    from fewshot.artifact import artifact_path
    from fewshot.backbones.find import models_folder

    warn_skipped(changed.skipped_)
    warn_unused(changed.passed_over_, set(changed.class_names_) - set(classifier.class_names_))
    file = artifact_path(models_folder(arguments.models))
    if changed.artifact_ is not classifier.artifact_:
        changed.save(file)
    say_change(arguments, classifier.artifact_, changed.artifact_, file, changed.held_out_)
    return 1 if changed.skipped_ else 0


def say_change(
    arguments: argparse.Namespace,
    before: Artifact,
    after: Artifact,
    file: Path,
    held_out: NDArray[np.float32] | None = None,
) -> None:
    """Say what is different in a classifier; `held_out` are the scores of the one after."""
    from fewshot.training.change import compare

    change = compare(before, after, held_out)
    say_result(arguments, {"file": str(file), **change}, _change_text(change, file))


def _change_text(change: Mapping[str, Any], file: Path) -> str:
    if not change["changed"]:
        return "nothing changed"
    moves = [
        f"{printable(label)} {before} -> {after}{_fate(before, after)}"
        for label, (before, after) in change["classes"].items()
    ]
    if len(moves) > _MOST_NAMED:
        moves[_MOST_NAMED:] = [f"and {len(moves) - _MOST_NAMED} more"]
    same, now = change["measured_same"], change["measured"]
    lines = [f"held-out accuracy before: {accuracy_text(change['measured_before'])}"]
    if same and same["held_out_images"] != now["held_out_images"]:
        lines.append(f"on the same images now:   {accuracy_text(same)}")
    lines.append(f"held-out accuracy now:    {accuracy_text(now)}")
    return (
        f"{', '.join(moves) or 'as many images of each class as before'}\n"
        + "".join(f"{line}\n" for line in lines)
        + f"wrote {printable(file)}; to go back: fewshot undo{models_option(file)}"
    )


def _fate(before: int, after: int) -> str:
    """Say of a class that it is new, or gone."""
    return " (new)" if not before else " (gone)" if not after else ""
