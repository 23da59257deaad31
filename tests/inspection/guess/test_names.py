"""The meaning of names of columns."""

import pytest

from automtl_inspection.guess.names import is_id, is_label, meaning, words


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
