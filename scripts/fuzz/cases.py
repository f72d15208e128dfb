"""What is tried with a mutated file."""

import contextlib
import json
import os
import pickle
import random
import shutil
import sys
import tempfile
import traceback
import warnings
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

from inputs import FIXTURES, make_inputs, third_party_network
from mutate import mutate_bytes, mutate_network, mutate_value
from PIL import Image

from fewshot import Embedder, FewShotClassifier, load_classifier
from fewshot.artifact.safe_pickle import pickle_sealed
from fewshot.errors import FewShotError
from fewshot.images.decode import read_header
from fewshot.images.preprocessing import Preprocessing
from fewshot.images.views import load_views
from fewshot.images.write import thumbnail

_MEBIBYTES = 1024
_IMAGE = Image.linear_gradient("L").resize((60, 50))
_inputs = cache(make_inputs)


def make_case(seed: int, number: int) -> tuple[str, str, bytes]:
    """Return a kind, the extension of a file, and its content: the same for the same numbers."""
    chance = random.Random(f"{seed}/{number}")
    kind = chance.choices(list(RUNS), [6, 2, 1, 1, 1])[0]
    data = chance.choice(_inputs()[kind])
    if kind == "sidecar" and chance.random() < 0.8:
        data = json.dumps(mutate_value(json.loads(data), chance), default=str).encode()
    elif kind == "classifier" and chance.random() < 0.8:
        record = pickle.loads(data)  # one of the fixtures
        for _ in range(chance.choice((1, 1, 2, 5))):
            record = mutate_value(record, chance)
        data = pickle_sealed(record)
    elif kind in ("exported", "backbone") and chance.random() < 0.8:
        data = mutate_network(data, chance)
    else:
        data = mutate_bytes(data, chance, _inputs()[kind])
    return kind, RUNS[kind][0], data


def serve(connection: Connection, seed: int) -> None:
    """Run the cases that are asked for, and say what is wrong with each, if anything is."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # where decoders written in C complain
    connection.send("ready")
    while True:
        connection.send(run_case(seed, connection.recv()))


def run_case(seed: int, number: int) -> str:
    """Use a mutated file; return what is wrong with how that ends, if anything is."""
    kind, _, data = make_case(seed, number)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with contextlib.suppress(FewShotError):
                RUNS[kind][1](Path(folder), data)
        except Exception:
            return traceback.format_exc()
    peak = _peak()
    return f"a peak of {peak} MiB" if peak > _MEBIBYTES else ""


def _peak() -> int:
    """Return the most memory that this process had, in MiB; 0 where that is not told."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == "darwin" else 10)


def _image(folder: Path, data: bytes) -> None:
    file = folder / "image.tga"
    file.write_bytes(data)
    with contextlib.suppress(FewShotError):
        read_header(file)
    with contextlib.suppress(FewShotError):
        thumbnail(file, 64)
    load_views(data, Preprocessing(views=8))


def _classifier(folder: Path, data: bytes) -> None:
    shutil.copy(FIXTURES / "format3" / "tiny.onnx", folder)
    (folder / "classifier.pkl").write_bytes(data)
    classifier = FewShotClassifier.load(folder)
    json.dumps(classifier.classify(_IMAGE).to_dict(evidence=True), allow_nan=False)
    json.dumps(classifier.artifact_.summary(), allow_nan=False)
    classifier.save(folder / "again")


def _exported(folder: Path, data: bytes) -> None:
    (folder / "classifier.onnx").write_bytes(data)
    classifier = load_classifier(folder / "classifier.onnx")
    json.dumps(classifier.classify(_IMAGE).to_dict(), allow_nan=False)


def _backbone(folder: Path, data: bytes) -> None:
    (folder / "tiny.onnx").write_bytes(data)
    Embedder(folder / "tiny.onnx").embed([_IMAGE])


def _sidecar(folder: Path, data: bytes) -> None:
    (folder / "other.onnx").write_bytes(third_party_network())
    (folder / "other.json").write_bytes(data)
    Embedder(folder / "other.onnx").embed([_IMAGE])


RUNS = {
    "image": (".image", _image),
    "classifier": (".pkl", _classifier),
    "exported": (".onnx", _exported),
    "backbone": (".onnx", _backbone),
    "sidecar": (".json", _sidecar),
}
