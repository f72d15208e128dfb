"""Few-shot image classification: fit on a handful of photographs a class, classify on any CPU."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as `typing` has it, but for the time it takes to import
if TYPE_CHECKING:
    from typing import Any

    from fewshot.artifact import Artifact as Artifact
    from fewshot.artifact import read_artifact as read_artifact
    from fewshot.classifier.exported import ExportedClassifier as ExportedClassifier
    from fewshot.classifier.few_shot import FewShotClassifier as FewShotClassifier
    from fewshot.classifier.load import load_classifier as load_classifier
    from fewshot.embedder import Embedder as Embedder
    from fewshot.errors import FewShotError as FewShotError
    from fewshot.export.onnx_file import export_classifier as export_classifier
    from fewshot.prediction import Prediction as Prediction

# onnxruntime reports usage to its maker unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

_HOMES = {
    "Artifact": "artifact",
    "Embedder": "embedder",
    "ExportedClassifier": "classifier.exported",
    "FewShotClassifier": "classifier.few_shot",
    "FewShotError": "errors",
    "Prediction": "prediction",
    "export_classifier": "export.onnx_file",
    "load_classifier": "classifier.load",
    "read_artifact": "artifact",
}

__all__ = sorted(_HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fewshot' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"fewshot.{_HOMES[name]}"), name)
