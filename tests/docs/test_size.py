"""Pages have a limit of words, and the product one of code lines; `scripts/size.py` counts them."""

import ast
import runpy
from collections import Counter
from pathlib import Path

import pytest

SIZE = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "size.py"))
MOST = 55_000
"""Words of README, CHANGELOG and all pages together, without those that a command writes."""


def test_pages_are_not_too_long():
    by_hand, generated = SIZE["pages"]()
    assert by_hand <= MOST, "say each thing once, in the page where a user looks for it"
    assert by_hand > 10_000, "the pages are not all there"
    assert generated > 5_000, "the references of commands and settings are not counted apart"


@pytest.mark.parametrize(
    ("text", "number"),
    [("One word, and 2.5 more.", 5), ("| a | b |\n|---|---|\n| `c` | - |", 3), ("## A title", 2)],
)
def test_words_have_a_letter_or_a_digit(text, number):
    assert SIZE["words"](text) == number


def test_what_a_command_writes_is_left_out():
    page = "# Settings\n\n`make docs` writes this page from the code.\n\nMany words.\n"
    assert SIZE["MADE"].sub("", page) == ""
    table = "Before.\n<!-- the table that `make faults` writes -->\n| a |\n<!-- end of the table -->\nAfter."
    assert SIZE["words"](SIZE["MADE"].sub("", table)) == 2


def test_a_line_with_code_is_neither_docstring_nor_import_nor_comment():
    text = '"""Title."""\n\nimport os\n\n\ndef f(\n    x,\n):  # why\n    """Return x."""\n    return x\n'
    assert SIZE["code_lines"](text, ast.parse(text)) == 4


def test_a_number_above_its_ceiling_is_named_and_code_may_move_between_rooms():
    def sizes(search, training):
        rooms = {("code lines of a room", "search"): search, ("code lines of a room", "training"): training}
        return Counter(rooms | {("code lines", "product"): search + training})

    now, most = sizes(100, 100), sizes(70, 130)
    assert list(SIZE["faults"](most, most)) == []
    [fault] = SIZE["faults"](now, most)
    assert fault.startswith("code lines of a room: search has 100, at most 70: delete ")
    assert "LOWER=1" in fault
    assert SIZE["raised"](now, most) == []
    assert len(SIZE["raised"](sizes(101, 100), most)) == 2
    assert SIZE["ceilings"](SIZE["written"](now)) == now
