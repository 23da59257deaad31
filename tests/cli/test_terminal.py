"""Sections on a terminal."""

from automtl_cli.terminal import rendered
from automtl_core.views.values import Grid, Matrix, Preformatted, Section, Text, facts


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
