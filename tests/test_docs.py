"""The documentation: its examples run, and it names every command and option, and no other."""

import io
import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from fewshot.cli import main
from fewshot.cli.app import COMMANDS
from fewshot.cli.parsing import command_parser
from tests.helpers.command_page import PAGE, command_page, load
from tests.helpers.doc_pages import (
    PAGES,
    ROOT,
    Block,
    Example,
    anchors,
    blocks,
    code_spans,
    examples,
    links,
)
from tests.helpers.doc_world import write_world

BY_NAME = {str(page.relative_to(ROOT)): page for page in PAGES}
every_page = pytest.mark.parametrize("page", PAGES, ids=list(BY_NAME))
# Programs of others; what they are given is compared with the repository where that is possible.
OTHERS = set("du echo head ls npm pip python python3 tail".split())


@pytest.fixture(scope="session")
def drawn_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(drawn_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name, to work in."""
    monkeypatch.delenv("FEWSHOT_MODELS", raising=False)
    shutil.copytree(drawn_world, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cut(printed: str, command: str) -> list[str]:
    """Return the lines that ``| head -N`` or ``| tail -N`` leaves."""
    lines = printed.splitlines() or [""]
    if found := re.search(r" \| (head|tail) -(\d+)$", command):
        n = int(found[2])
        return lines[:n] if found[1] == "head" else lines[-n:]
    return lines


def fewshot_parts(command: str) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Yield environment and arguments of every run of fewshot in a line of a shell."""
    for part in re.split(r" && | \| ", command):
        words = shlex.split(part, comments=True)
        environment = {}
        while words and re.match(r"[A-Z_]+=", words[0]):
            name, _, environment[name] = words.pop(0).partition("=")
        if words and words[0].removeprefix(".venv/bin/") == "fewshot":
            yield environment, words[1:]
        else:
            require_other(words)


def require_other(words: list[str]) -> None:
    """Fail for what is no program, no script and no extra of this repository."""
    if not words:
        return
    program, *arguments = words
    program = program.removeprefix(".venv/bin/")
    assert program in OTHERS, f"what is {program}?"
    if program == "pip" and arguments[0] == "install":
        extras = re.findall(r"^([a-z]+) = \[", (ROOT / "pyproject.toml").read_text(), re.M)
        wanted = re.findall(r"\[([a-z,]+)\]", " ".join(arguments))
        assert {extra for group in wanted for extra in group.split(",")} <= set(extras)
    if program == "python" and arguments[0].startswith("scripts/"):
        script = ROOT / arguments[0]
        files = sorted(script.glob("*.py")) if script.is_dir() else [script]
        text = "".join(file.read_text(encoding="utf-8") for file in files)
        options = [word for word in arguments if re.match(r"--?[a-z]", word)]
        assert not [option for option in options if f'"{option}"' not in text]


def run(environment: dict[str, str], arguments: list[str]) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as context, redirect_stdout(out), redirect_stderr(err):
        for name, value in environment.items():
            context.setenv(name, value)
        try:
            status = main(arguments)
        except SystemExit as end:  # help, the version, or what argparse refuses
            status = int(end.code or 0)
    return status, out.getvalue(), err.getvalue()


def same_kind(shown: str, printed: str) -> bool:
    """Tell whether two lines begin alike but for numbers; JSON has the same keys."""
    if shown.startswith('{"'):
        return list(json.loads(shown)) == list(json.loads(printed))
    first, second = (re.sub(r"[\d.]+", "0", line.split(" ")[0]) for line in (shown, printed))
    return first == second


def failures(example: Example) -> Iterator[str]:
    """Run an example, and yield what is not as the page says."""
    for environment, arguments in fewshot_parts(example.command):
        status, out, err = run(environment, arguments)
        if status != example.status:
            yield f"exit code {status}, not {example.status}: {err or out}"
        elif example.shown and example.shown[0]:
            printed = cut(out or err, example.command)
            if not any(map(same_kind, example.shown, printed)):
                yield f"the page shows {example.shown[0]!r}, this was printed: {printed[0]!r}"
        break  # what follows && need not happen


def run_block(block: Block, names: dict[str, Any]) -> Iterator[str]:
    """Run a block, and yield what is not as the page says."""
    if block.file:
        Path(block.file).write_text(block.text, encoding="utf-8")
    elif block.language in ("console", "bash"):
        for example in examples(block):
            for problem in failures(example):
                yield f"{block.where}: {example.command}\n    {problem}"
    elif block.language == "python":
        try:
            exec(compile(block.text, block.where, "exec"), names)
        except Exception as error:
            yield f"{block.where}: {error!r}"


@every_page
def test_every_example_of_a_page_runs(page: Path, world: Path) -> None:
    names: dict[str, Any] = {}
    wrong = []
    for block in blocks(page):
        if block.not_run is None:
            wrong += run_block(block, names)
    assert not wrong, "\n".join(wrong)
    assert os.getcwd() == str(world)


@every_page
def test_examples_that_are_not_run_have_arguments_that_exist(page: Path) -> None:
    for block in blocks(page):
        if block.not_run and block.language in ("console", "bash"):
            for example in examples(block):
                for _, arguments in fewshot_parts(example.command):
                    command_parser(load(arguments[0])).parse_args(arguments[1:])


@every_page
def test_every_option_that_a_page_names_exists(page: Path) -> None:
    options = {name: set(command_parser(load(name))._option_string_actions) for name in COMMANDS}
    anywhere = set().union(*options.values()) | {"--version"}
    for span in code_spans(page):
        words = span.split()
        if words[0] == "fewshot" and len(words) > 1 and words[1] in COMMANDS:
            known = options[words[1]]
        elif words[0] == "fewshot" or words[0].startswith("-"):
            known = anywhere
        else:
            continue
        named = {word for word in re.findall(r"(?<!\S)--?[a-z][a-z-]*", span)}
        assert named <= known, f"{span}: {named - known}"


def test_every_option_is_on_the_page_of_commands() -> None:
    assert PAGE.read_text(encoding="utf-8") == command_page(), (
        "a help text has changed; run: python -m tests.helpers.command_page"
    )


def test_every_command_has_an_example() -> None:
    shown = {
        arguments[0]
        for page in PAGES
        for block in blocks(page)
        if block.language in ("console", "bash")
        for example in examples(block)
        for _, arguments in fewshot_parts(example.command)
    }
    assert set(COMMANDS) <= shown


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_the_help_have_arguments_that_exist(name: str) -> None:
    command = load(name)
    for line in re.findall(r"^  fewshot (.+?)(?:   .*)?$", command.EPILOG, re.M):
        words = shlex.split(re.split(r" && | \| ", line)[0])
        command_parser(load(words[0])).parse_args(words[1:])


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_in_the_table_of_contents() -> None:
    contents = BY_NAME["docs/README.md"]
    listed = {(contents.parent / link).resolve() for link in links(contents)}
    assert {page for page in PAGES if page.parent == contents.parent} - {contents} <= listed


def test_the_front_page_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1200
