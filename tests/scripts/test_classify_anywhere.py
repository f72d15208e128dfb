"""The script for machines without fewshot gives the answers that fewshot gives."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fewshot import FewShotClassifier
from fewshot.export.onnx_file import export_classifier
from tests.conftest import Run, draw, draw_face

onnx = pytest.importorskip("onnx", reason="exporting needs onnx: pip install 'fewshot[onnx]'")

SCRIPT = Path(__file__).parents[2] / "scripts" / "classify_anywhere.py"


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    """Pictures as they come: large, lying on a side, transparent, grey, of something else."""
    lying, see_through = Image.Exif(), draw("disc", 9).convert("RGBA")
    lying[0x0112] = 6
    see_through.putalpha(120)
    pictures = {
        "large.jpg": (draw("grid", 8, 1200).crop((0, 0, 1200, 701)), {}),
        "lying.jpg": (draw("stripes", 8, 301).crop((0, 0, 301, 200)), {"exif": lying}),
        "see through.png": (see_through, {}),
        "grey.png": (draw("stripes", 9).convert("L"), {}),
        "face.png": (draw_face(), {}),
    }
    for name, (picture, options) in pictures.items():
        picture.save(tmp_path / name, **options)
    return [tmp_path / name for name in pictures]


@pytest.mark.parametrize(
    "recipe", [{}, {"crop_fraction": "0.8"}, {"resize": "squash", "interpolation": "bicubic"}]
)
@pytest.mark.parametrize("resize_in_graph", [False, True])
def test_the_same_answers(
    resize_in_graph: bool,
    recipe: dict[str, str],
    classifier: FewShotClassifier,
    photographs: list[Path],
    fewshot: Run,
    tmp_path: Path,
) -> None:
    file = export_classifier(classifier, tmp_path / "c.onnx", resize_in_graph=resize_in_graph)
    model = onnx.load(file)
    props = {prop.key: prop.value for prop in model.metadata_props}
    onnx.helper.set_model_props(model, props | recipe)
    onnx.save(model, file)
    command = [sys.executable, "-X", "utf8", SCRIPT, file, *photographs]
    found = subprocess.run(command, capture_output=True, check=True, encoding="utf-8", timeout=120)
    expected = fewshot("classify", "--models", file, *photographs)
    assert found.stdout == expected.stdout
    assert len(found.stdout.splitlines()) == len(photographs)


def test_it_needs_nothing_of_fewshot() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    imported = set(re.findall(r"^(?:import|from) (\w+)", text, re.M))
    assert imported == {"json", "math", "os", "sys", "numpy", "onnxruntime", "PIL"}
