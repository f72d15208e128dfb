"""The classifier file: its records, reading and writing."""

from fewshot.artifact.file import FILE_NAME as FILE_NAME
from fewshot.artifact.file import artifact_path as artifact_path
from fewshot.artifact.file import changing as changing
from fewshot.artifact.file import previous_path as previous_path
from fewshot.artifact.file import read_artifact as read_artifact
from fewshot.artifact.file import read_with_sha256 as read_with_sha256
from fewshot.artifact.file import restore_previous as restore_previous
from fewshot.artifact.file import sha256_there as sha256_there
from fewshot.artifact.file import write_artifact as write_artifact
from fewshot.artifact.record import FORMAT as FORMAT
from fewshot.artifact.record import Artifact as Artifact
from fewshot.artifact.record import BackboneReference as BackboneReference
from fewshot.artifact.record import Summary as Summary
from fewshot.artifact.support_record import SupportRecord as SupportRecord
