"""Guesses at what the columns of a table are for, from their names and from what their first rows hold.

Wrong guesses are expected, so each comes with its reason, and all are written down for a person to correct.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from automtl_core.data.guess.facts import LIST, Facts
from automtl_core.data.guess.peek import Glimpse

Role = Literal["labels", "sparse", "dense", "multi", "time", "unused"]

LABELS = (
    *("click", "lik", "dislik", "buy", "bought", "purchas", "order", "cart", "fav", "follow", "shar"),
    *("comment", "forward", "hate", "conver", "install", "subscri", "churn", "respon", "label", "target"),
    *("outcome", "success"),
)
"""Beginnings of words in the names of columns of 0 and 1 that are labels."""
RATINGS = ("rating", "stars", "label", "target", "outcome", "y")
"""Last words in the names of columns of numbers that are labels."""
STATISTICS = ("avg", "average", "mean", "median", "count", "num", "number", "sum", "total", "min", "max")
"""Words in the names of columns that are no labels all the same."""
USERS = ("user", "uid", "member", "customer", "visitor", "client")
TIMES = ("time", "timestamp", "ts", "date", "datetime", "day", "at")
"""Words in the names of columns of times."""
IDS = ("ids", "uid", "uuid", "key", "code", "zip")
NO_IDS = ("paid", "unpaid", "valid", "invalid", "bid", "grid", "void", "mid", "aid", "solid", "hybrid")
FALSE, TRUE = ("false", "no", "n", "f"), ("true", "yes", "y", "t")
FEW = 20
"""Integers with so many values are categories, unless their name says otherwise."""
OFTEN = 50
"""Rows a value on average from which on numbers among other texts are categories too."""
CODES = 1000
"""Integers with so many values may be categories."""
GAPS = 10
"""Integers between the least and the largest for each one that is there, from which on they may be ids."""
MANY = 0.9
"""Share of different values from which on a text tells one row from another, and nothing else."""
PARTED = 0.1
"""Share of rows that a separator has to stand in."""
SKEW = 20
"""Numbers of which the largest is so many times the mean are scaled by the logarithm."""
LONG_TAIL = 1000, 0.3
"""Values, and the share of them in one row alone, from which on a field has a long tail."""
_DECIMAL = re.compile(r"-?[0-9]+,[0-9]+")
UNDECIDED = "a label, or a categorical field"
BATCHES = 100
"""Steps that an epoch should have."""
BATCH_SIZES = 128, 2048


@dataclass(frozen=True)
class Guess:
    """What a column may be for."""

    facts: Facts
    role: Role
    setting: Any = None
    """Its value in the settings of the dataset `table`, below the role and its name."""
    reason: str = ""
    """Why it is not used, or what is to be known of it."""
    candidate: bool = False
    """Whether it might be a label, and is not used for that reason: it holds 0 and 1."""


def guess(seen: Glimpse) -> list[Guess]:
    """Return what each column may be for, in the order of the seen.

    Columns of 0 and 1 whose names do not tell are not used: a label among the inputs gives the others away.
    """
    found = [_guess(facts, seen) for facts in seen.columns]
    times = [each.facts for each in found if each.role == "time"]
    best = max(times, key=lambda facts: facts.values, default=None)
    alike: dict[str, str] = {}
    for n, each in enumerate(found):
        name = each.facts.name
        if each.role == "time" and each.facts is not best:
            found[n] = Guess(each.facts, "unused", reason="a time besides that of the rows")
        elif (other := alike.setdefault(name.lower(), name)) != name:
            found[n] = Guess(each.facts, "unused", reason=f"named as {other} but for the case")
    return _given(found)


def _given(found: Sequence[Guess]) -> list[Guess]:
    """Return guesses, with `given` of labels that are blank exactly where another one is not set."""
    labels = [each.facts.name for each in found if each.role == "labels"]
    return [
        replace(each, setting={**each.setting, "given": each.facts.blank_where})
        if each.role == "labels" and each.facts.blank_where in labels
        else each
        for each in found
    ]


def as_label(facts: Facts) -> Mapping[str, Any] | None:
    """Return the settings of a column that is a label, whatever its name; None where they cannot be told."""
    if positive := _positive(facts):
        return {} if positive == "1" else {"positive": [positive]}
    return {"kind": "regression"} if facts.kind in ("integer", "number") and facts.values > 2 else None


def user(guesses: Sequence[Guess]) -> str | None:
    """Return the field that names users."""
    names = (each.facts.name for each in guesses if each.role == "sparse" and is_id(each.facts.name))
    return next((name for name in names if any(word.startswith(USERS) for word in words(name))), None)


def long_tailed(guesses: Sequence[Guess]) -> Guess | None:
    """Return the field of the most values, if a good part of its values is in one row alone."""
    least, share = LONG_TAIL
    fields = [each for each in guesses if each.role == "sparse" and each.facts.values >= least]
    tails = [each for each in fields if each.facts.single >= share * each.facts.values]
    return max(tails, key=lambda each: each.facts.values, default=None)


def batch_size(rows: int) -> int:
    """Return a power of two that makes about `BATCHES` steps an epoch, or more where there are many rows."""
    least, most = BATCH_SIZES
    return min(max(1 << round(math.log2(max(rows / BATCHES, 1))), least), most)


def words(name: str) -> list[str]:
    """Return the words of a column's name: `userID` and `user_id` both as `user`, `id`."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)]


