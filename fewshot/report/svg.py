"""Plots as inline SVG: drawn by matplotlib, with the colours and fonts of the page they are in."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fewshot.errors import UsageError
from fewshot.report.escape import FONT_SIZE, clean, shorten

# matplotlib cannot write CSS variables, so each has a colour of its own, no other uses.
VARIABLES = ("ink", "soft", "line", "card", "bar", "right", "wrong", "on-shade", "mark")
N_COLOURS = 8
_COLOURS = {f"#0f{i:02x}0f": name for i, name in enumerate(VARIABLES)} | {
    f"#0e{i:02x}0e": f"class-{i}" for i in range(N_COLOURS)
}
_CODES = {name: code for code, name in _COLOURS.items()}
_FAMILY = "DejaVu Sans"  # comes with matplotlib


@contextmanager
def drawing() -> Iterator[None]:
    """Let matplotlib draw the same everywhere, whatever its user has configured.

    Raises
    ------
    UsageError
        If there is no matplotlib.
    """
    require_matplotlib()
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: Any = matplotlib.rcParams
        settings.update(_style())
        yield


def require_matplotlib() -> None:
    """Say what to install where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "the plots of a report need the package matplotlib, which is not installed: "
            "pip install 'fewshot[report]'"
        ) from error


def colour(name: str) -> str:
    """Return what stands for a CSS variable while matplotlib draws."""
    return _CODES[name]


class Plot:
    """A figure measured in pixels from its top left corner, and the words in it.

    Parameters
    ----------
    name : str
        Letters only; no other plot of the page has it.
    width, height : int
        Pixels.
    """

    def __init__(self, name: str, width: int, height: int) -> None:
        from matplotlib.figure import Figure

        self.name, self.width, self.height = name, width, height
        # A point of matplotlib's is then a pixel.
        self.figure = Figure(figsize=(width / 72, height / 72), facecolor="none")
        self._words: list[str] = []
        self._titles: dict[str, Sequence[str]] = {}

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        """Return matplotlib's Axes over a part of the figure."""
        box = (left / self.width, 1 - (top + height) / self.height)
        return self.figure.add_axes(
            (*box, width / self.width, height / self.height), facecolor="none"
        )

    def write(
        self, axes: Any, x: float, y: float, words: str, room: float | None = None, **style: Any
    ) -> None:
        """Write a name at a place of the axes, in whatever letters, shortened to so many pixels."""
        shown = words if room is None else shorten(words, room)
        title = f"<title>{clean(words)}</title>" if shown != words else ""
        self._words.append(title + clean(shown))
        marker = f"@@{len(self._words) - 1}@@"
        style = {"color": colour("ink"), "rotation_mode": "anchor", **style}
        axes.text(x, y, marker, **style)

    def titled(self, titles: Sequence[str]) -> str:
        """Return an id for an artist, each of whose marks shows one of the titles on hover."""
        gid = f"{self.name}-{len(self._titles)}"
        self._titles[gid] = titles
        return gid

    def svg(self, label: str, least_width: int = 0) -> str:
        """Draw it.

        Parameters
        ----------
        label : str
            What it shows, for people who cannot see it.
        least_width : int
            Pixels below which it is not made smaller.

        Returns
        -------
        str
            An ``svg`` element without anything that is not in it.
        """
        import matplotlib

        matplotlib.rcParams["svg.hashsalt"] = self.name
        stream = io.StringIO()
        self.figure.savefig(stream, format="svg", facecolor="none", metadata={"Date": None})
        # Words first: what is inserted later may look like a placeholder.
        drawn = re.sub(r"@@(\d+)@@", lambda m: self._words[int(m[1])], _strip(stream.getvalue()))
        body = self._insert_titles(drawn)
        return (
            f'<svg class="plot {self.name}" role="img" aria-label="{clean(label)}" '
            f'viewBox="0 0 {self.width} {self.height}" '
            f'style="max-width:{self.width}px;min-width:{least_width}px">{body}</svg>'
        )

    def _insert_titles(self, body: str) -> str:
        """Say on hover what each mark is; ids are of no more use then."""
        parts = re.split(r'<g id="([^"]*)">', body)
        done = [parts[0]]
        for gid, part in zip(parts[1::2], parts[2::2], strict=True):
            done += ["<g>", _with_titles(part, self._titles.get(gid, ()))]
        return "".join(done)


def _style() -> dict[str, Any]:
    """List what matplotlib is to draw with."""
    ink, soft = colour("ink"), colour("soft")
    return {
        "svg.fonttype": "none",
        "text.parse_math": False,
        "font.family": _FAMILY,
        "font.size": FONT_SIZE,
        "text.color": ink,
        "axes.edgecolor": colour("line"),
        "axes.labelcolor": soft,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": colour("line"),
        "grid.linewidth": 1,
        "xtick.color": colour("line"),
        "ytick.color": colour("line"),
        "xtick.labelcolor": soft,
        "ytick.labelcolor": soft,
    }


def _strip(svg: str) -> str:
    """Keep what is drawn; leave out what matplotlib says of itself, and needless digits."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.S)
    body = re.sub(r'<g id="[^"]*"/>', "", body)
    body = re.sub(rf"'{_FAMILY}'[^;\"]*", "var(--font)", body)
    body = re.sub(r"(\d\.\d\d)\d+", r"\1", body)
    body = re.sub(r"\s*\n\s*", " ", body).replace("> <", "><")
    return re.sub(r"#0[ef][0-9a-f]{2}0[ef]", lambda m: f"var(--{_COLOURS[m[0]]})", body)


def _with_titles(part: str, titles: Sequence[str]) -> str:
    """Show a title each when the marks in a part of an SVG are pointed at."""
    left = iter(titles)

    def wrap(mark: re.Match[str]) -> str:
        title = next(left, None)
        return mark[0] if title is None else f"<g><title>{clean(title)}</title>{mark[0]}</g>"

    return re.sub(r"<(?:use|path)\b(?! id)[^>]*/>", wrap, part)
