"""Describe the command line: commands, their arguments and their help."""

from __future__ import annotations

import argparse

from fewshot import __version__

_CAPTURE = """examples:
  fewshot capture --label cup                      20 pictures from the first camera
  fewshot capture --label cup --source cup.mp4     from a video, spread over its length

Blurred frames are left out, and those that repeat another. Pictures of one recording are alike, and
so accuracy that is measured on them looks too good: record each class more than once, in other
places and at other times. It takes OpenCV: pip install 'fewshot[camera]'

exit status: 0 all taken, 1 fewer than asked for, 2 nothing could be done"""
_FIT = """examples:
  fewshot fit data/                 data/rose/*.jpg, data/tulip/*.jpg, ...
  fewshot fit data/ -o garden/      then: fewshot classify --models garden/ new.jpg

  fewshot fit people/ --crop face   people/anna/*.jpg, people/ben/*.jpg, ...: tell faces apart

Running it again embeds only images that are new or changed."""
_ADD = """examples:
  fewshot add more/                      more/rose/*.jpg, ...: of classes it knows or new ones
  fewshot add --label rose new1.jpg new2.jpg
  fewshot add --negatives stranger.jpg   it shows none of the classes

Only images that are new are embedded; 'fewshot undo' goes back."""
_REMOVE = """examples:
  fewshot remove --label rose
  fewshot remove --image data/rose/3.jpg
  fewshot remove --negatives

An image is found by its content, or if the file is gone by the name that 'fewshot info --images'
lists; 'fewshot undo' goes back."""
_RELABEL = """examples:
  fewshot relabel data/rose/3.jpg tulip

An image is found as for 'fewshot remove'; 'fewshot undo' goes back."""
_UNDO = """What was there before the last change comes back; undoing it twice changes nothing.
A change is made by fit, add, remove, relabel, rename, classify --correct and undo."""
_CLASSIFY = """examples:
  fewshot classify new.jpg
  fewshot classify new.jpg --why             the most similar images it was fitted on
  fewshot classify new.jpg --correct tulip   learn from a mistake
  fewshot classify group.jpg --faces all --annotate named.png
  fewshot classify new.jpg --is tulip && echo "it is"
  fewshot classify photos/ 'more/*.png' --top 3
  fewshot classify photos/ --json | jq -r 'select(.known) | [.image, .label] | @tsv'

exit status: 0 all answered, 1 some images could not be read, 2 nothing could be done, 3 with --is:
an image is not of the class"""
_EXPLAIN = """examples:
  fewshot explain new.jpg                     writes heat.png
  fewshot explain photos/ -o sheet.png        several on one sheet
  fewshot explain new.jpg --label tulip       what would speak for a tulip?

Warm colours lie on what speaks for the class, blue on what speaks for others; what is dark was not
looked at. Only a picture that 'fewshot explain' wrote is replaced."""
_EXPORT = """examples:
  fewshot export                                  models/ into classifier.onnx
  fewshot export --precision int16                half the size, nearly the same numbers
  fewshot export --precision int8 --data data/    a third of it, calibrated on these photographs
  fewshot export --html page/                     a page that classifies in the browser

Reading the file takes onnxruntime alone, in any language; writing it takes the package onnx:
pip install 'fewshot[onnx]'"""
_VERIFY = """examples:
  fewshot verify classifier.onnx                  does it answer here as where it was fitted?
  fewshot verify models/
  fewshot verify classifier.onnx photos/          does it answer as models/ does?

An answer is a label, and whether it is known; without images, probabilities may not move by more
than 0.01 either.

exit status: 0 every answer is the same, 1 some are not, or an image could not be read, 2 nothing
could be done"""
_BENCHMARK = """examples:
  fewshot benchmark                               how fast is models/ here?
  fewshot benchmark --data data/                  and how accurate in each precision and size?
  fewshot benchmark --models classifier.onnx

Times are from decoded pictures to answers. Other precisions take the package onnx:
pip install 'fewshot[onnx]'"""
_CHECK = """examples:
  fewshot check data/
  fewshot check data/ --test other/     is anything learned from that is measured on?

It looks for unreadable and misnamed files, pictures that are there twice, labels that may be wrong,
images unlike their class, and classes of too few images. Nothing is changed or moved.

exit status: 0 nothing found, 1 something needs attention, 2 nothing could be done"""
_BACKBONES = """examples:
  fewshot backbones
  fewshot fit data/ --backbone NAME

A name is looked up in --models, $FEWSHOT_MODELS, ./models and the installed package. Any other
network will do too, as --backbone FILE.onnx: what it does not say of itself is asked for."""
_EVALUATE = """examples:
  fewshot evaluate data/                         images left out in turn
  fewshot evaluate data/ --test other/           fit on data/, measure on other/
  fewshot evaluate data/ --shots 1,2,5,10        would more images help?
  fewshot evaluate data/ --episodes 100 --way 5 --shot 5
  fewshot evaluate data/ --report report.html    a page to look at"""
