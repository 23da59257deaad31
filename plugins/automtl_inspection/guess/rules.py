"""Rules for the role of a column, by the words of its name and its facts: the first one that fits decides."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from automtl_inspection.guess.facts import FEW, Facts, Glimpse, nearly

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
        "district hotel venue place location restaurant course school company job agent agency broker "
        "carrier airline airport station route driver host doctor teacher employee bank office warehouse"
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
LISTS, PAGES = (
    _set("request req impression session query search srch serp slate q"),
    _set("page pageview visit"),
)
"""Last words of names of ids that the rows of a list share, before an ending of `IDS`; `PAGES` may be ids of
contents."""
PERIODS = _set("year yr quarter month week day period wave round season t")
"""Last words of names of integers that count the periods of a panel."""
STATISTICS = _set("avg average mean median count cnt num number sum total min max")
"""Words in the names of numbers that are neither ids nor labels, although another word suggests it."""
LABELS = tuple(
    _set(
        "click lik dislik buy bought purchas order cart fav follow shar comment forward hate conver install "
        "subscri churn respon label target outcome success cancel return"
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


def names_lists(name: str, alone: bool) -> bool:
    """Return whether the name of a column is that of a request, a session or a search.

    Args:
        name: The name.
        alone: Whether no user and no time can show that it is one.

    """
    stem, is_id = _stem(name)
    return stem in LISTS and is_id if alone else stem in LISTS | PAGES


def is_label(name: str, binary: bool) -> bool:
    """Return whether the name of a binary or numeric column is that of a label."""
    named = words(name)
    if not named or set(named).intersection(STATISTICS):
        return False
    if not binary:
        return named == ["y"] or named[-1] in ("rating", "stars", "label", "target", "outcome")
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


Role = Literal["labels", "sparse", "dense", "multi", "time", "list", "unused"]

MOST_WORDS = 100
"""Most words of a field of several words, such as genres; titles and names have more."""
UNDECIDED = (
    "two values: to predict it, name it in `labels`; if it is known before the prediction, in `sparse`"
)
BINARY = "binary columns; if one is known only after the event, as labels are, leave it out"

Test = Callable[[Facts, Glimpse], object]


class Rule(NamedTuple):
    """A rule: columns that pass the test have the role."""

    role: Role
    test: Test
    reason: str = ""
    """Reason why the column is not used; may contain facts."""
    doubt: str = ""
    """Reason for the role, if it may be wrong, and the remedy; may contain facts."""


def separator_of(facts: Facts) -> str | None:
    """Return the separator of a multi-valued field, whose values repeat often; None for other columns."""
    for separator, found in facts.parts.items():
        often = found.rows >= 0.1 * facts.rows and found.parts >= 3 * found.values
        ids = separator != " " or facts.example.replace(" ", "").isdigit()
        if often and found.values < (facts.values if ids else min(MOST_WORDS, facts.values / 5)):
            return separator
    return None


def parts_of_date(seen: Glimpse) -> Sequence[str]:
    """Return columns of a year, a month and a day, whose other words are the same; empty without them."""
    found: dict[frozenset[str], dict[str, str]] = {}
    for name in (facts.name for facts in seen.columns):
        named = frozenset(words(name))
        if part := next((part for part in ("day", "month", "year") if part in named), ""):
            found.setdefault(named - {"day", "month", "year", "of"}, {}).setdefault(part, name)
    return next((list(parts.values()) for parts in found.values() if len(parts) == 3), [])


def _tells_time(facts: Facts, seen: Glimpse) -> bool:
    named = words(facts.name)
    if set(named) & _set("birth birthday birthdate born dob signup registered registration release"):
        return False  # the time of something else than the row
    if facts.kind not in ("integer", "number") or facts.values <= FEW:
        return facts.kind == "time"
    times = _set("time timestamp ts date datetime day at epoch unixtime created when")
    likely = set(named) & times and (facts.clock or len(named) == 1)
    return bool(likely) or (facts.clock == "seconds" and not seen.header)


def _numbers_rows(facts: Facts, seen: Glimpse) -> bool:
    if not nearly(facts.values, seen.seen) or facts.kind not in ("integer", "text"):
        return False
    counts = facts.kind == "integer" and nearly(facts.values, int(float(facts.high) - float(facts.low)) + 1)
    return counts or facts.kind == "text" or is_id(facts.name)


def _is_varied(facts: Facts) -> bool:
    """Return whether there are many values, each in less than 50 rows on average."""
    return facts.values > max(FEW, facts.rows / 50)


def _looks_coded(facts: Facts, seen: Glimpse) -> bool:
    """Return whether integers have gaps and equally many digits; without names, gaps, or begin far from 0."""
    low, high = float(facts.low), float(facts.high)
    gaps, equal = high - low > 10 * facts.values, len(facts.low) == len(facts.high)
    if not seen.header:
        return gaps or (low > high - low and not 1900 <= low < high <= 2100)
    return gaps and equal and facts.rows >= 2 * facts.values


def acts(facts: Facts) -> bool:
    """Return whether the few values of a column are actions, by its name or by most of the values."""
    like_labels = sum(value.lower().startswith(LABELS) for value in facts.few)
    named = set(words(facts.name)) & _set("action event behavior behaviour activity interaction")
    return len(facts.few) > 1 and bool(named or 2 * like_labels > len(facts.few))


RULES = (
    Rule("unused", lambda f, s: f.kind == "nested",
         "nested lists, lists of texts with bars, or other unsupported values"),
    Rule("unused", lambda f, s: not f.name.strip(), "has no name"),
    Rule("unused", lambda f, s: not f.values, "blank in all rows"),
    Rule("unused", lambda f, s: f.values == 1 and f.rows == s.seen, "constant"),
    Rule("unused", lambda f, s: f.form and not is_id(f.name), "{0.form}"),
    Rule("unused", lambda f, s: f.mixed and not is_id(f.name), "times in several forms or units",
         "times in several forms or units, such as {0.mixed}; if they are the time of the rows, write one "
         "form: until then the split is random"),
    Rule("multi", lambda f, s: f.kind == "list" or separator_of(f)),
    Rule("time", lambda f, s: f.panel == "period" or _tells_time(f, s)),
    Rule("sparse", lambda f, s: f.panel == "unit"),
    Rule("list", lambda f, s: f.together),
    Rule("unused", _numbers_rows, "a different value in each row"),
    Rule("unused", lambda f, s: meaning(f.name) == "event" and _is_varied(f),
         "an id of events: new rows have other values"),
    Rule("unused", lambda f, s: f.kind == "text" and f.odd is not None and _is_varied(f),
         "numbers, except in {0.odd.rows:,} rows: if these are blanks, name their texts in `blanks`"),
    Rule("unused", lambda f, s: f.rows < 2 * f.values
         and meaning(f.name) in {"text": ("", "id", "amount"), "integer": ("id",)}.get(f.kind, ()),
         "a different value in nearly each row"),
    Rule("labels", lambda f, s: f.bits is not None and is_label(f.name, binary=True)),
    Rule("dense", lambda f, s: f.kind == "number" and f.name == "y" and "x" in {c.name for c in s.columns}),
    Rule("labels", lambda f, s: f.bits is None and f.kind in ("integer", "number") and f.values > 2
         and is_label(f.name, binary=False)),
    Rule("unused", lambda f, s: f.kind == "time", "a date, but not the time of the row"),
    Rule("unused", lambda f, s: f.bits is not None, UNDECIDED),
    Rule("sparse", lambda f, s: f.kind == "text"),
    Rule("sparse", lambda f, s: f.kind == "number" and is_id(f.name) and f.unlike,
         doubt="numbers, of which {0.unlike.rows:,} are not written as whole ones, such as {0.unlike.value}, "
         "kept as text, where 7, 7.0 and 7e0 are different values; if they are ids, write whole numbers"),
    Rule("sparse", lambda f, s: f.kind == "number" and (is_id(f.name) or f.padded)),
    Rule("dense", lambda f, s: f.kind == "number"),
    Rule("sparse", lambda f, s: meaning(f.name) in ("user", "event", "thing", "id")
         or (f.values <= FEW and words(f.name)[-1:] != ["year"])),  # new rows have later years
    Rule("dense", lambda f, s: meaning(f.name) == "amount"),
    Rule("dense", lambda f, s: f.clock,
         doubt="integers that are recent times; if they are the time of the row, set `time`"),
    Rule("sparse", _looks_coded,
         doubt="integers with gaps or far from 0, as ids are; if they are amounts, move them to `dense`"),
    Rule("sparse", lambda f, s: f.jumps,
         doubt="unlike means of {0.jumps} at adjacent numbers; if they are amounts, move them to `dense`"),
    Rule("dense", lambda f, s: True,
         doubt="integers without a telling name; if they are ids or codes, move them to `sparse`"),
)  # fmt: skip
"""The rules; from the first rule about amounts on, columns are integers."""


def rule_of(facts: Facts, seen: Glimpse) -> Rule:
    """Return the rule that decides on a column."""
    return next(rule for rule in RULES if rule.test(facts, seen))
