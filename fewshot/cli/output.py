"""What people read on a terminal: summaries, answers and progress, as text."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as `typing` has it, but for the time it takes to import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any, TextIO

    from fewshot.capture.record import Captured
    from fewshot.classifier.faces import FacePrediction
    from fewshot.errors import ImageError
    from fewshot.prediction import Evidence, Prediction


def fit_text(
    summary: Mapping[str, Any],
    found: Mapping[str, int],
    n_skipped: int,
    file: Path,
    arguments: Sequence[str],
) -> str:
    """Say what was learned, where it is, what may be wrong with it, and what to type next.

    The arguments are those that `fewshot check` is to be given.
    """
    import shlex

    shots = summary["classes"]
    check = (
        f"check: {_counts(found)}; see: fewshot check {shlex.join(arguments)}"
        f"{_models_option(file)}\n"
        if found
        else ""
    )
    return (
        f"{_list_classes(shots, 8)}\n"
        f"{sum(shots.values())} images used, {n_skipped} skipped\n"
        f"{_faces(summary)}"
        f"held-out accuracy: {_accuracy(summary['measured'])}\n"
        f"{check}"
        f"wrote {file}\n"
        f"next: fewshot classify{_models_option(file)} IMAGE"
    )


def _faces(summary: Mapping[str, Any]) -> str:
    """Say in how many images there was no face, if faces were looked for."""
    if "faces" not in summary:
        return ""
    images, without, part = (summary["faces"][key] for key in ("images", "without", "fraction"))
    fate = {"whole": "taken whole", "skip": "left out"}.get(summary["preprocessing"]["no_face"], "")
    end = f", {fate}" if without and fate else ""
    return f"no face found in {without} of {images} images ({part:.0%}){end}\n"


def faces_text(image: str, answers: Sequence[FacePrediction], top: int) -> str:
    """Say whose faces are in an image, a line each, and where."""
    lines = []
    for answer in answers:
        best, *others = [f"{printable(label)} {p:.2f}" for label, p in answer.scores.items()][:top]
        verdict = best if answer.known else f"unknown (closest: {best})"
        left, top_, right, bottom = answer.box
        where = f"{right - left} x {bottom - top_} at {left}, {top_}"
        lines.append("  ".join([printable(image), where, verdict, *others]))
    return "\n".join(lines or [f"{printable(image)}  no face found"])


def capture_text(captured: Captured, data: str, classes: int, fitted: bool) -> str:
    """Say what was collected, why not more, and what to type next."""
    import shlex

    n, names = len(captured.files), [printable(str(file)) for file in captured.files]
    places = f", {names[0]}{f' to {names[-1]}' if n > 1 else ''}" if names else ""
    of = "" if captured.complete else f" of {captured.wanted}"
    reasons = {
        "blank": captured.blank,
        "blurred": captured.blurred,
        "like another picture": captured.alike,
    }
    left_out = ", ".join(f"{number} {why}" for why, number in reasons.items() if number)
    lines = [
        f"wrote {n}{of} picture{'s' * (captured.wanted > 1)}{places}",
        f"{captured.looked_at} frames looked at; left out: {left_out or 'none'}",
    ]
    if captured.interrupted:
        lines.append("ended from the keyboard")
    elif not captured.complete:
        lines.append("for more, record for longer, and move the camera or the thing slowly")
    folder = shlex.quote(data)
    add = f"fewshot add {folder}; or to start anew: " if fitted else ""
    other = "fewshot capture --label ANOTHER; then: " if classes < 2 and not fitted else ""
    return "\n".join([*lines, *([f"next: {add}{other}fewshot fit {folder}"] if names else [])])


def _models_option(file: Path) -> str:
    """Return the option that names a classifier file, if it needs one."""
    import shlex

    place = file.parent if file.name == "classifier.pkl" else file
    return "" if str(place) == "models" else f" --models {shlex.quote(str(place))}"


def prediction_text(answer: Prediction, top: int) -> str:
    """Say what an image shows, with the `top` likeliest classes."""
    best, *others = [f"{printable(label)} {p:.2f}" for label, p in answer.scores.items()][:top]
    verdict = best if answer.known else f"unknown (closest: {best})"
    return "  ".join([printable(answer.image), verdict, *others])


def checkup_text(summary: Mapping[str, Any]) -> str:
    """List what was found, a line each: what it is about, what was found, what to do."""
    lines = []
    for finding in summary["findings"]:
        about = ", ".join(finding["images"]) or f"class {finding['label']}"
        lines.append(f"{printable(about)}: {printable(finding['found'])}; {finding['advice']}")
    noun = "class" if summary["classes"] == 1 else "classes"
    images = f"{summary['images']} images of {summary['classes']} {noun}"
    return "\n".join([*lines, f"{images}: {_counts(summary['counts'])}"])


def _counts(found: Mapping[str, int]) -> str:
    """Say how many findings there are of each kind."""
    from fewshot.data_checks.finding import WORDS

    return ", ".join(f"{n} {WORDS[kind][n > 1]}" for kind, n in found.items()) or "nothing found"


def evidence_text(answer: Prediction, evidence: Evidence) -> str:
    """Say which support images an answer rests on, and how far the other classes are."""
    lines = [] if answer.known else ["  too little speaks for its being of any class; nearest are"]
    for neighbour in evidence.nearest:
        label = "a negative" if neighbour.label is None else printable(neighbour.label)
        lines.append(f"  {neighbour.similarity:.3f}  {label}  {printable(neighbour.image)}")
    if other := evidence.other:
        lines.append(
            f"  nearest other class: {printable(str(other.label))}, {other.similarity:.3f}  "
            f"{printable(other.image)}"
        )
    return "\n".join(lines)


def change_text(change: Mapping[str, Any], file: Path) -> str:
    """Say what a lesson changed, and how to go back."""
    moves = [
        f"{printable(label)} {before} -> {after}{_fate(before, after)}"
        for label, (before, after) in change["classes"].items()
    ]
    if not change["changed"]:
        return "nothing changed"
    more = [f"and {len(moves) - 8} more"] if len(moves) > 8 else []
    return (
        f"{', '.join(moves[:8] + more) or 'as many images of each class as before'}\n"
        f"held-out accuracy before: {_accuracy(change['measured_before'])}\n"
        f"held-out accuracy now:    {_accuracy(change['measured'])}\n"
        f"wrote {file}; to go back: fewshot undo{_models_option(file)}"
    )


def _fate(before: int, after: int) -> str:
    """Say of a class that it is new, or gone."""
    return " (new)" if not before else " (gone)" if not after else ""


def verdict_text(answer: Prediction, asked: str) -> str:
    """Say whether an image is of a class, and what else it is like if not."""
    yes = answer.matches(asked)
    verdict = f"{'yes' if yes else 'no'} {answer.scores[asked]:.2f}"
    if not yes:
        closest = f"{printable(answer.label)} {answer.probability:.2f}"
        verdict += f" ({closest})" if answer.known else f" (unknown, closest: {closest})"
    return f"{printable(answer.image)}  {verdict}"


def printable(name: str) -> str:
    """Escape what would move a terminal's cursor or worse."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def info_text(summary: Mapping[str, Any], file: Path) -> str:
    """Describe a classifier file, a line for each thing it holds."""
    shots, backbone, pixels = (summary[key] for key in ("classes", "backbone", "preprocessing"))
    made_with = ", ".join(f"{name} {number}" for name, number in summary["versions"].items())
    rows = {
        "file": f"{file}, {file.stat().st_size / 1e6:.1f} MB, format {summary['format']}",
        "made": f"{summary['created']} with {made_with}",
        "classes": _list_classes(shots, 100),
        "images": f"{sum(shots.values())} and {summary['negatives']} negatives, as embeddings",
        "head": f"{summary['head']}, temperature {summary['temperature']:.3g}",
        "unknown": f"turns away about {summary['reject_rate']:.0%} of genuine images"
        if summary["rejects"]
        else "never said: no image could be left out, or the reject rate is 0",
        "accuracy": _accuracy(summary["measured"]),
        "backbone": f"{backbone['file']}, {backbone['dim']} dimensions, "
        f"sha256 {backbone['sha256'][:16]}",
        "pixels": f"{pixels['resize']} to {pixels['image_size']} x {pixels['image_size']}, "
        f"{pixels['interpolation']}, views: {pixels['views']}",
    }
    if pixels["crop"] == "face":
        rows["faces"] = f"the largest, found by {pixels['detector']}; without one: " + (
            "taken whole" if pixels["no_face"] == "whole" else "not answered for"
        )
    return "\n".join(f"{name:<9} {text}" for name, text in rows.items())


