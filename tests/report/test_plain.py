"""Blocks in characters."""

from math import inf

import pytest

from automtl_core.views.values import Bar, Bars, Figures, Grid, Matrix, Plot, Preformatted, Section, Text
from automtl_report.plain import cell, markdown, plain


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


def test_blocks_become_grids():
    marks = plain(Matrix("layer0", ["e0", "e1"], {"user": [True, False]}))
    assert marks == Grid(["layer0", "e0", "e1"], [["user", "●", "·"]], "lc")
    numbers = plain(Matrix("correlation", ["a"], {"a": [None]}))
    assert numbers == Grid(["correlation", "a"], [["a", None]], "lr")
    for block in (Text("a"), Grid(["a"], [])):
        assert plain(block) is block
    plot = Plot("FLOPs", "AUC", {"1": (9000, 0.81), "2": (40_000, 0.82)}, "2")
    assert plain(plot) == Grid(
        ["", "FLOPs", "AUC"], [["1", "9,000", 0.81], ["2, chosen", "40,000", 0.82]], "lr"
    )
    assert plain(Plot("FLOPs", "AUC", {"trees": (inf, 0.8)})).rows == [["trees", None, 0.8]]
    bars = Bars("fields", "drop", [Bar("user", 0.5, 0.25, 0.75), Bar("item", 0.25)], "+.2f")
    assert plain(bars) == Grid(
        ["fields", "drop, 95 % interval"], [["user", "+0.50 [+0.25, +0.75]"], ["item", "+0.25"]], "lr"
    )
    assert plain(Bars("fields", "drop", [Bar("user", 0.5)])).header == ["fields", "drop"]
    figures = Figures({"time": ("3 min", "search 2 min")})
    assert plain(figures) == Grid(["", "", ""], [["time", "3 min", "search 2 min"]], "lrl")


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
