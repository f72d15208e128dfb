"""Measure whole processes as a user starts them: cold start, memory, and fitting again."""

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from image_sets import ImageSets, copy_images
from PIL import Image
from timing import Figure, child, fewshot, interleaved, peak_memory, script, timed

from fewshot import Embedder, FewShotClassifier, read_artifact
from fewshot.heads.decision import fit_decision
from fewshot.images.files import image_files
from fewshot.images.source import content_hash

MANY, FEW, FOLDER, REFIT = 3000, 100, 20, 500
_EMBED_ALL = (
    "import sys\n"
    "from fewshot import Embedder\n"
    "paths = open(sys.argv[1], encoding='utf-8').read().splitlines()\n"
    "for _ in Embedder().stream(paths): pass"
)


def cold_start(images: ImageSets, repeat: int) -> Iterator[Figure]:
    """Time commands from start to end, beside the least that could do the same."""
    image, models = images.small[0], images.models
    bare = {
        f"bare script, {name}": child(*script("bare_script.py", image, images.backbone, threads))
        for name, threads in (("default threads", "0"), ("one thread", "1"))
    }
    tasks = {
        "fewshot classify": child(*fewshot("classify", "--models", models, image)),
        **bare,
        "fewshot --help": child(*fewshot("--help")),
        "python -c pass": child(sys.executable, "-c", "pass"),
    }
    seconds = interleaved(tasks, repeat)
    milliseconds = {name: 1000 * s for name, s in seconds.items()}
    yield Figure(
        "fewshot classify IMAGE over a bare script",
        seconds["fewshot classify"] / min(seconds[name] for name in bare),
        "x",
        ("<=", 1.25),
        ", ".join(f"{name} {milliseconds[name]:.0f} ms" for name in ("fewshot classify", *bare)),
        seconds,
    )
    nothing = milliseconds["python -c pass"]
    yield Figure(
        "fewshot --help",
        milliseconds["fewshot --help"],
        "ms",
        ("<=", round(1.5 * nothing + 50)),
        f"the target is 1.5 times the {nothing:.0f} ms of python -c pass, and 50 ms",
    )


def memory(images: ImageSets, repeat: int) -> Iterator[Figure]:
    """Measure the peak resident memory of processes; a peak hardly varies, so each runs once."""
    if importlib.util.find_spec("resource") is None:
        yield Figure("peak memory", None, note="skipped: this system does not tell it")
        return
    few, many = (_peak_of_embedding(images, number) for number in (FEW, MANY))
    yield Figure(
        f"embedding {MANY} small images over {FEW}",
        many / few,
        "x",
        ("<=", 1.3),
        f"{many:.0f} MiB over {few:.0f} MiB",
        {f"{FEW} images, MiB": few, f"{MANY} images, MiB": many},
    )
    largest = max(images.large, key=_pixels)
    folder = images.folder / "several"
    copy_images(islice(cycle(images.large), FOLDER), folder)
    note = f"the largest, {_pixels(largest) / 1e6:.0f} megapixels"
    yield _peak_of_classify(images, "one large photograph", largest, 150, note)
    yield _peak_of_classify(images, f"a folder of {FOLDER} such", folder, 300)


def _peak_of_embedding(images: ImageSets, number: int) -> float:
    """Measure a process that embeds so many small images."""
    names = images.folder / f"{number}.txt"
    paths = (str(path.absolute()) for path in islice(cycle(images.small), number))
    names.write_text("\n".join(paths), encoding="utf-8")
    return peak_memory([sys.executable, "-c", _EMBED_ALL, names])


def _peak_of_classify(
    images: ImageSets, name: str, what: Path, bound: float, note: str = ""
) -> Figure:
    """Measure a process that classifies."""
    peak = peak_memory(fewshot("classify", "--models", images.models, what))
    return Figure(f"fewshot classify, {name}", peak, "MiB", ("<", bound), note)


def _pixels(path: Path) -> int:
    """Count the pixels of an image."""
    with Image.open(path) as image:
        return image.width * image.height


def refit(images: ImageSets, repeat: int) -> Iterator[Figure]:
    """Time fitting again after one image was added to a folder."""
    data, models, earlier = (images.folder / name for name in ("grown", "fitted", "earlier"))
    *kept, last = copy_images(images.small[: REFIT + 1], data)
    first, again = [], []
    fit = child(*fewshot("fit", data, "--output", models))
    spare = shutil.move(last, images.folder)
    for _ in range(max(1, repeat // 5)):
        shutil.rmtree(models, ignore_errors=True)
        last.unlink(missing_ok=True)
        first.append(timed(fit))
        shutil.copytree(models, earlier, dirs_exist_ok=True)
        shutil.copy(spare, last)
        again.append(timed(fit))
    yield Figure(
        f"fewshot fit again, 1 image added to {len(kept)}",
        median(again) / median(first),
        "x",
        note=f"{median(again):.2f} s over {median(first):.2f} s for the first time",
        medians={"first": median(first), "again": median(again)},
    )
    yield from _refit_parts(data, earlier, last, max(1, repeat // 5))


def _refit_parts(data: Path, earlier: Path, new: Path, rounds: int) -> Iterator[Figure]:
    """Time what fitting again is made of, in this process."""
    embedded: list[int] = []

    def fit() -> None:
        found = FewShotClassifier().fit(data, reuse=earlier).embedded_
        embedded.append(found.n_embedded if found else 0)

    record = read_artifact(earlier).support
    n_classes = int(record.labels.max()) + 1
    tasks = {
        "hashing all files": lambda: [content_hash(path) for path in image_files(data)],
        "opening the backbone, embedding one image": lambda: Embedder().embed([new]),
        "fitting the head": lambda: fit_decision(
            "auto", record.embeddings, record.labels, n_classes, 0.05
        ),
        "all of fit, in one process": fit,
    }
    for name, seconds in interleaved(tasks, rounds).items():
        yield Figure(f"  {name}", 1000 * seconds, "ms", medians={name: seconds})
    yield Figure("  images embedded", max(embedded), target=("=", 1))
