import re
from pathlib import Path

import pytest

from automtl_core import errors
from automtl_core.errors import AutoMTLError, UsageError, did_you_mean, listing, printable, together

CLASSES = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, AutoMTLError)]
PAGE = Path(__file__).parents[2] / "docs" / "exit-codes.md"


@pytest.mark.parametrize("error", [c for c in CLASSES if c is not AutoMTLError])
def test_an_error_says_what_to_do_and_ends_with_a_code_that_is_documented(error):
    made = error("what was given", fix="what to do")
    assert str(made) == "what was given"
    assert made.fix == "what to do"
    assert made.exit_code not in (0, 1), "1 is a bug"
    assert re.search(rf"^\| *{made.exit_code} *\|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def test_several_errors_are_told_together_and_kept():
    told = together([UsageError("a", "x"), UsageError("b", "x"), UsageError("c", "y"), UsageError("d")])
    assert (str(told), told.fix) == ("a\nb\nc\nd", "x\ny")
    one = errors.UnknownNameError("a")
    assert together([one]) is one
    one, other = UsageError("a", "x"), UsageError("b")
    assert together([one, other]).several == (one, other)
    assert together([one]).several == ()
    assert AutoMTLError("what was given").fix is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, ümlaut, 漢字\nnext line", "plain, ümlaut, 漢字\nnext line"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\rb\tc\x00", r"a\rb\tc\x00"),
        ("\x9b1m", r"\x9b1m"),
        ("\u202eevil", r"\u202eevil"),
        ("\ud800", r"\ud800"),
        ("\u2028", r"\u2028"),
    ],
)
def test_what_a_terminal_could_act_on_is_written_as_an_escape(text, expected):
    assert printable(text) == expected


def test_names_are_listed_in_order_and_the_nearest_is_asked_about():
    assert did_you_mean("epoch", ["epochs", "seed"]) == " (did you mean 'epochs'?)"
    assert did_you_mean("zebra", ["epochs", "seed"]) == ""
    assert did_you_mean("epoch", iter(())) == ""
    assert listing(["b", "a"]) == "a, b"
    assert listing({}) == "none"
