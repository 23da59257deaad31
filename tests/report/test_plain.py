"""Blocks in characters, each quantity in one format."""

from math import inf

import pytest

from automtl_inspection.sections import Grid, Matrix, Preformatted, Section, Text
from automtl_report.numbers import change, elapsed, p_value, percent, some
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


def test_a_difference_has_its_sign_and_its_interval():
    assert change(0.0044) == "+0.0044"
    assert change(-0.00001) == "+0.0000"
    assert change(0.0044, 0.001, 0.0078) == "+0.0044 [+0.0010, +0.0078]"
    assert change(0.0044, -inf, inf) == "+0.0044 [-inf, +inf]"
    assert change(0.5, 0.4, 0.6, "z.2f") == "+0.50 [+0.40, +0.60]"


def test_differences_of_errors_in_units_have_three_digits_together():
    assert change(0.045148, -0.0012, 0.0915, ".5g") == "+0.0451 [-0.0012, +0.0915]"
    assert change(1234.5678, 900.0, 1500.0, ".5g") == "+1,235 [+900, +1,500]"
    assert change(-0.000123456, form=".5g") == "-0.000123"
    assert change(0.0, form=".5g") == "+0.00"
    assert change(2.0, -inf, inf, ".5g") == "+2.00 [-inf, +inf]"


@pytest.mark.parametrize(
    ("p", "text"),
    [(1e-300, "< .001"), (0.0009, "< .001"), (0.0123, ".012"), (0.05, ".050"), (0.612, ".61"), (1.0, "1.00")],
)
def test_p_values(p, text):
    assert p_value(p) == text


def test_shares_durations_and_long_lists_in_words():
    assert [percent(share) for share in (0.0, 0.001, 0.5, 1.2)] == ["0 %", "less than 1 %", "50 %", "120 %"]
    times = {0.4: "0 s", 89: "89 s", 180: "3 min", 3600: "1 h 0 min", 4800: "1 h 20 min"}
    assert {s: elapsed(s) for s in times} == times
    assert some(["a", "b"], 2) == "a, b"
    assert some(["a", "b", "c", "d"], 2) == "a, b and 2 more"
