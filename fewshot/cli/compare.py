"""Tell whether two images show the same person."""

from __future__ import annotations

import argparse

from fewshot.cli.images import require_images
from fewshot.cli.output import printable, say_result
from fewshot.errors import UsageError

EPILOG = """examples:
  fewshot compare passport.jpg door.jpg && echo "the same"

It compares the largest face of each image, and needs no classifier. It is no proof of identity: it
errs, and cannot tell a person from a photograph of them.

exit status: 0 the same person, 2 nothing could be done, 3 not the same person"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("images", metavar="IMAGE", nargs=2, help="two files; - is standard input")


def run(arguments: argparse.Namespace) -> int:
    """Compare the faces."""
    from fewshot.classifier.comparison import compare_faces

    images = require_images(arguments.images)
    if len(images) != 2:
        raise UsageError(f"{len(images)} images were found; expected two")
    found = compare_faces(images[0], images[1])
    verdict = "the same person" if found.same else "not the same person"
    where = " and ".join(printable(image) for image in arguments.images)
    text = f"{where}: {verdict} (distance {found.distance:.2f}, threshold {found.threshold:.2f})"
    say_result(arguments, {"images": arguments.images, **found.to_dict()}, text)
    return 0 if found.same else 3
