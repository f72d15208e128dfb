"""Write a web page that classifies images in the browser, with all it needs in one file."""

from __future__ import annotations

import base64
import gzip
import os
import tempfile
from pathlib import Path

from fewshot._files import replacing, require_replaceable
from fewshot.classifier.few_shot import FewShotClassifier
from fewshot.errors import UsageError
from fewshot.export.description import read_description
from fewshot.export.onnx_file import FACES_MODULE, MODULE, export_classifier
from fewshot.training.support_set import Negatives, SupportData

_RUNTIME = Path("node_modules/onnxruntime-web/dist")
_INDEX, _MARK = "index.html", b'id="runtime"'
_CODE, _WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"


def export_page(
    classifier: FewShotClassifier,
    folder: str | os.PathLike[str],
    *,
    runtime: str | os.PathLike[str] | None = None,
    precision: str = "fp32",
    data: SupportData | None = None,
    negatives: Negatives | None = None,
) -> Path:
    """Write a classifier as a web page, to be opened as a file or put on any web server.

    Parameters
    ----------
    classifier : FewShotClassifier
        Fitted, with one view per image.
    folder : path
        Where the page goes, as ``index.html``.
    runtime : path, optional
        The folder ``dist`` of the npm package onnxruntime-web; by default the one in
        ``./node_modules``.
    precision, data, negatives
        As for `fewshot.export.onnx_file.export_classifier`.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    UsageError
        If there is no onnxruntime-web, or as `fewshot.export.onnx_file.export_classifier` does.
    """
    dist = find_runtime(runtime)
    index = Path(folder) / _INDEX
    require_replaceable(index, _MARK)
    with tempfile.TemporaryDirectory() as scratch:
        file = export_classifier(
            classifier,
            Path(scratch) / "classifier.onnx",
            precision=precision,
            data=data,
            negatives=negatives,
        )
        return write_page(file, dist, Path(folder))


def find_runtime(runtime: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of onnxruntime-web's files.

    Raises
    ------
    UsageError
        If it lacks a file that the page is made of.
    """
    folder = _RUNTIME if runtime is None else Path(runtime)
    for name in (_CODE, _WASM):
        if not (folder / name).is_file():
            raise UsageError(
                f"{folder / name}: no such file; run 'npm install --ignore-scripts "
                "onnxruntime-web' here first, or give its dist folder with --onnxruntime-web"
            )
    return folder


def write_page(onnx_file: Path, runtime: Path, folder: Path) -> Path:
    """Put an exported file and onnxruntime-web into a page."""
    page = _template("page.html")
    for name, text in (("style", "page.css"), ("script", "page.mjs")):
        page = page.replace(f"{{{{{name}}}}}", _template(text))
    parts = {
        "runtime": runtime / _CODE,
        "wasm": runtime / _WASM,
        "module": MODULE,
        "model": onnx_file,
    }
    for name, file in parts.items():
        page = page.replace(f"{{{{{name}}}}}", _packed(file))
    page = page.replace("{{faces}}", _face_parts(onnx_file))
    path = folder / _INDEX
    with replacing(path) as stream:
        stream.write(page.encode())
    return path


def _template(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _face_parts(onnx_file: Path) -> str:
    """Write what a classifier of faces needs besides as parts of the page."""
    described = read_description(onnx_file)
    if described.get("crop") != "face":
        return ""
    parts = {"faces": FACES_MODULE, "detector": onnx_file.with_name(described["detector"])}
    return "".join(
        f'<script type="text/plain" id="{name}">{_packed(file)}</script>\n'
        for name, file in parts.items()
    )


def _packed(file: Path) -> str:
    """Compress a file, as text without a meaning in HTML."""
    return base64.b64encode(gzip.compress(file.read_bytes(), mtime=0)).decode()
