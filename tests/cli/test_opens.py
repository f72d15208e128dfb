"""Every file is opened once: each image by fit, the backbone and the image by classify."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from fewshot.backbones.find import find_backbone

COUNT = """
import json, os, sys
opened = []
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        opened.append(os.fspath(arguments[0]))
sys.addaudithook(note)
from fewshot.cli import main
status = main(sys.argv[2:])
open(sys.argv[1], "w").write(json.dumps([status, opened]))
"""


def count_opens(folder: Path, *arguments: object) -> Counter[str]:
    """Run a command, and count how often it opens each file."""
    noted = folder / "opened.json"
    subprocess.run(
        [sys.executable, "-c", COUNT, noted, *map(str, arguments)],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=120,
    )
    status, opened = json.loads(noted.read_text("utf-8"))
    assert status == 0
    return Counter(os.path.realpath(folder / name) for name in opened)


def test_fit_opens_each_image_once(support_folder: Path, tmp_path: Path) -> None:
    for _ in range(2):  # the second time all embeddings are known
        opened = count_opens(tmp_path, "fit", support_folder)
        images = [os.path.realpath(file) for file in support_folder.rglob("*.png")]
        assert {opened[image] for image in images} == {1}


def test_classify_opens_backbone_and_image_once(
    models: Path, support_folder: Path, tmp_path: Path
) -> None:
    image = next(support_folder.rglob("*.png"))
    opened = count_opens(tmp_path, "classify", "--models", models, image)
    assert opened[os.path.realpath(image)] == 1
    assert opened[os.path.realpath(models / find_backbone().name)] == 1
    assert opened[os.path.realpath(models / "classifier.pkl")] == 1
