"""Sections as Markdown."""

from automtl_core.views.markdown import markdown
from automtl_core.views.values import Grid, Matrix, Plot, Preformatted, Section, Text


def test_sections_are_headings_tables_and_paragraphs():
    grid = Grid(["model", "AUC"], [["mmoe", 0.5], ["ple", None]], "lr")
    sections = [Section("", [Text("Rows: 5.")]), Section("scores", [grid, Text("a note")])]
    assert markdown("Comparison", sections) == (
        "# Comparison\n\nRows: 5.\n\n## scores\n\n"
        "| model | AUC |\n| --- | --: |\n| mmoe | 0.5000 |\n| ple | - |\n\na note\n"
    )


def test_lines_and_plots_stay_as_they_are_laid_out():
    text = markdown("x", [Section("", [Preformatted("run: a\nnext: b"), Plot("x", "y", {"1": (1, 1)})])])
    assert "\n\n    run: a\n    next: b\n\n    y\n" in text


def test_no_text_breaks_out_of_its_place():
    evil = "a|b\n<script>![x](http://a)\x1b[2J"
    text = markdown(evil, [Section(evil, [Text("<b>"), Matrix(evil, [evil], {evil: [True]})])])
    assert not {"<", "\x1b"} & set(text)
    assert "](" not in text, "no image is loaded, no link is made"
    assert {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")} == {3}
    assert text.splitlines()[0] == "# a|b &lt;script>![x]\\(http://a)\\x1b[2J"
