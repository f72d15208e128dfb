"""Measure calls of the library within one process: one image, many images, and the head."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from bare_script import SIDE, load_pixels, open_session
from image_sets import ImageSets
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from timing import Figure, interleaved, timed

from fewshot import Embedder, FewShotClassifier
from fewshot._parallel import available_processors
from fewshot.heads.decision import fit_decision

_SMALL, _LARGE, _PARTS = 240, 24, 3
_THREADS = (1, 2, 3, 4)
_INFERENCE = ("inference by the default session", "inference by a pool")
_DIM = 1280
_SIZES = ((2, 1), (2, 10), (10, 10), (2, 50), (20, 10), (10, 50), (100, 5), (20, 50), (100, 50))
_QUERIES = (1000, 2000, 4000, 8000, 16000)
# Fewer images take about as long to fit as what is done once, however many they are.
_MANY = 100
# How long one size may take, in seconds.
_PATIENCE = 60.0


def warm(images: ImageSets, repeat: int) -> Iterator[Figure]:
    """Time one answer for pixels at hand, beside the network alone."""
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    classifier = FewShotClassifier.load(images.models)
    # A session each, so that none finds its weights in the cache more often than the others.
    alone = {
        f"onnxruntime, {output}": partial(
            open_session(images.backbone, 1).run, [output], {"image": pixels[np.newaxis]}
        )
        for output in ("embedding", "feature_map")
    }
    seconds = interleaved({"classify": lambda: classifier.classify(pixels), **alone}, 10 * repeat)
    yield Figure(
        "classify(array) over onnxruntime alone",
        seconds["classify"] / min(seconds[name] for name in alone),
        "x",
        ("<=", 1.10),
        ", ".join(f"{name} {1000 * s:.2f} ms" for name, s in seconds.items()),
        seconds,
    )


def throughput(images: ImageSets, repeat: int) -> Iterator[Figure]:
    """Count images per second through `Embedder.stream`, beside each half of the work alone."""
    shuffled = random.Random(0).sample(images.small, len(images.small))
    sizes = {"small files": (shuffled, _SMALL), "large photographs": (images.large, _LARGE)}
    for name, (paths, number) in sizes.items():
        # Load comes and goes within seconds, so each turn takes a part of the images.
        endless = cycle(paths)
        parts = [list(islice(endless, number // _PARTS)) for _ in range(_PARTS)]
        others = {f"{n} threads": _embedding(Embedder(threads=n), parts) for n in _THREADS}
        with ThreadPoolExecutor(available_processors()) as pool:
            floors = _floors(pool, parts, images.backbone)
            tasks = {"fewshot": _embedding(Embedder(), parts), **floors}
            seconds = interleaved(tasks | others, repeat)
            spent = interleaved(tasks, max(1, repeat // 3), time.process_time)
        rates = {task: len(parts[0]) / s for task, s in seconds.items()}
        yield Figure(f"{name}, images per second", rates["fewshot"], "/s", medians=seconds)
        yield from _beside_floors(name, rates, spent)
        yield Figure(
            f"{name}, default over the best number of threads",
            rates["fewshot"] / max(rates[task] for task in others),
            "x",
            note=", ".join(f"{task} {rates[task]:.0f} /s" for task in others),
        )


def _embedding(embedder: Embedder, parts: Sequence[Sequence[Path]]) -> Callable[[], object]:
    """Make a task of embedding one part of the images after another."""
    turn = cycle(parts)
    return lambda: sum(map(len, embedder.stream(next(turn))))


def _floors(
    pool: ThreadPoolExecutor, parts: Sequence[Sequence[Path]], backbone: Path
) -> dict[str, Callable[[], object]]:
    """Make tasks of decoding images, and of running the network as often, in two ways."""
    turn = cycle(parts)
    feeds = [{"image": load_pixels(parts[0][0])}] * len(parts[0])
    default, single = (
        partial(open_session(backbone, threads).run, ["embedding"]) for threads in (0, 1)
    )
    inference = (lambda: list(map(default, feeds)), lambda: list(pool.map(single, feeds)))
    return {
        "decoding": lambda: list(pool.map(load_pixels, next(turn))),
        **dict(zip(_INFERENCE, inference, strict=True)),
    }


def _beside_floors(
    name: str, rates: Mapping[str, float], spent: Mapping[str, float]
) -> Iterator[Figure]:
    """Compare with decoding alone and inference alone, on the same processors."""
    ours, decoding = rates["fewshot"], rates["decoding"]
    inference = max(rates[task] for task in _INFERENCE)
    both = 1 / (1 / decoding + 1 / inference)
    yield Figure(
        f"{name}, over the slower of decoding and inference",
        ours / min(decoding, inference),
        "x",
        (">=", 0.90),
        ", ".join(f"{task} {rates[task]:.0f} /s" for task in ("decoding", *_INFERENCE)),
    )
    note = f"{both:.0f} /s where decoding and inference share them"
    yield Figure(f"{name}, of what the processors can do", ours / both, "x", note=note)
    least = spent["decoding"] + min(spent[task] for task in _INFERENCE)
    yield Figure(
        f"{name}, processor time over decoding and inference", spent["fewshot"] / least, "x"
    )


def head(images: ImageSets, repeat: int) -> Iterator[Figure]:
    """Time fitting and asking the head on made-up embeddings, and how both grow."""
    fits: dict[int, float] = {}
    for ways, shots in _SIZES:
        name, number = f"fitting a head, {ways} classes x {shots}", ways * shots
        if _predicted(fits, number) > _PATIENCE:
            yield Figure(name, None, note=f"skipped: it would take over {_PATIENCE:.0f} s")
            continue
        fit = partial(fit_decision, "auto", *_clusters(ways, shots), ways, 0.05)
        seconds = interleaved({name: fit}, 3)[name] if number < 1000 else timed(fit)
        if number >= _MANY:
            fits[number] = max(seconds, fits.get(number, 0))
        yield Figure(name, seconds, "s", medians={name: seconds})
    yield Figure(
        "fitting a head, exponent of the number of images",
        _exponent(fits),
        note=f"from {_MANY} images on, the slowest of each number",
    )
    yield _asking(repeat)


def _asking(rounds: int) -> Figure:
    """Measure how the time of many answers on one thread grows with their number."""
    decision, _ = fit_decision("auto", *_clusters(20, 10), 20, 0.05)
    queries, _ = _clusters(20, max(_QUERIES) // 20)
    tasks = {f"{n} images": partial(decision.decide, queries[:n]) for n in _QUERIES}
    with threadpool_limits(1):  # threads of BLAS waiting for each other would hide the growth
        seconds = interleaved(tasks, rounds)
    return Figure(
        "asking a head, exponent of the number of images",
        _exponent(dict(zip(_QUERIES, seconds.values(), strict=True))),
        target=("<=", 1.2),
        note=", ".join(f"{name} {1000 * s:.0f} ms" for name, s in seconds.items()),
        medians=seconds,
    )


def _clusters(ways: int, shots: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw embeddings of length 1 around the centre of each class."""
    draw = np.random.default_rng(0)
    labels = np.repeat(np.arange(ways), shots)
    points = draw.normal(size=(ways, _DIM))[labels] + 1.5 * draw.normal(size=(len(labels), _DIM))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32), labels


def _predicted(fits: Mapping[int, float], number: int) -> float:
    """Guess the seconds of a fit from those so far."""
    if len(fits) < 2:
        return 0.0
    largest = max(fits)
    return fits[largest] * (number / largest) ** _exponent(fits)


def _exponent(seconds: Mapping[int, float]) -> float:
    """Fit the power of a number with which seconds grow: least squares of logarithms."""
    slope, _ = np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)
    return float(slope)
