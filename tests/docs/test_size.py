"""The pages have a limit of words, which `scripts/size.py` counts."""

import runpy
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
