"""The errors of the package: one family, so that a caller can catch them all at once."""


class FewShotError(Exception):
    """Anything this package refuses to do; the message says what was found and what to do."""


class ImageError(FewShotError, ValueError):
    """An image could not be read.

    Parameters
    ----------
    reason : str
        What was found, and what was expected.
    name : str, optional
        Which image it is.
    """

    def __init__(self, reason: str, name: str = "") -> None:
        super().__init__(reason, name)
        self.reason = reason
        self.name = name

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" if self.name else self.reason


class NoFaceError(ImageError):
    """No face was found in an image, where one is needed."""


class SupportError(FewShotError, ValueError):
    """A support set cannot be fitted on: no images, one class, labels that do not match."""


class BackboneError(FewShotError, ValueError):
    """An ONNX file is not a usable backbone, or not the one a classifier was fitted with."""


class ArtifactError(FewShotError, ValueError):
    """A classifier file is damaged, unsafe, or of another format."""


class DamagedArtifactError(ArtifactError):
    """A classifier file that this package wrote is damaged; nothing is lost if it is replaced."""


class MissingFileError(FewShotError, FileNotFoundError):
    """A backbone or a classifier was not found where it was looked for."""


class UsageError(FewShotError, ValueError):
    """An argument has a value that nothing here knows."""


class NotFittedError(FewShotError, ValueError, AttributeError):
    """A classifier was asked before it was fitted."""


class FewShotWarning(UserWarning):
    """A request could not be honoured exactly; processing continued."""


class SkippedWarning(FewShotWarning):
    """An image could not be read and was left out."""
