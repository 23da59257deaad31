"""Blocks in characters."""

import pytest

from automtl_inspection.sections import Grid, Matrix, Preformatted, Section, Text
from automtl_report.plain import cell, markdown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (-0.00001, "0.0000"),
        (0.5, "0.5000"),
        (385_406.0, "385,406"),
        (True, "yes"),
        (12345, "12,345"),
        ({"train": 800, "test": 0.5}, "train 800, test 0.5000"),
        ((), ""),
        (["a", None], "a, -"),
    ],
)
def test_a_value_in_few_characters(value, text):
    assert cell(value) == text


def test_sections_are_markdown():
    grid = Grid(["model", "AUC"], [["mmoe", 0.5], ["ple", None]], "lr")
    sections = [Section("", [Text("Rows: 5.")]), Section("scores", [grid, Text("a note")])]
    assert markdown("Comparison", sections) == (
        "# Comparison\n\nRows: 5.\n\n## scores\n\n"
        "| model | AUC |\n| --- | --: |\n| mmoe | 0.5000 |\n| ple | - |\n\na note\n"
    )
    text = markdown("x", [Section("", [Preformatted("run: a\nnext: b")])])
    assert "\n\n    run: a\n    next: b\n" in text


def test_no_text_breaks_out_of_its_place():
    evil = "a|b\n<script>![x](http://a)\x1b[2J"
    text = markdown(evil, [Section(evil, [Text("<b>"), Matrix(evil, [evil], {evil: [True]})])])
    assert not {"<", "\x1b"} & set(text)
    assert "](" not in text, "no image is loaded, no link is made"
    assert {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")} == {3}
    assert text.splitlines()[0] == "# a|b &lt;script>![x]\\(http://a)\\x1b[2J"
