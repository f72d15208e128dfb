"""Open a classifier, be it a folder or a single file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fewshot.backbones.find import models_folder

if TYPE_CHECKING:
    from fewshot.classifier.exported import ExportedClassifier
    from fewshot.classifier.few_shot import FewShotClassifier


def load_classifier(
    path: str | os.PathLike[str] | None = None, *, threads: int | None = None
) -> ExportedClassifier | FewShotClassifier:
    """Open a classifier, be it a folder or a single ``.onnx`` file.

    Parameters
    ----------
    path : path, optional
        A folder, a ``.pkl`` or an ``.onnx`` file; by default ``FEWSHOT_MODELS`` or ``./models``.
    threads : int, optional
        Images classified at the same time; by default one for each processor at hand.

    Returns
    -------
    FewShotClassifier or ExportedClassifier

    Raises
    ------
    FewShotError
        As either of them says.
    """
    file = models_folder(path)
    if file.suffix == ".onnx":
        from fewshot.classifier.exported import ExportedClassifier

        return ExportedClassifier(file, threads=threads)
    from fewshot.classifier.few_shot import FewShotClassifier

    return FewShotClassifier.load(file, threads=threads)
