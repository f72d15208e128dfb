"""Use a classifier that is one ONNX file; onnxruntime, numpy and Pillow suffice."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot.artifact import Summary
from fewshot.artifact.safe_pickle import decode
from fewshot.backbones.backbone import read_preprocessing
from fewshot.backbones.session import OnnxNetwork
from fewshot.classifier.base import Classifier
from fewshot.errors import ArtifactError, BackboneError, MissingFileError
from fewshot.images.reference import N_IMAGES, reference_images
from fewshot.images.source import ImageSource
from fewshot.images.views import Views, load_views
from fewshot.prediction import Answer, Answers, join_answers

if TYPE_CHECKING:
    import onnxruntime as ort

    from fewshot.artifact import Artifact
    from fewshot.faces.cropper import FaceCropper

FORMAT = "1"
# What metadata can raise that are not what they should be.
_DAMAGE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
# How a program finds faces with the detector; as `fewshot.faces.detector` does.
FACE_STEPS = {
    "long_sides": [384, 800],
    "long_sides_for_all_faces": [384, 1600],
    "best_side": 110,
    "multiple": 32,
    "stride": 4,
    "least_score": 0.5,
    "same_face_iou": 0.3,
    "same_face_inside": 0.6,
    "landmarks": "eyes, nose, corners of the mouth, from left to right in the image",
}
_OUTPUTS = ["embedding", "probabilities", "known"]
_ROUNDING = 1e-3
_RECIPE = "image_size resize crop_fraction interpolation".split()
# Of classifiers of faces.
_FACES = "crop no_face detector detector_sha256".split()
_KEYS = ["fewshot_classifier", "classes", "summary", "references", "precision", *_RECIPE]


class ExportedClassifier(Classifier):
    """A classifier in a single ONNX file.

    Parameters
    ----------
    path : path
        The file.
    threads : int, optional
        Images worked on at the same time; by default one for each processor at hand.

    Raises
    ------
    MissingFileError
        If it is not there.
    BackboneError
        If onnxruntime cannot open it, or it wants to read other files.
    ArtifactError
        If it is no exported classifier, or contradicts itself.
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int | None = None) -> None:
        self.path = Path(path)
        self.threads = threads
        if not self.path.exists():
            raise MissingFileError(f"{path}: no such file; make one with 'fewshot export'")
        self._network = OnnxNetwork(self.path)
        metadata = self._network.properties
        missing = [key for key in _KEYS if key not in metadata]
        if missing:
            raise ArtifactError(
                f"{path}: not an exported classifier, its metadata lack {', '.join(missing)}; "
                "expected a file written by 'fewshot export'"
            )
        if metadata["fewshot_classifier"] != FORMAT:
            raise ArtifactError(
                f"{path}: exported classifier of format {metadata['fewshot_classifier']}; this "
                f"fewshot reads format {FORMAT}: export it again"
            )
        try:
            self._read(metadata)
        except _DAMAGE as error:
            raise ArtifactError(
                f"{path}: damaged metadata ({error}); export the classifier again"
            ) from error

    def _read(self, metadata: Mapping[str, str]) -> None:
        """Make sense of the metadata, and compare them with the graph."""
        self._summary: Summary = decode(json.loads(metadata["summary"]), Summary, "summary")
        self._classes = tuple(json.loads(metadata["classes"]))
        if not self._classes or self._classes != tuple(self._summary.classes):
            raise ValueError("classes differ from those of the summary")
        faces: dict[str, Any] = {key: metadata[key] for key in _FACES if key in metadata}
        self.preprocessing_ = replace(read_preprocessing(metadata), **faces)
        self.precision_ = metadata["precision"]
        self._alignment = json.loads(metadata.get("alignment", "[]"))
        dim = _check_nodes(
            self._network.session, len(self._classes), self.preprocessing_.image_size
        )
        self._references = _unpack(json.loads(metadata["references"]), len(self._classes), dim)

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the same file where it is unpickled, as a session cannot be pickled."""
        return partial(ExportedClassifier, self.path.absolute(), threads=self.threads), ()

    @property
    def class_names_(self) -> tuple[str, ...]:
        """The classes as text, as in predictions and files, in the order of `classes_`."""
        return self._classes

    @property
    def _label_type(self) -> str:
        return self._summary.label_type

    @property
    def references_(self) -> Answers:
        """Its answers for the reference images where it was exported."""
        return self._references

    def summary(self) -> dict[str, Any]:
        """Describe it, as `Artifact.summary` does."""
        return asdict(self._summary)

    def _load_views(self, image: ImageSource) -> Views:
        cropper = self._cropper
        return cropper.load_views(image) if cropper else load_views(image, self.preprocessing_)

    def _answer_views(self, views: Views) -> Answer:
        embedding, probabilities, known = self._network.run(_OUTPUTS, views.pixels)
        dim, n_classes = self._references.embeddings.shape[1], len(self._classes)
        shapes = embedding.shape, probabilities.shape, known.shape
        if shapes != ((1, dim), (1, n_classes), (1,)):
            raise BackboneError(f"{self.path}: its answers have another shape than it says")
        if not ((probabilities >= 0) & (probabilities <= 1 + _ROUNDING)).all():
            raise BackboneError(f"{self.path}: its probabilities are not from 0 to 1")
        return Answer(embedding[0], probabilities[0], bool(known[0]))

    @cached_property
    def _cropper(self) -> FaceCropper | None:
        """What finds faces, with the detector beside the file."""
        recipe = self.preprocessing_
        if recipe.crop != "face":
            return None
        from fewshot.faces.cropper import FaceCropper, make_template
        from fewshot.faces.detector import FaceDetector

        detector = FaceDetector(self.path.parent / recipe.detector)
        if detector.network.sha256 != recipe.detector_sha256:
            raise ArtifactError(
                f"{detector.network.path}: not the face detector that {self.path.name} was "
                "exported with; export it again"
            )
        size = recipe.image_size
        return FaceCropper(detector, recipe, make_template(self._alignment, size, size))

    def replay(self) -> Answers:
        """Answer for the reference images, whole where they have no face."""
        whole = replace(self.preprocessing_, no_face="whole")
        cropper = self._cropper
        load = replace(cropper, preprocessing=whole).load_views if cropper else self._load_views
        rows = [self._answer_views(load(image)) for image in reference_images()]
        return join_answers(rows, self._classes)


def metadata_of(
    artifact: Artifact, precision: str, resize_in_graph: bool, alignment: object = ()
) -> dict[str, str]:
    """Write down what a program must know to use an exported file.

    Parameters
    ----------
    artifact : Artifact
    precision : {"fp32", "fp16", "int8"}
    resize_in_graph : bool
        Whether the file takes images of any size.
    alignment : tuple of (x, y)
        Of a face embedder, as in `fewshot.backbones.backbone.Backbone`.

    Returns
    -------
    dict of str to str
        For ``metadata_props``. ``classes``, ``summary`` and ``references`` are JSON.
    """
    rejection = artifact.decision.rejection
    is_face = artifact.preprocessing.crop == "face"
    names = (*_RECIPE, *_FACES) if is_face else _RECIPE
    recipe = {name: str(getattr(artifact.preprocessing, name)) for name in names}
    if is_face:
        recipe |= {"alignment": json.dumps(alignment), "face_steps": json.dumps(FACE_STEPS)}
    return {
        "fewshot_classifier": FORMAT,
        "classes": json.dumps(artifact.classes),
        **recipe,
        "resize_in_graph": json.dumps(resize_in_graph),
        "precision": precision,
        "temperature": repr(artifact.decision.temperature),
        "threshold": repr(rejection.threshold),
        "reject_rate": repr(rejection.rate),
        "backbone": artifact.backbone.name,
        "backbone_sha256": artifact.backbone.sha256,
        "summary": json.dumps(artifact.summary()),
        "references": json.dumps(_pack(artifact.references)),
    }


def _pack(answers: Answers) -> dict[str, Any]:
    """Reduce answers to what JSON knows."""
    return {
        "known": answers.known.tolist(),
        **{
            name: base64.b64encode(getattr(answers, name).astype("<f4").tobytes()).decode()
            for name in ("embeddings", "probabilities")
        },
    }


def _unpack(packed: Mapping[str, Any], n_classes: int, dim: int) -> Answers:
    """Rebuild answers; any numbers that do not fit raise ValueError."""
    known = np.array([value is True for value in packed["known"]], np.bool_)
    embeddings, probabilities = (
        np.frombuffer(base64.b64decode(packed[name]), "<f4").reshape(N_IMAGES, width)
        for name, width in (("embeddings", dim), ("probabilities", n_classes))
    )
    finite = np.isfinite(embeddings).all() and np.isfinite(probabilities).all()
    if len(known) != N_IMAGES or not finite:
        raise ValueError("references are not those of the reference images")
    return Answers(embeddings, probabilities, known)


def _check_nodes(session: ort.InferenceSession, n_classes: int, size: int) -> int:
    """Refuse a graph that takes or gives something else than its metadata say; return its dim."""
    inputs = [(node.name, node.type, len(node.shape)) for node in session.get_inputs()]
    sides = session.get_inputs()[0].shape[1:3]
    fixed = [side for side in sides if isinstance(side, int)]
    if inputs != [("image", "tensor(uint8)", 4)] or fixed not in ([], [size, size]):
        raise ValueError(f"inputs {inputs} {sides}, expected image, uint8 (N, {size}, {size}, 3)")
    outputs = {node.name: (node.type, node.shape[1:]) for node in session.get_outputs()}
    _, dims = outputs.get("embedding", ("", []))
    expected = {
        "embedding": ("tensor(float)", dims),
        "probabilities": ("tensor(float)", [n_classes]),
        "known": ("tensor(bool)", []),
    }
    if any(outputs.get(name) != node for name, node in expected.items()) or len(dims) != 1:
        raise ValueError(f"outputs {outputs}, expected probabilities of {n_classes} classes")
    return int(dims[0])
