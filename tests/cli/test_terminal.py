"""Sections on a terminal."""

import re

import pytest

from automtl_cli.terminal import rendered
from automtl_inspection.sections import Grid, Matrix, Preformatted, Section, Text, facts


def test_sections_stand_apart_and_what_is_empty_is_not_there():
    sections = [
        Section("scores", [Grid(["a", "b"], [["x", 0.5]], "lr")]),
        Section("", []),
        Section("", [Preformatted("c\nd")]),
    ]
    assert rendered(sections) == "scores\na       b\nx  0.5000\n\nc\nd\n"


def test_one_section_is_a_document():
    assert rendered(facts("plan", {"rows": 5})) == "plan\nrows  5\n"


def test_no_text_acts_on_a_terminal_or_forges_a_line():
    evil = "\x1b[31m\u202e[bold]x[/bold]\nerror: forged\n  fix: none"
    printed = rendered(
        [Section(evil, [Text(evil), Grid([evil], [[evil]]), Matrix(evil, [evil], {evil: [1.0]})])]
    )
    assert [c for c in printed if not c.isprintable() and c != "\n"] == []
    assert printed.count("[bold]x[/bold]") == 7
    assert "\nerror: " not in printed


WIDE = Grid(
    ["model", *(f"score of task {k}" for k in range(9)), "remark"],
    [
        ["the first model", *[0.5] * 9, "a text of several words that may be broken into lines"],
        ["n" * 90, *[12_345] * 9, "short"],
    ],
    "l" + "r" * 9 + "l",
)


@pytest.mark.parametrize("width", [40, 80, 140])
def test_a_table_fits_the_terminal_and_no_number_is_broken(monkeypatch, width):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    printed = re.sub(r"\x1b\[\d+m", "", rendered(Section("scores", [WIDE, Text("word " * 60)])))
    assert max(map(len, printed.splitlines())) <= width
    assert printed.count("0.5000") == printed.count("12,345") == 9
    assert printed.count("n") >= 90
    assert printed.index("remark") < printed.index("0.5000"), "texts, such as verdicts, stay with the names"
    assert printed.count("model") >= 2, "each part of a divided table has the names"


def test_without_a_terminal_each_row_is_a_line():
    printed = rendered(Section("", [WIDE, Text("word " * 60)]))
    assert len(printed.splitlines()) == 4
