"""The rules for roles."""

from pathlib import Path

import pytest

from automtl_inspection.guess.facts import Facts, Parts
from automtl_inspection.guess.peek import Glimpse
from automtl_inspection.guess.rules import RULES, acts, rule_of, separator_of

SEEN = Glimpse(Path(), "a.csv", False, ",", True, 1000, 1000, ())
NUMBERS = {"rows": 1000, "numbers": 1000, "values": 100, "low": "0", "high": "99", "mean": 50.0}


def test_each_rule_has_a_reason_a_doubt_or_neither() -> None:
    for rule in RULES:
        assert bool(rule.reason) == (rule.role == "unused")
        assert not (rule.doubt and rule.reason)
        assert rule.doubt == "" or "; if they are" in rule.doubt


def test_the_last_rule_fits_all_columns() -> None:
    assert RULES[-1].test(Facts("x"), SEEN)


@pytest.mark.parametrize(
    ("name", "low", "high", "rows", "role"),
    [
        ("code1", "0", "99", 1000, "sparse"),
        ("x", "100000", "999999", 1000, "sparse"),
        ("x", "1", "999999", 1000, "dense"),
        ("x", "100000", "999999", 150, "dense"),
        ("price", "100000", "999999", 1000, "dense"),
    ],
)
def test_integers(name: str, low: str, high: str, rows: int, role: str) -> None:
    facts = Facts(name, "integer", **{**NUMBERS, "low": low, "high": high, "rows": rows})
    assert rule_of(facts, SEEN).role == role


def test_actions() -> None:
    assert acts(Facts("behaviour", few=("1", "2")))
    assert acts(Facts("c4", few=("buy", "cart", "pv")))
    assert not acts(Facts("c4", few=("pv", "buy", "seen")))
    assert not acts(Facts("behaviour", few=("1",)))


def test_separators() -> None:
    assert separator_of(Facts("tags", rows=1000, values=500, parts={"|": Parts(300, 2000, 30)})) == "|"
    assert separator_of(Facts("tags", rows=1000, values=500, parts={"|": Parts(30, 2000, 30)})) is None