_REPORT = """examples:
  fewshot report                         models/ into report.html
  fewshot report --data data/            with the photographs it was fitted on

One file that needs nothing else: accuracy, mistakes, confusions, calibration, a map of the images
and what 'fewshot check' finds. It takes matplotlib: pip install 'fewshot[report]'"""


def build_parser() -> argparse.ArgumentParser:
    """Describe the commands; what is parsed names one in ``command``."""
    parser = argparse.ArgumentParser(
        prog="fewshot",
        description="Tell your own classes of images apart, from a handful of photographs of each.",
        epilog="start with: fewshot demo; then: fewshot fit DATA; fewshot classify IMAGE",
    )
    parser.add_argument("--version", action="version", version=f"fewshot {__version__}")
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )

    capture = _command(
        commands, "capture", "take pictures of a class from a camera or a video", _CAPTURE
    )
    add = capture.add_argument
    add("--label", metavar="NAME", required=True, help="the class they are of")
    add("--count", metavar="N", type=_count, default=20, help="how many (default: 20)")
    add("--source", metavar="N|FILE", default="0", help="camera, or video file (default: 0)")
    add("--data", metavar="DIR", default="data", help="folder of classes (default: data)")

    fit = _command(commands, "fit", "learn classes from a folder of images", _FIT)
    _add_fitting(fit)
    fit.add_argument("-o", "--output", metavar="DIR", help="where to write (default: as --models)")

    _add_teaching(commands)

    classify = _command(commands, "classify", "say what images show", _CLASSIFY)
    classify.add_argument("images", metavar="IMAGE", nargs="+", help="file, folder or glob")
    classify.add_argument("--top", metavar="K", type=_count, help="print the K likeliest classes")

    classify.add_argument("--why", action="store_true", help="name the images it rests on")
    then = classify.add_mutually_exclusive_group()
    then.add_argument("--correct", metavar="NAME", help="learn that this is what they show")
    then.add_argument("--is", metavar="NAME", dest="asked", help="answer yes or no")
    classify.add_argument(
        "--faces",
        choices=("all",),
        help="answer for every face; takes a classifier fitted with --crop face",
    )
    classify.add_argument(
        "--annotate", metavar="FILE", help="draw boxes and names, .png; with --faces all"
    )

    explain = _command(commands, "explain", "draw where in images the evidence lies", _EXPLAIN)
    explain.add_argument("images", metavar="IMAGE", nargs="+", help="file, folder or glob")
    explain.add_argument(
        "-o", "--output", metavar="FILE", default="heat.png", help="(default: heat.png)"
    )
    explain.add_argument("--label", metavar="NAME", help="a class (default: the likeliest)")

    check = _command(commands, "check", "look for what is wrong with a folder of images", _CHECK)
    check.add_argument("data", metavar="DATA", help="folder with one folder of images per class")
    check.add_argument("--test", metavar="DIR", help="folder of classes that is measured on")
    check.add_argument("--negatives", metavar="DIR", help="images that are of none of the classes")

    evaluate = _command(
        commands, "evaluate", "measure on images that were not fitted on", _EVALUATE
    )
    _add_fitting(evaluate)
    add = evaluate.add_argument
    add("--test", metavar="DIR", help="fit on all of DATA and measure on this folder of classes")
    add("--shots", metavar="N,N,...", type=_counts, help="accuracy against images per class")
    add("--episodes", metavar="N", type=_count, help="measure on N random tasks instead")
    add("--way", metavar="N", type=_count, default=5, help="classes a task (default: 5)")
    add("--shot", metavar="N", type=_count, default=5, help="images a class (default: 5)")

    add("--report", metavar="FILE", help="write a page about it, .html")

    report = _command(commands, "report", "write a page about the classifier", _REPORT)
    add = report.add_argument
    add(
        "-o",
        "--output",
        metavar="FILE",
        default="report.html",
        help="(default: report.html)",
    )
    add("--data", metavar="DATA", help="what it was fitted on, for the photographs")
    add("--negatives", metavar="DIR", help="as it was fitted with")

    export = _command(commands, "export", "write a classifier as one ONNX file", _EXPORT)
    form = export.add_mutually_exclusive_group()
    form.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="classifier.onnx",
        help="(default: classifier.onnx)",
    )
    form.add_argument("--html", metavar="DIR", help="write a web page into this folder instead")
    add = export.add_argument
    add(
        "--onnxruntime-web",
        metavar="DIR",
        help="dist folder of that npm package, for --html "
        "(default: node_modules/onnxruntime-web/dist)",
    )
    add(
        "--precision",
        choices=("fp32", "fp16", "int16", "int8"),
        default="fp32",
        help="of the weights (default: fp32)",
    )
    add("--top-level-resize", action="store_true", help="let it take photographs of any size")
    add("--data", metavar="DATA", help="what it was fitted on, for int8 to be fitted on again")
    add("--negatives", metavar="DIR", help="as it was fitted with, for int8")

    verify = _command(
        commands, "verify", "tell whether a classifier answers as it should here", _VERIFY
    )
    verify.add_argument("classifier", metavar="CLASSIFIER", help="an .onnx file, or a folder")
    verify.add_argument("images", metavar="IMAGE", nargs="*", help="to compare with --models on")

    benchmark = _command(
        commands, "benchmark", "measure what is fastest here, and what it costs", _BENCHMARK
    )
    add = benchmark.add_argument
    add("--data", metavar="DATA", help="what it was fitted on, to measure accuracy with")
    add("--negatives", metavar="DIR", help="as it was fitted with")
    add("--seconds", metavar="N", type=_count, default=15, help="time for timing (default: 15)")

    info = _command(commands, "info", "show what a classifier file is made of")
    info.add_argument("--images", action="store_true", help="list the images it was fitted on")
    teaching = [commands.choices[name] for name in ("add", "remove", "relabel", "rename", "undo")]
    for command in (fit, classify, evaluate):
        command.add_argument(
            "--threads",
            metavar="N",
            type=_count,
            help="images worked on at the same time (default: one for each processor at hand)",
        )
    folder = "folder of the classifier and its backbone"
    file = f"{folder}, or a file that 'fewshot export' wrote"
    with_folder = (fit, *teaching, explain, check, evaluate, report, export)
    for command in (*with_folder, classify, verify, benchmark, info):
        what = folder if command in with_folder else file
        command.add_argument(
            "--models", metavar="DIR", help=f"{what} (default: $FEWSHOT_MODELS or models)"
        )

    backbones = _command(commands, "backbones", "list the backbones that can be named", _BACKBONES)
    backbones.add_argument("--models", metavar="DIR", help="folder to look in first")

    demo = _command(commands, "demo", "try everything on handwritten digits, offline")
    demo.add_argument(
        "folder", metavar="DIR", nargs="?", default="fewshot-demo", help="(default: fewshot-demo)"
    )
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    """Add a command; all of them can answer in JSON."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser


def _add_teaching(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands that change a classifier."""
    add = _command(commands, "add", "teach more images, or more classes", _ADD)
    add.add_argument("data", metavar="DATA|IMAGE", nargs="+", help="folder of classes, or images")
    kind = add.add_mutually_exclusive_group()
    kind.add_argument("--label", metavar="NAME", help="what class the images are of")
    kind.add_argument("--negatives", action="store_true", help="the images are of none")

    remove = _command(commands, "remove", "forget a class, or single images", _REMOVE)
    what = remove.add_mutually_exclusive_group(required=True)
    what.add_argument("--label", metavar="NAME", help="a class")
    what.add_argument("--image", metavar="FILE", nargs="+", help="images it was fitted on")
    what.add_argument("--negatives", action="store_true", help="all images of none of the classes")

    relabel = _command(commands, "relabel", "put images into another class", _RELABEL)
    relabel.add_argument("images", metavar="FILE", nargs="+", help="images it was fitted on")
    relabel.add_argument("label", metavar="NAME", help="their class; it may be a new one")

    rename = _command(commands, "rename", "give a class another name")
    rename.add_argument("old", metavar="OLD")
    rename.add_argument("new", metavar="NEW")
    _command(commands, "undo", "go back to the classifier before the last change", _UNDO)


