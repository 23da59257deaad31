"""The meaning of the name of a column, by its words."""

import re
from collections.abc import Mapping
from typing import Literal

Meaning = Literal["user", "event", "thing", "id", "amount", ""]
"""Content of a column: ids of users; of events, which new rows do not repeat; of other things, such as items;
or of something unknown; or amounts. Empty: none of these."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


NOUNS: Mapping[Meaning, frozenset[str]] = {
    "user": _set(
        "user uid member customer visitor client household account subscriber viewer listener reader player "
        "shopper buyer guest patient student"
    ),
    "event": _set(
        "basket order transaction invoice receipt session request impression visit event log trip booking "
        "row record"
    ),
    "thing": _set(
        "item product article goods offer coupon deal ad advert banner campaign creative category cat brand "
        "manufacturer vendor seller shop store merchant supplier department commodity video movie film anime "
        "song track music artist album book author publisher game app news post topic tag genre page site "
        "channel query device os browser model type class group segment cluster city region country state "
        "district hotel venue place location restaurant course school company job"
    ),
    "amount": _set(
        "price cost fee amount quantity qty age rating score rank duration time length size width height "
        "weight distance income salary balance revenue budget discount percent pct rate ratio share level "
        "year month week day hour minute second position temperature lat lon"
    ),
}
"""Meaning of the last word of a name, also before an ending of `IDS`."""
IDS = _set("id ids uuid guid key code nr no number upc ean sku isbn zip")
"""Last words of names of ids; `no` and `number` need a word before them."""
STATISTICS = _set("avg average mean median count cnt num number sum total min max")
"""Words in the names of numbers that are neither ids nor labels, although another word suggests it."""
TIMES = _set("time timestamp ts date datetime day at epoch unixtime created when")
"""Words in the names of columns of times."""
OTHER_TIMES = _set("birth birthday birthdate born dob signup registered registration release")
"""Words in the names of columns of times that are not those of the rows."""
ACTIONS = _set("action event behavior behaviour activity interaction")
"""Words in the names of columns of actions."""
LABELS = tuple(
    _set(
        "click lik dislik buy bought purchas order cart fav follow shar comment forward hate conver install "
        "subscri churn respon label target outcome success"
    )
)
"""Prefixes of words in the names of binary columns that are labels, and of texts that are actions."""


def words(name: str) -> list[str]:
    """Return the words of a column's name: `user`, `id` for `userID` and for `user_id`."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)]


def meaning(name: str) -> Meaning:
    """Return the meaning of the name of a column."""
    stem, is_id = _stem(name)
    found: Meaning = next((meaning for meaning, nouns in NOUNS.items() if stem in nouns), "")
    if is_id:
        return found if found in ("user", "event", "thing") else "id"
    plural = stem.endswith("s") and not stem.endswith(("ss", "us", "is"))
    if set(words(name)).intersection(STATISTICS) or (plural and not found):
        return "amount"
    return found


def is_id(name: str) -> bool:
    """Return whether the name of a column is that of an id or of users."""
    return _stem(name)[1] or meaning(name) == "user"


def is_label(name: str, binary: bool) -> bool:
    """Return whether the name of a binary or numeric column is that of a label."""
    named = words(name)
    if not named or set(named).intersection(STATISTICS):
        return False
    if not binary:
        return named[-1] in ("rating", "stars", "label", "target", "outcome", "y")
    return named == ["y"] or named[0] == "is" or any(word.startswith(LABELS) for word in named)


def _stem(name: str) -> tuple[str, bool]:
    """Return the last word of a name, without an ending of ids, and whether there is such an ending."""
    *before, last = [word for word in words(name) if not word.isdecimal()] or [""]
    counts = set(before).intersection(STATISTICS)
    if last in IDS and not counts and (before or last not in ("no", "number")):
        return (before or [""])[-1], True
    if last in NOUNS["user"]:
        return last, False
    joined = re.fullmatch("(.+)(id|code|upc|sku)", last)  # such as itemid
    others = _set("paid unpaid valid invalid bid grid void mid aid solid hybrid")
    return (joined[1], True) if joined and last not in others else (last, False)
