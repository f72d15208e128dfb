"""The arguments that several commands share."""

from __future__ import annotations

import argparse

# Written out, as importing where they are defined takes numpy; a test compares them.
HEADS = ("auto", "logistic", "discriminant", "centroid", "prototype")
PRECISIONS = ("fp32", "fp16", "int8")
DEFAULT_BACKBONE, DEFAULT_FACE_BACKBONE = "mobilenet_v2", "face_resnet"
CROPS = ("whole", "face")
NO_FACE = ("skip", "whole", "error")


def add_models(parser: argparse.ArgumentParser, exported: bool = False) -> None:
    """Add the option that names a classifier: a folder, or a file too if `exported`."""
    what = "folder of the classifier and its backbone"
    if exported:
        what += ", or a file that 'fewshot export' wrote"
    parser.add_argument(
        "--models", metavar="DIR", help=f"{what} (default: $FEWSHOT_MODELS or models)"
    )


def add_images(parser: argparse.ArgumentParser) -> None:
    """Add the images that are asked about."""
    parser.add_argument(
        "images", metavar="IMAGE", nargs="+", help="file, folder, glob, or - for standard input"
    )


def add_data(parser: argparse.ArgumentParser, optional: bool = False) -> None:
    """Add the folder of classes."""
    what = "folder with one folder of images per class"
    parser.add_argument("data", metavar="DATA", help=what, nargs="?" if optional else None)


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add the number of threads."""
    parser.add_argument(
        "--threads",
        metavar="N",
        type=count,
        help="images processed at the same time (default: one per available processor)",
    )


def add_negatives(parser: argparse.ArgumentParser) -> None:
    """Add images of none of the classes."""
    parser.add_argument(
        "--negatives", metavar="DIR", help="folder of images that are of none of the classes"
    )


def add_training_data(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add what a classifier was fitted on, where that is needed again."""
    add = parser.add_argument
    add("--data", metavar="DATA", help=f"the training images, {purpose}")
    add("--negatives", metavar="DIR", help="the --negatives that it was fitted with")


def add_fitting(parser: argparse.ArgumentParser, optional: bool = False) -> None:
    """Add all that decides how a classifier is fitted; whether DATA may be left out."""
    add_data(parser, optional)
    add = parser.add_argument
    add(
        "--head",
        choices=HEADS,
        default=HEADS[0],
        help="classifier over embeddings (default: auto, a blend of logistic and discriminant, "
        "or prototype for faces)",
    )
    _add_network(parser)
    _add_faces(parser)
    add(
        "--reject-rate",
        metavar="RATE",
        type=float,
        default=0.05,
        help="target false rejection rate (default: 0.05; 0 disables rejection)",
    )
    add_negatives(parser)
    add_threads(parser)


def _add_network(parser: argparse.ArgumentParser) -> None:
    """Add how images become embeddings."""
    add = parser.add_argument
    add(
        "--backbone",
        metavar="NAME|FILE",
        help="network that turns images into embeddings, see 'fewshot backbones' (default: "
        f"{DEFAULT_BACKBONE}, or {DEFAULT_FACE_BACKBONE} for faces, both built in)",
    )
    add(
        "--views",
        metavar="N",
        type=count,
        default=1,
        help="crops averaged per image (test-time augmentation), 1 to 8: more accurate, and as "
        "many times slower (default: 1)",
    )
    add(
        "--image-size",
        metavar="N",
        type=count,
        help="pixels that images are resized to, 32 or more; smaller is faster (default: what the "
        "backbone was made for)",
    )


def _add_faces(parser: argparse.ArgumentParser) -> None:
    """Add how faces are found."""
    add = parser.add_argument
    add(
        "--crop",
        choices=CROPS,
        default=CROPS[0],
        help="use the whole image or its largest face (default: whole)",
    )
    add(
        "--no-face",
        choices=NO_FACE,
        default=NO_FACE[0],
        help="an image without a face is left out and later unknown, used whole, or an error "
        "(default: skip)",
    )


def counts(text: str) -> list[int]:
    """Parse numbers of 1 or more with commas between."""
    return [count(part) for part in text.split(",")]


def count(text: str) -> int:
    """Parse a number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)
