"""Write a classifier as one ONNX file, with all that is needed to use it in any language."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from fewshot._files import replacing, require_replaceable
from fewshot._optional import require
from fewshot.artifact import Artifact
from fewshot.backbones.find import place_network
from fewshot.classifier.exported import metadata_of
from fewshot.classifier.few_shot import FewShotClassifier
from fewshot.errors import UsageError
from fewshot.export.description import write_with_description
from fewshot.export.graph import join_graphs
from fewshot.export.precision import convert_classifier, require_precision
from fewshot.images.preprocessing import Preprocessing
from fewshot.training.support_set import Negatives, SupportData

if TYPE_CHECKING:
    import onnx

# Every file of an export holds it.
MARK = b"fewshot_classifier"
_MODULE_MARK = b"with a file that 'fewshot export' wrote"
MODULE = Path(__file__).with_name("classifier.mjs")
FACES_MODULE = Path(__file__).with_name("faces.mjs")


def export_classifier(
    classifier: FewShotClassifier,
    path: str | os.PathLike[str] = "classifier.onnx",
    *,
    precision: str = "fp32",
    resize_in_graph: bool = False,
    javascript: bool = False,
    data: SupportData | None = None,
    negatives: Negatives | None = None,
) -> Path:
    """Write a classifier as one ONNX file of standard operators.

    Parameters
    ----------
    classifier : FewShotClassifier
        Fitted, with one view per image.
    path : path
        The file; a JSON file that describes it is written beside it, and the face detector if
        faces are classified.
    precision : {"fp32", "fp16", "int8"}
        Of the backbone's weights: as they are; stored in half the size, with arithmetic in fp32;
        or in a third of the size, with arithmetic in 8 bits.
    resize_in_graph : bool
        Let the file take images of any size, instead of the backbone's size.
    javascript : bool
        Write a JavaScript module beside the file, which resizes images and runs it; and
        ``faces.mjs`` if faces are classified.
    data, negatives : as for `FewShotClassifier.fit`, optional
        The training images. "int8" is calibrated on them, and its head fitted on them again;
        without them it is calibrated on drawn images and the head is kept, which costs accuracy.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If there is no such precision, or not for classifiers of faces; the classifier cannot be a
        single file (several views, a third-party backbone); or the package onnx is missing.
    """
    require_precision(precision)
    artifact, path = classifier._fitted, Path(path)
    _require_free(path, classifier.embedder_.backbone_.path)
    modules = javascript_modules(artifact.preprocessing, path) if javascript else {}
    for module in modules:
        require_replaceable(module, _MODULE_MARK)
    require_exportable(classifier)
    _require_precision_for_faces(artifact, precision)
    backbone, artifact = convert_classifier(classifier, precision, data, negatives)
    model = join_graphs(artifact, backbone, resize_in_graph)
    artifact = _with_detector(classifier, artifact, path.parent)
    alignment = classifier.embedder_.backbone_.alignment
    _write(model, metadata_of(artifact, precision, resize_in_graph, alignment), path)
    for module, content in modules.items():
        with replacing(module) as stream:
            stream.write(content)
    return path


def javascript_modules(preprocessing: Preprocessing, path: Path) -> dict[Path, bytes]:
    """Return the JavaScript modules beside an exported file, and what they hold."""
    module = path.with_suffix(".mjs")
    modules = {module: MODULE.read_bytes()}
    if preprocessing.crop == "face":
        if module.name == FACES_MODULE.name:
            raise UsageError(f"{path}: {module.name} is the module of faces; give another name")
        modules[module.with_name(FACES_MODULE.name)] = faces_module(f"./{quote(module.name)}")
    return modules


def faces_module(classifier_module: str) -> bytes:
    """Return the JavaScript module of faces, which imports the other one from an address."""
    own = f'"./{MODULE.name}"'.encode()
    return FACES_MODULE.read_bytes().replace(own, json.dumps(classifier_module).encode())


def require_exportable(classifier: FewShotClassifier) -> None:
    """Raise UsageError if a classifier cannot be a single file, or not here."""
    require("onnx", "onnx", "writing ONNX files")
    preprocessing, backbone = classifier.artifact_.preprocessing, classifier.embedder_.backbone_
    if preprocessing.views > 1:
        raise UsageError(
            f"this classifier averages {preprocessing.views} views of each image, and a single "
            "file takes one: fit again with --views 1, or copy the folder"
        )
    if form := backbone.input_format:
        raise UsageError(
            f"{backbone.path.name}: takes {form.input_layout} {form.input_type} as "
            f"{form.input!r}; only backbones written by scripts/export/backbone.py, which take "
            "uint8 pixels, can be exported or converted to another precision: copy the folder"
        )


def _require_precision_for_faces(artifact: Artifact, precision: str) -> None:
    """Raise UsageError for a precision whose fitting again knows whole images only."""
    if precision == "int8" and artifact.preprocessing.crop == "face":
        raise UsageError(
            "precision is 'int8', which is calibrated on whole images, and this classifier is of "
            "faces; expected fp32 or fp16"
        )


def _with_detector(classifier: FewShotClassifier, artifact: Artifact, folder: Path) -> Artifact:
    """Put the face detector beside the file, if faces are classified."""
    if artifact.preprocessing.crop != "face":
        return artifact
    network = classifier.embedder_.detector_.network
    name = place_network(network.path, network.sha256, folder)
    return replace(artifact, preprocessing=replace(artifact.preprocessing, detector=name))


def _require_free(path: Path, backbone: Path) -> None:
    """Refuse to write where something else would be lost, before work is done."""
    if path.suffix != ".onnx":
        raise UsageError(f"{path}: expected a name that ends in .onnx")
    if path.resolve() == backbone.resolve():
        raise UsageError(f"{path}: is the classifier's own backbone; give another name")
    require_replaceable(path, MARK)
    require_replaceable(path.with_suffix(".json"), MARK)


def _write(model: onnx.ModelProto, metadata: dict[str, str], path: Path) -> None:
    from onnx import checker, helper

    helper.set_model_props(model, metadata)
    model.producer_name = "fewshot"
    checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    write_with_description(path, content, metadata)
