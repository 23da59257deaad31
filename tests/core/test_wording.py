import pytest

from automtl_core.wording import did_you_mean, listing, printable


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


def test_the_nearest_name_is_asked_about():
    assert did_you_mean("epoch", ["epochs", "seed"]) == " (did you mean 'epochs'?)"
    assert did_you_mean("zebra", ["epochs", "seed"]) == ""
    assert did_you_mean("epoch", iter(())) == ""


def test_names_are_listed_in_order():
    assert listing(["b", "a"]) == "a, b"
    assert listing({}) == "none"
