"""The process of a command line: standard streams that may be missing, and Ctrl-C at any moment."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress

TYPE_CHECKING = False  # not from `typing`, which takes time to import
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import NoReturn

INTERRUPTED = 130


@contextmanager
def standard_streams() -> Iterator[None]:
    """Write to the null device what goes to a standard stream that is missing or closed."""
    kept = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as null:
        sys.stdout, sys.stderr = (null if _is_missing(stream) else stream for stream in kept)
        try:
            for stream in (sys.stdout, sys.stderr):
                if hasattr(stream, "reconfigure"):  # what the terminal cannot show is escaped
                    stream.reconfigure(errors="backslashreplace")
            yield
        finally:
            sys.stdout, sys.stderr = kept


def _is_missing(stream: object) -> bool:
    return stream is None or getattr(stream, "closed", False)


def occupy_descriptors() -> None:
    """Open the null device for each standard stream that is closed.

    Otherwise the next file that is opened gets its number, and with it what C libraries print.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one


def watch_interrupts() -> None:
    """Make Ctrl-C end the process with one line and exit code 130, whatever it is doing."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return  # ignored, as in a job in the background
    with suppress(ValueError):  # not the main thread, which alone gets signals
        signal.signal(signal.SIGINT, _on_interrupt)
        sys.unraisablehook = _on_unraisable


def ignore_interrupts() -> None:
    """Let nothing interrupt the end of the process: all is done and said."""
    if signal.getsignal(signal.SIGINT) in (_on_interrupt, _on_second_interrupt):
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_interrupted() -> NoReturn:
    """End at once: threads may be inside libraries that do not survive a normal end."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # also if it is the interrupted one
            stream.flush()
    os._exit(INTERRUPTED)


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, the first time and where it is not lost or turned into an error."""
    signal.signal(signal.SIGINT, _on_second_interrupt)
    if _is_importing(frame):
        _say_and_end()
    raise KeyboardInterrupt


def _on_second_interrupt(number: int, frame: FrameType | None) -> None:
    _say_and_end()


def _on_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """End where Python would only print and ignore KeyboardInterrupt, as in callbacks from C."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _say_and_end()
    sys.__unraisablehook__(unraisable)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _say_and_end() -> NoReturn:
    with suppress(OSError):
        # A terminal shows ^C, perhaps behind a progress bar.
        os.write(2, b"\n" * os.isatty(2) + b"fewshot: interrupted\n")
    end_interrupted()