def _add_fitting(parser: argparse.ArgumentParser) -> None:
    """Add what says how to fit."""
    add = parser.add_argument
    add("data", metavar="DATA", help="folder with one folder of images per class")
    add(
        "--head",
        choices=("auto", "logistic", "discriminant", "centroid"),
        default="auto",
        help="classifier over embeddings (default: auto, a blend of the next two)",
    )
    add(
        "--backbone",
        metavar="NAME|FILE",
        default="mobilenet_v2",
        help="network that turns images into embeddings, see fewshot backbones "
        "(default: mobilenet_v2, built in)",
    )
    add(
        "--views",
        metavar="N",
        type=_count,
        default=1,
        help="looks at each image, 1 to 8: more accurate, and that much slower (default: 1)",
    )
    add(
        "--image-size",
        metavar="N",
        type=_count,
        help="pixels each image is brought to, 32 or more: fewer are faster (default: what the "
        "backbone was made for)",
    )
    add(
        "--crop",
        choices=("whole", "face"),
        default="whole",
        help="what of each image is looked at: all of it, or its largest face, which takes OpenCV: "
        "pip install 'fewshot[faces]' (default: whole)",
    )
    add(
        "--no-face",
        choices=("whole", "skip", "error"),
        default="whole",
        help="an image without a face is taken whole, left out, or an error (default: whole)",
    )
    add(
        "--detector",
        metavar="FILE",
        help="a YuNet file (.onnx) to find faces (default: the cascades of OpenCV)",
    )
    add(
        "--reject-rate",
        metavar="RATE",
        type=float,
        default=0.05,
        help="part of genuine images that may be called unknown (default: 0.05; 0: never)",
    )
    add("--negatives", metavar="DIR", help="images of things that are none of the classes")


def _counts(text: str) -> list[int]:
    """Parse numbers of 1 or more with commas between."""
    return [_count(part) for part in text.split(",")]


def _count(text: str) -> int:
    """Parse a number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)
