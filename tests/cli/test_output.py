"""Text that is safe on a terminal, and tables."""

import pytest

from fewshot.cli.output import one_line, printable, table


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nb\tc\rd\x7f", r"a\nb\tc\rd\x7f"),
        ("a\x9b2Jb\x85", r"a\x9b2Jb\x85"),
        ("a\u202egpj.exe\u2066\u2069", r"a\u202egpj.exe\u2066\u2069"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("a\udcff", r"a\udcff"),
    ],
)
def test_what_a_terminal_would_act_on_is_escaped(name: str, shown: str) -> None:
    assert printable(name) == shown
    message = one_line(f"{name}: no")
    assert len(message.splitlines()) == 1 and printable(message) == message


@pytest.mark.parametrize(
    "name",
    [
        "👩\u200d🌾",
        "\u0645\u06cc\u200c\u062e\u0648",
        "全角\u3000空白",
        "naïve",
        "שלום\u200f",
        "a\u00a0b",
        "C:\\x.jpg",
    ],
)
def test_what_scripts_and_emoji_need_stays(name: str) -> None:
    assert printable(name) == name


def test_a_message_of_thousands_of_characters_is_shortened() -> None:
    pasted = "/9j/" + 2000 * "Zm9v"
    shown = one_line(f"{pasted}: no such file")
    assert len(shown) < 300 and shown.startswith("/9j/Zm9v")
    assert "...(7855 characters)..." in shown and shown.endswith("Zm9v: no such file")
    assert len(one_line(5000 * "ab ")) < 300
    path = 20 * "/a folder with a long name"
    assert one_line(f"{path}: no such file") == f"{path}: no such file"


def test_a_table() -> None:
    heads, rows = ["name", "n"], [["a", "1"], ["bbbbb", "20"]]
    assert table(heads, rows) == ["name    n", "a       1", "bbbbb  20"]
    assert table(heads, rows, numbers=False) == ["name   n", "a      1", "bbbbb  20"]
