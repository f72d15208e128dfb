"""Read the examples and the links of the documentation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "models/README.md", *sorted((ROOT / "docs").glob("*.md"))]

# A fenced block, and a comment before it that says why it is not run, or which file it is.
_BLOCK = re.compile(
    r"(?:^<!-- (?P<kind>not run|file): (?P<note>.+?) -->\n+)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.M | re.S,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    where: str  # page and line
    language: str
    text: str
    not_run: str | None  # the reason
    file: str | None  # to be written before what follows


@dataclass(frozen=True)
class Example:
    """A command, and what the page says that it prints and returns."""

    command: str
    shown: list[str]
    status: int = 0


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page in their order."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("text"))
        notes = {found["kind"]: found["note"]}
        yield Block(
            f"{page.relative_to(ROOT)}:{line}",
            found["language"],
            found["text"],
            notes.get("not run"),
            notes.get("file"),
        )


def examples(block: Block) -> Iterator[Example]:
    """Yield the commands of a block: all of its lines, or those after ``$`` in a session."""
    text = block.text.replace("\\\n", " ")
    if block.language == "bash":
        yield from (Example(line, []) for line in text.splitlines() if line.strip())
        return
    parts = [part.splitlines() for part in re.split(r"^\$ ", text, flags=re.M)[1:]]
    for (command, *shown), after in zip(parts, [*parts[1:], [""]], strict=True):
        if command != "echo $?":
            status = int(after[1]) if after[0] == "echo $?" else 0
            yield Example(command, shown, status)


def prose(page: Path) -> str:
    """Return the text of a page without its blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def code_spans(page: Path) -> list[str]:
    """Return what stands between backticks outside of blocks."""
    return re.findall(r"`([^`\n]+)`", prose(page).replace("\\|", "|"))


def links(page: Path) -> list[str]:
    """Return the targets of links and images that are in this repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [target for target in targets if "://" not in target]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings}
