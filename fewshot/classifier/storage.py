"""The methods that read and write a fitted classifier."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from fewshot._files import file_sha256
from fewshot.artifact import Artifact, artifact_path, changing, read_with_sha256
from fewshot.backbones.find import find_backbone, models_folder, place_network
from fewshot.embedder import Embedder
from fewshot.errors import ArtifactError, BackboneError

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from fewshot.errors import ImageError


class Storage:
    """Saving and loading, for `FewShotClassifier`."""

    if TYPE_CHECKING:  # what `FewShotClassifier` has
        artifact_: Artifact
        embedder_: Embedder
        skipped_: tuple[ImageError, ...]

        def __init__(self, *arguments: Any, **more: Any) -> None: ...

        @property
        def _fitted(self) -> Artifact: ...

    # SHA-256 of the files that this classifier was read from or written to, "" for none there.
    _files: Mapping[Path, str] = MappingProxyType({})

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the classifier, and put its backbone beside it, so that the folder is complete.

        Parameters
        ----------
        path : path, optional
            A folder, to hold ``classifier.pkl``, or a ``.pkl`` file; by default
            ``FEWSHOT_MODELS`` or ``./models``.

        Returns
        -------
        Path
            The classifier file. The one that was there before is kept beside it, for
            `fewshot.artifact.restore_previous`.

        Raises
        ------
        ArtifactError
            If a file that is not a classifier is in the way, or the one there was changed since
            this classifier was loaded from it.
        """
        artifact, backbone = self._fitted, self.embedder_.backbone_
        file, recipe = artifact_path(models_folder(path)), artifact.preprocessing
        place = place_of(file)
        with changing(file, self._files.get(place)) as write:
            name = place_network(backbone.path, backbone.sha256, file.parent, backbone.appendix)
            if recipe.crop == "face":
                detector = self.embedder_.detector_.network
                placed = place_network(detector.path, detector.sha256, file.parent)
                recipe = replace(recipe, detector=placed)
            reference = replace(artifact.backbone, file=name)
            sha256 = write(replace(artifact, backbone=reference, preprocessing=recipe))
        self._files = {**self._files, place: sha256}
        return file

    @classmethod
    def load(
        cls, path: str | os.PathLike[str] | None = None, *, threads: int | None = None
    ) -> Self:
        """Open a classifier that `save` wrote.

        Parameters
        ----------
        path : path, optional
            Its folder, or the ``.pkl`` file; by default ``FEWSHOT_MODELS`` or ``./models``.
        threads : int, optional
            As for the constructor.

        Returns
        -------
        FewShotClassifier

        Raises
        ------
        MissingFileError
            If the classifier or its backbone is not there.
        ArtifactError
            If the file is damaged, unsafe, or of another format.
        BackboneError
            If the backbone is not the one the classifier was fitted with.
        """
        file = artifact_path(models_folder(path))
        artifact, sha256 = read_with_sha256(file)
        recipe = artifact.preprocessing
        beside = file.parent / artifact.backbone.file
        backbone = beside if beside.exists() else find_backbone(beside.stem)
        detector = _find_detector(artifact, file) if recipe.crop == "face" else None
        embedder = Embedder(backbone, detector=detector, preprocessing=recipe, threads=threads)
        _require_same_backbone(embedder, artifact, file)
        embedder.expect_dim(artifact.backbone.dim)
        self = cls(
            artifact.decision.head.kind,
            backbone,
            views=recipe.views,
            image_size=recipe.image_size,
            crop=recipe.crop,
            no_face=recipe.no_face,
            detector=detector,
            reject_rate=artifact.decision.rejection.rate,
            threads=threads,
        )
        self.artifact_, self.embedder_, self.skipped_ = artifact, embedder, ()
        self._files = {place_of(file): sha256}
        return self


def place_of(path: str | os.PathLike[str]) -> Path:
    """Return the classifier file that a path means, whatever links lead there."""
    return Path(os.path.realpath(artifact_path(path)))


def _require_same_backbone(embedder: Embedder, artifact: Artifact, file: Path) -> None:
    """Refuse a backbone that the classifier was not fitted with."""
    expected, network = artifact.backbone, embedder.network_
    sha256 = network.sha256
    if sha256 != expected.sha256 and network.path.with_suffix(".json").exists():
        sha256 = embedder.backbone_.sha256  # with its sidecar
    if sha256 != expected.sha256:
        raise BackboneError(
            f"{file}: fitted with backbone {expected.file} (sha256 {expected.sha256[:12]}), but "
            f"{network.path} is another (sha256 {sha256[:12]}); "
            "put the first one there, or fit again"
        )


def _find_detector(artifact: Artifact, file: Path) -> Path:
    """Find the face detector that a classifier was fitted with, beside it or built in."""
    recipe = artifact.preprocessing
    if artifact.format < 4:
        raise ArtifactError(
            f"{file}: its faces were found by OpenCV, as earlier versions did; this one finds them "
            "by a network of its own: fit again, with 'fewshot fit DATA --crop face'"
        )
    beside = file.parent / recipe.detector
    path = beside if beside.exists() else find_backbone(Path(recipe.detector).stem)
    sha256 = file_sha256(path)
    if sha256 != recipe.detector_sha256:
        raise BackboneError(
            f"{file}: fitted with face detector {recipe.detector} (sha256 "
            f"{recipe.detector_sha256[:12]}), but {path} is another (sha256 {sha256[:12]}); put "
            "the first one there, or fit again"
        )
    return path