def images_text(images: Sequence[Mapping[str, Any]]) -> str:
    """List the images a classifier was fitted on."""
    return "\n".join(
        f"{printable(row['label'] or '(negative)')}  {printable(row['image'])}" for row in images
    )


def agreement_text(summary: Mapping[str, Any]) -> str:
    """Say how alike the answers are, and on what machine."""
    verdict = "all the same" if summary["holds"] else "NOT the same"
    return (
        f"{verdict}: {summary['same']} of {summary['images']} pictures get the same answer\n"
        f"largest difference: {summary['probability_difference']:.1e} of a probability, "
        f"{summary['embedding_difference']:.1e} of an embedding\n"
        f"onnxruntime {summary['onnxruntime']}, Python {summary['python']}, {summary['processor']}"
    )


def benchmark_text(summary: Mapping[str, Any]) -> str:
    """Word a benchmark: a table of precisions, one of image sizes, and what to type."""
    machine, memory = summary["machine"], summary["peak_memory_mib"]
    threads = ", ".join(summary["precisions"][0]["images_per_second"])
    precisions = [
        [
            row["precision"],
            f"{row['bytes'] / 1e6:.1f}",
            f"{row['latency_ms']:.1f}",
            f"{row['latency_p90_ms']:.1f}",
            ", ".join(f"{rate:.0f}" for rate in row["images_per_second"].values()),
            _known(row["accuracy"]),
        ]
        for row in summary["precisions"]
    ]
    heads = ["precision", "MB", "ms an image", "90 % within", f"images/s on {threads} threads"]
    sizes = [
        [str(row["image_size"]), f"{row['latency_ms']:.1f}", _known(row["accuracy"])]
        for row in summary["image_sizes"]
    ]
    lines = [
        f"{summary['classifier']} on {machine['processor']}, {machine['processors']} processors",
        "peak memory " + ("not told by this system" if memory is None else f"{memory:.0f} MiB"),
        "",
        *_table([*heads, "accuracy"], precisions),
        "",
        *_table(["image size", "ms an image", "accuracy"], sizes),
        "",
        *summary["notes"],
        summary["reason"],
        f"recommended: {summary['recommendation']}",
    ]
    return "\n".join(lines)


