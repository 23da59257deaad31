"""The meaning of names of columns."""

from pathlib import Path

import pytest

from automtl_inspection.guess.facts import Facts, Glimpse, Parts
from automtl_inspection.guess.rules import RULES, acts, is_label, meaning, separator_of, words


def test_words_of_names():
    assert words("user_id") == words("userID") == words("UserId") == words("user.id") == ["user", "id"]
    assert words("isHTMLPage2") == ["is", "html", "page", "2"]
    assert words("é") == []


MEANINGS = {
    "user": ("user", "user_id", "userid", "customerId", "HOUSEHOLD_KEY", "member_no", "uid", "visitorid"),
    "event": ("basket_id", "BasketId", "order_number", "session", "transaction_id", "invoice_no"),
    "thing": ("item", "itemId", "item_category", "brand", "video_id", "coupon_upc", "category2", "shop_code"),
    "id": ("id", "key", "foo_id", "areacode", "ean", "zip_code", "upc"),
    "amount": ("age", "user_age", "item_price", "num_users", "views", "number_of_orders", "ids_total"),
    "": ("x", "c1", "", "paid", "status", "address"),
}


@pytest.mark.parametrize(("name", "expected"), [(name, m) for m, names in MEANINGS.items() for name in names])
def test_meanings_of_names(name, expected):
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
def test_names_of_labels(name, binary, numeric):
    assert (is_label(name, True), is_label(name, False)) == (binary, numeric)


SEEN = Glimpse(Path(), "a.csv", False, ",", True, 1000, 1000, ())


def test_rules_of_unused_columns_have_a_reason_doubts_a_remedy_and_the_last_fits_all():
    for rule in RULES:
        assert bool(rule.reason) == (rule.role == "unused")
        assert rule.doubt == "" or "; if they are" in rule.doubt
    assert RULES[-1].test(Facts("x"), SEEN)


@pytest.mark.parametrize(("found", "separator"), [(Parts(100, 900, 300), "|"), (Parts(99, 900, 300), None),
                                                   (Parts(100, 899, 300), None)])  # fmt: skip
def test_the_least_that_tells_a_multi_valued_field(found, separator):
    assert separator_of(Facts("tags", rows=1000, values=500, parts={"|": found})) == separator


def test_actions_and_separators():
    assert acts(Facts("behaviour", few=("1", "2")))
    assert acts(Facts("c4", few=("buy", "cart", "pv")))
    assert not acts(Facts("c4", few=("pv", "buy", "seen")))
    assert not acts(Facts("behaviour", few=("1",)))
    assert separator_of(Facts("tags", rows=1000, values=500, parts={"|": Parts(300, 2000, 30)})) == "|"
    assert separator_of(Facts("tags", rows=1000, values=500, parts={"|": Parts(30, 2000, 30)})) is None