def is_id(name: str) -> bool:
    """Return whether a column is named as one of ids."""
    last = (words(name) or [""])[-1]
    return last in (*IDS, *USERS) or (last.endswith("id") and last not in NO_IDS)


def _guess(facts: Facts, seen: Glimpse) -> Guess:
    if reason := _useless(facts, seen):
        return Guess(facts, "unused", reason=reason)
    if (setting := _label(facts)) is not None:
        return Guess(facts, "labels", setting)
    if _is_time(facts, seen):
        return Guess(facts, "time")
    if _positive(facts):
        return Guess(facts, "unused", reason=UNDECIDED, candidate=True)
    if facts.kind == "integer" and (is_id(facts.name) or facts.values <= FEW or _has_gaps(facts, seen)):
        return Guess(facts, "sparse", "integer")
    if facts.kind == "number" and is_id(facts.name):
        return Guess(facts, "sparse", "text")
    if facts.kind == "list":
        return Guess(facts, "multi", LIST)
    if facts.kind in ("integer", "number"):
        skewed = float(facts.low) >= 0 and float(facts.high) > SKEW * facts.mean
        coded = facts.kind == "integer" and facts.values <= min(CODES, facts.rows / OFTEN)
        reason = f"{facts.values:,} whole numbers; if codes, they belong to sparse" if coded else ""
        return Guess(facts, "dense", {"scaling": "log"} if skewed else {}, reason)
    if separator := _separator(facts):
        return Guess(facts, "multi", separator)
    return Guess(facts, "sparse", "text")


def _useless(facts: Facts, seen: Glimpse) -> str:
    """Return why a column should not be used; nothing if it may be."""
    if facts.kind == "nested":
        return "holds lists of lists, texts with bars, or alike"
    if not facts.name.strip():
        return "has no name"
    if not facts.values:
        return "blank in all rows"
    if facts.rows == seen.seen and facts.values == 1:
        return "the same in all rows"
    if all(_DECIMAL.fullmatch(value) for value in (facts.low, facts.high, facts.example)):
        return "numbers with decimal commas: write them with points"
    if facts.kind == "list" or _separator(facts):
        return ""
    if facts.rows == seen.seen == facts.values and facts.kind in ("integer", "text"):
        counts = facts.kind == "integer" and int(facts.high) - int(facts.low) + 1 == facts.values
        if counts or facts.kind == "text" or is_id(facts.name):
            return "another value in each row"
    if facts.kind == "text" and facts.values > MANY * facts.rows and not is_id(facts.name):
        return "another value in nearly each row"
    few = max(FEW, facts.rows / OFTEN)
    if facts.kind == "text" and facts.values > few and facts.numbers > facts.rows / 2:
        others = facts.rows - facts.numbers
        return f"numbers, but for {others:,} rows: leave these blank, and it can be used as a number"
    return ""


def _label(facts: Facts) -> Mapping[str, Any] | None:
    """Return the settings of a label; None if a column looks like none."""
    named = words(facts.name)
    if not named or set(named).intersection(STATISTICS):
        return None
    said = named[-1] in RATINGS
    if _positive(facts):
        said = named == ["y"] or named[0] == "is" or any(word.startswith(LABELS) for word in named)
    return as_label(facts) if said else None


def _positive(facts: Facts) -> str | None:
    """Return the value that means 1 where a column holds but 0 and 1, or no and yes, or alike."""
    if facts.values != 2:
        return None
    low, high = facts.few
    if (low, high) in (("0", "1"), ("0.0", "1.0")):
        return "1"
    return high if low.lower() in FALSE and high.lower() in TRUE else None


def _is_time(facts: Facts, seen: Glimpse) -> bool:
    if facts.kind not in ("integer", "number") or facts.values <= FEW:
        return facts.kind == "time"
    low, high = float(facts.low), float(facts.high)
    # Seconds, milli-, micro- or nanoseconds since 1970, of the years from 2000 to 2040; or dates as 20240131.
    since = any(946_684_800 * unit <= low and high < 2_208_988_800 * unit for unit in (1, 1e3, 1e6, 1e9))
    calendar = low >= 19_000_101 and high <= 21_001_231
    named = words(facts.name)
    said = bool(set(named).intersection(TIMES)) and (since or calendar or len(named) == 1)
    return said or (since and not seen.header)


def _has_gaps(facts: Facts, seen: Glimpse) -> bool:
    """Return whether a column without a name looks like ids by what is not in it."""
    return not seen.header and int(facts.high) - int(facts.low) > GAPS * facts.values


def _separator(facts: Facts) -> str | None:
    """Return what separates the values of a multi-valued field: values that come again and again."""
    for separator, found in facts.parts.items():
        often = found.rows >= PARTED * facts.rows
        if often and found.parts >= 3 * found.values and found.values < facts.values:
            return separator
    return None