def backbones_text(found: Sequence[Mapping[str, Any]], folders: Sequence[str]) -> str:
    """List backbones: a table of those that can be used, where they are from, and the others."""
    usable = [backbone for backbone in found if not backbone["error"]]
    rows = [
        [
            printable(backbone["name"]),
            f"{backbone['bytes'] / 1e6:.1f}",
            str(backbone["dim"]),
            f"{backbone['image_size']}{'' if backbone['any_size'] else ' only'}",
            printable(backbone["licence"]),
            printable(backbone["file"]),
        ]
        for backbone in usable
    ]
    lines = _left(["name", "MB", "dim", "image size", "licence", "file"], rows) if rows else []
    if rows:
        lines.append("")
    lines += [f"{printable(each['name'])}: {printable(each['source'])}" for each in usable]
    lines += [f"not usable: {printable(each['error'])}" for each in found if each["error"]]
    return "\n".join(lines or [f"no backbone in {', '.join(folders)}"])


def _left(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns of words to the left."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns, the first to the left."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = []
    for first, *others in (heads, *rows):
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return lines


def _known(accuracy: float | None) -> str:
    """Word an accuracy that may not have been measured."""
    return "not known" if accuracy is None else f"{accuracy:.3f}"


def evaluation_text(result: Mapping[str, Any]) -> str:
    """Word an evaluation: the headline, then what is behind it."""
    lines = [
        f"{result['protocol']}",
        f"accuracy           {_rate(result)}",
    ]
    if "confusion" in result:
        lines += _details(result)
    if "curve" in result:
        lines += ["", "images per class and accuracy"]
        lines += [f"{point['shots']:>6}  {point['accuracy']:.3f}" for point in result["curve"]]
    if result.get("wanted"):
        lines.append(f"more images of {result['wanted']} would help most")
    return "\n".join(lines)


def _rate(result: Mapping[str, Any]) -> str:
    """Word an accuracy with its interval."""
    low, high = result["accuracy_low"], result["accuracy_high"]
    counts = f"; {result['correct']} of {result['images']}" if "images" in result else ""
    return f"{result['accuracy']:.3f} (95 % interval {low:.3f} to {high:.3f}{counts})"


def _details(result: Mapping[str, Any]) -> list[str]:
    """List calibration, rejection, classes, confusions and mistakes."""
    lines = [
        f"balanced accuracy  {result['balanced_accuracy']:.3f}",
        f"calibration error  {result['calibration_error']:.3f}",
        f"log-loss           {result['log_loss']:.3f}",
        f"false rejections   {result['false_rejection_rate']:.3f} of genuine images "
        f"(asked for: {result['reject_rate']:g})",
    ]
    if result["ood_images"]:
        rate, n = result["ood_rejection_rate"], result["ood_images"]
        lines.append(f"unknown classes    {rate:.3f} of {n} images of other classes called unknown")
    width = max(len("class"), *map(len, result["classes"]))
    lines += ["", f"{'class':{width}}  images  precision  recall"]
    for label, row in result["classes"].items():
        lines.append(
            f"{label:{width}}  {row['images']:6}  {row['precision']:9.2f}  {row['recall']:6.2f}"
        )
    lines += ["", "confusion (rows: true, columns: given, in the order above)"]
    digits = len(str(max(map(max, result["confusion"]))))
    lines += [" ".join(f"{n or '.':>{digits}}" for n in row) for row in result["confusion"]]
    if result["mistakes"]:
        lines += ["", "mistakes, the surest first"]
    for mistake in result["mistakes"]:
        unknown = "" if mistake["known"] else " (unknown)"
        lines.append(
            f"{mistake['image']}  {mistake['truth']} taken for {mistake['label']} "
            f"{mistake['probability']:.2f}{unknown}"
        )
    return lines


def as_json(record: object) -> str:
    """Word a record as one line of JSON."""
    import json

    return json.dumps(record)


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line at once, above the progress bar if there is one."""
    stream = stream or sys.stdout
    if "tqdm" in sys.modules:
        sys.modules["tqdm"].tqdm.write(text, file=stream)
    else:
        print(text, file=stream)
    stream.flush()


def progress_bar(what: str) -> Callable[[int, int], None] | None:
    """Make a progress bar if somebody is watching."""
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:  # a device may have no more than classifying needs
        return None
    bar = None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:  # not before there is something to do
            bar = tqdm(desc=what, total=total, leave=False)
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return show


def report_skipped(skipped: Sequence[ImageError]) -> None:
    """Name the images that could not be read."""
    for error in skipped:
        print(f"fewshot: skipped {error}", file=sys.stderr)


def _accuracy(measured: Mapping[str, float]) -> str:
    """Say what was measured on images the head had not seen."""
    total, correct = measured["held_out_images"], measured["held_out_correct"]
    if not total:
        return "not measured, as no image could be held out"
    low, high = measured["accuracy_low"], measured["accuracy_high"]
    return (
        f"{correct / total:.2f} (95 % interval {low:.2f} to {high:.2f}; "
        f"{correct:.0f} of {total:.0f} images, each held out once)"
    )


def _list_classes(shots: Mapping[str, int], most: int) -> str:
    """List the first few classes with their number of images."""
    named = [f"{printable(label)} {n}" for label, n in shots.items()]
    rest = [f"and {len(named) - most} more"] if len(named) > most else []
    noun = "class" if len(named) == 1 else "classes"
    return f"{len(named)} {noun}: {', '.join(named[:most] + rest)}"
