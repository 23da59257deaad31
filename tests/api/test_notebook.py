"""Sections as a notebook shows them."""

from automtl.notebook import html
from automtl_core.views.values import Grid, Section, Text, facts


def test_tables_and_texts():
    shown = html([Section("scores", [Grid(["a", "b"], [["x", 0.5]], "lr"), Text("note"), Text("c\nd")])])
    assert shown == (
        "<p><b>scores</b></p>\n"
        '<table><tr><th style="text-align: left">a</th><th style="text-align: right">b</th></tr>'
        '<tr><td style="text-align: left">x</td><td style="text-align: right">0.5000</td></tr></table>\n'
        "<p>note</p>\n<pre>c\nd</pre>"
    )
    assert "<th" not in html([facts("", {"rows": 5})]), "a table without a header"


def test_names_are_no_markup():
    assert "<script>" not in html(
        [Section("<script>", [Text("<script>"), Grid(["<script>"], [["<script>"]])])]
    )
