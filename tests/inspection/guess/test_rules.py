"""The meaning of names of columns."""

from pathlib import Path

import pytest

from automtl_inspection.guess.facts import Facts, Parts
from automtl_inspection.guess.peek import Glimpse
from automtl_inspection.guess.rules import RULES, acts, is_id, is_label, meaning, rule_of, separator_of, words


def test_words_of_names() -> None:
    assert words("user_id") == words("userID") == words("UserId") == words("user.id") == ["user", "id"]
    assert words("isHTMLPage2") == ["is", "html", "page", "2"]
    assert words("é") == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, True) for name in ("id", "user_id", "itemid", "adId", "uid", "zip", "UUID", "tag_ids")),
        *((name, False) for name in ("paid", "is_valid", "bid", "id_count", "age", "", "no", "number")),
    ],
)
def test_names_of_ids(name: str, expected: bool) -> None:
    assert is_id(name) == expected


MEANINGS = {
    "user": ("user", "user_id", "userid", "customerId", "HOUSEHOLD_KEY", "member_no", "uid", "visitorid"),
    "event": ("basket_id", "BasketId", "order_number", "session", "transaction_id", "invoice_no"),
    "thing": ("item", "itemId", "item_category", "brand", "video_id", "coupon_upc", "category2", "shop_code"),
    "id": ("id", "key", "foo_id", "areacode", "ean", "zip_code", "upc"),
    "amount": (
        "age",
        "user_age",
        "item_price",
        "item_count",
        "num_users",
        "views",
        "number_of_orders",
        "ids_total",
    ),
    "": ("x", "c1", "", "paid", "status", "address"),
}


@pytest.mark.parametrize(("name", "expected"), [(name, m) for m, names in MEANINGS.items() for name in names])
def test_meanings_of_names(name: str, expected: str) -> None:
    assert meaning(name) == expected


@pytest.mark.parametrize(
    ("name", "binary", "numeric"),
    [
        ("click", True, False),
        ("is_new", True, False),
        ("y", True, True),
        ("rating", False, True),
        ("click_count", False, False),
        ("", False, False),
    ],
)
def test_names_of_labels(name: str, binary: bool, numeric: bool) -> None:
    assert (is_label(name, True), is_label(name, False)) == (binary, numeric)


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
