"""The command line."""

from __future__ import annotations

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    0 all done; 1 some images could not be read, or a check failed; 2 nothing could be done; 3 an
    image is not of the class that ``--is`` names; 130 interrupted.
    """
    if argv is not None:
        from fewshot.cli.app import run

        return run(argv)
    import os
    import sys

    try:
        from fewshot.cli import process

        process.watch_interrupts()  # before more is imported
    except KeyboardInterrupt:
        os.write(2, b"fewshot: interrupted\n")
        os._exit(130)
    from fewshot.cli.app import run

    process.occupy_descriptors()
    try:
        status = run(sys.argv[1:])
    finally:
        process.ignore_interrupts()
    if status == process.INTERRUPTED:
        process.end_interrupted()
    return status
