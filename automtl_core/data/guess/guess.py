"""Guesses of the roles of a table's columns, from their names and the facts about their first rows.

Wrong guesses are expected, so each guess has a reason, and all are written to a file that the user corrects.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from automtl_core.data.guess.facts import DATES, LIST, POINTS, Facts, Odd
from automtl_core.data.guess.peek import Glimpse
from automtl_core.errors import UsageError, did_you_mean, listing

Role = Literal["labels", "sparse", "dense", "multi", "time", "unused"]

LABELS = (
    *("click", "lik", "dislik", "buy", "bought", "purchas", "order", "cart", "fav", "follow", "shar"),
    *("comment", "forward", "hate", "conver", "install", "subscri", "churn", "respon", "label", "target"),
    *("outcome", "success"),
)
"""Prefixes of words in the names of binary columns that are labels."""
RATINGS = ("rating", "stars", "label", "target", "outcome", "y")
"""Last words in the names of numeric columns that are labels."""
STATISTICS = ("avg", "average", "mean", "median", "count", "num", "number", "sum", "total", "min", "max")
"""Words in the names of columns that are not labels, although another word suggests it."""
USERS = ("user", "uid", "member", "customer", "visitor", "client")
TIMES = ("time", "timestamp", "ts", "date", "datetime", "day", "at", "epoch", "unixtime", "created", "when")
"""Words in the names of columns of times."""
OTHER_TIMES = (
    "birth",
    "birthday",
    "birthdate",
    "born",
    "dob",
    "signup",
    "registered",
    "registration",
    "release",
)
"""Words in the names of columns of times that are not those of the rows."""
FIXES = {
    "decimal commas": "numbers with decimal commas: write them with points",
    "thousands separators": "numbers with thousands separators: write them without",
    POINTS: "numbers with points as thousands separators: write them without",
    "units": "numbers with units: write them without",
    DATES: "dates: write them as 2024-01-31 or 2024-01-31 23:59:59",
}
"""Form of numbers and dates -> the reason why they are not used."""
IDS = ("ids", "uid", "uuid", "key", "code", "zip", "nr")
NO_IDS = ("paid", "unpaid", "valid", "invalid", "bid", "grid", "void", "mid", "aid", "solid", "hybrid")
FEW = 20
"""Integer columns with up to this number of distinct values are categorical, unless the name suggests
otherwise."""
OFTEN = 50
"""Average rows per value from which on numbers mixed with other texts are categorical too."""
CODES = 1000
"""Integer columns with up to this number of distinct values may be categorical."""
GAPS = 10
"""Range of integers per distinct value above which they may be ids."""
MANY = 0.9
"""Share of distinct values above which a text identifies rows, and is not useful."""
PARTED = 0.1
"""Least share of rows that contain a separator."""
SKEW = 20
"""Ratio of maximum to mean above which numbers are scaled by the logarithm."""
LONG_TAIL = 1000, 0.3
"""Least number of values, and least share of values in one row only, of a field with a long tail."""
UNDECIDED = "a label, or a categorical field"
BATCHES = 100
"""Desired number of steps per epoch."""
BATCH_SIZES = 128, 2048


@dataclass(frozen=True)
class Guess:
    """The guessed role of a column."""

    facts: Facts
    role: Role
    setting: Any = None
    """Value of the key `ROLE.COLUMN` in the settings of the dataset `table`."""
    reason: str = ""
    """Reason why the column is not used, or a remark."""
    candidate: bool = False
    """Whether the column is unused because it is binary, and may be a label."""


def guess(seen: Glimpse, labels: Sequence[str] | Mapping[str, Mapping[str, Any] | None] = ()) -> list[Guess]:
    """Return the guessed role of each column, in order.

    Binary columns with an ambiguous name are not used: a label among the inputs is a leak of other labels.

    Args:
        seen: Description of the table.
        labels: Columns to predict, or column -> settings as in `dataset.labels`, None for a guess; if empty,
            the columns that look like labels.

    Raises:
        UsageError: a label is not a column, or its positive value cannot be inferred.

    """
    named = labels if isinstance(labels, Mapping) else dict.fromkeys(labels)
    known = [facts.name for facts in seen.columns]
    if unknown := [name for name in named if name not in known]:
        near = did_you_mean(unknown[0], known)
        raise UsageError(f"label {unknown[0]!r} is not a column{near}", f"the columns are: {listing(known)}")
    found = [_guess(facts, seen) for facts in seen.columns]
    if named:
        found = [_as_named(each, named) for each in found]
    times = [each.facts for each in found if each.role == "time"]
    best = max(times, key=lambda facts: facts.values, default=None)
    alike: dict[str, str] = {}
    for n, each in enumerate(found):
        name = each.facts.name
        if each.role == "time" and each.facts is not best:
            found[n] = Guess(each.facts, "unused", reason="another column is the time of the rows")
        elif (other := alike.setdefault(name.lower(), name)) != name:
            found[n] = Guess(each.facts, "unused", reason=f"its name differs from {other} in case only")
    fixed = [name for name, setting in named.items() if setting is not None]
    return [_in_order(each, found) if each.facts.name not in fixed else each for each in found]


def _in_order(each: Guess, found: Sequence[Guess]) -> Guess:
    """Return the guess of a label with the label before it.

    That is `given` where it is blank exactly where another label is 0, and `after` where it is never 1
    without the other label.
    """
    labels = [one.facts.name for one in found if one.role == "labels"]
    if each.role != "labels":
        return each
    if each.facts.blank_where in labels:
        return replace(each, setting={**each.setting, "given": each.facts.blank_where})
    before = next((name for name in each.facts.only_where if name in labels), None)
    if before is None:
        return each
    return replace(each, setting={**each.setting, "after": before})


def _as_named(each: Guess, named: Mapping[str, Mapping[str, Any] | None]) -> Guess:
    """Return the role of a column where labels are named."""
    name = each.facts.name
    if name not in named:
        if each.role == "labels":
            return replace(each, role="unused", setting=None, reason="a label that is not named")
        return each
    if (setting := named[name]) is not None:
        return Guess(each.facts, "labels", dict(setting))
    if (setting := as_label(each.facts)) is None:
        few = f" {listing(each.facts.few)}" if each.facts.few else f", most often, {each.facts.example!r}"
        raise UsageError(
            f"label {name!r} holds{few}: the positive value is unknown",
            f"name it: dataset.labels: {{{name}: {{positive: [...]}}}}, in Python "
            f"labels={{{name!r}: {{'positive': [...]}}}}",
        )
    return Guess(each.facts, "labels", setting)


def as_label(facts: Facts) -> Mapping[str, Any] | None:
    """Return the settings of a label for a column with any name; None where they cannot be inferred."""
    if facts.bits is not None:
        low, high = facts.bits
        return {} if low in ("0", "0.0") else {"positive": [high]}
    return {"kind": "regression"} if facts.kind in ("integer", "number") and facts.values > 2 else None


def faults(guess: Guess) -> Odd | None:
    """Return the values of a column that do not fit its role."""
    if guess.role == "labels" and guess.setting.get("kind") != "regression":
        return guess.facts.odd_bits
    return guess.facts.odd if guess.role in ("labels", "dense", "time") else None


def blanks(guesses: Sequence[Guess]) -> list[str]:
    """Return the texts that are blanks in the columns that are used."""
    used = (each.facts.blanks for each in guesses if each.role != "unused")
    return sorted({text for texts in used for text in texts})


def user(guesses: Sequence[Guess]) -> str | None:
    """Return the field of user ids."""
    names = (each.facts.name for each in guesses if each.role == "sparse" and is_id(each.facts.name))
    return next((name for name in names if any(word.startswith(USERS) for word in words(name))), None)


def long_tailed(guesses: Sequence[Guess]) -> Guess | None:
    """Return the field with the most values, if a large share of its values occurs in one row only."""
    least, share = LONG_TAIL
    fields = [each for each in guesses if each.role == "sparse" and each.facts.values >= least]
    tails = [each for each in fields if each.facts.single >= share * each.facts.values]
    return max(tails, key=lambda each: each.facts.values, default=None)


def batch_size(rows: int) -> int:
    """Return a power of two with about `BATCHES` steps per epoch; large tables have more steps."""
    least, most = BATCH_SIZES
    return min(max(1 << round(math.log2(max(rows / BATCHES, 1))), least), most)


def words(name: str) -> list[str]:
    """Return the words of a column's name: `user`, `id` for `userID` and for `user_id`."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)]


def is_id(name: str) -> bool:
    """Return whether the name of a column is that of an id."""
    last = (words(name) or [""])[-1]
    return last in (*IDS, *USERS) or (last.endswith("id") and last not in NO_IDS)


def _guess(facts: Facts, seen: Glimpse) -> Guess:
    if reason := _useless(facts, seen):
        return Guess(facts, "unused", reason=reason)
    if (setting := _label(facts)) is not None:
        return Guess(facts, "labels", setting)
    if _is_time(facts, seen):
        return Guess(facts, "time")
    if facts.kind == "time":
        return Guess(facts, "unused", reason="a date, but not the time of the row")
    if facts.bits is not None:
        return Guess(facts, "unused", reason=UNDECIDED, candidate=True)
    if facts.kind == "integer" and (is_id(facts.name) or facts.values <= FEW or _has_gaps(facts, seen)):
        return Guess(facts, "sparse", "integer" if facts.odd is None else "text")
    if facts.kind == "number" and (is_id(facts.name) or facts.padded):
        return Guess(facts, "sparse", "text")
    if facts.kind == "list":
        return Guess(facts, "multi", LIST)
    if facts.kind in ("integer", "number"):
        skewed = float(facts.low) >= 0 and float(facts.high) > SKEW * facts.mean
        coded = facts.kind == "integer" and facts.values <= min(CODES, facts.rows / OFTEN)
        reason = f"{facts.values:,} integers; if they are codes, move them to sparse" if coded else ""
        return Guess(facts, "dense", {"scaling": "log"} if skewed else {}, reason)
    if separator := _separator(facts):
        return Guess(facts, "multi", separator)
    return Guess(facts, "sparse", "text")


def _useless(facts: Facts, seen: Glimpse) -> str:
    """Return the reason against the use of a column; an empty string if there is none."""
    if facts.kind == "nested":
        return "nested lists, lists of texts with bars, or other unsupported values"
    if not facts.name.strip():
        return "has no name"
    if not facts.values:
        return "blank in all rows"
    if facts.rows == seen.seen and facts.values == 1:
        return "constant"
    if facts.form and not is_id(facts.name):
        return FIXES[facts.form]
    if facts.kind == "list" or _separator(facts):
        return ""
    unique = facts.rows == seen.seen == facts.values
    if unique and facts.kind in ("integer", "text") and not _is_time(facts, seen):
        counts = facts.kind == "integer" and int(facts.high) - int(facts.low) + 1 == facts.values
        if counts or facts.kind == "text" or is_id(facts.name):
            return "a different value in each row"
    if facts.kind == "text" and facts.values > MANY * facts.rows and not is_id(facts.name):
        return "a different value in nearly each row"
    few = max(FEW, facts.rows / OFTEN)
    if facts.kind == "text" and facts.values > few and facts.odd is not None:
        return (
            f"numbers, except in {facts.odd.rows:,} rows: if these are blanks, name their texts in `blanks`"
        )
    return ""


def _label(facts: Facts) -> Mapping[str, Any] | None:
    """Return the settings of a label; None for a column that does not look like a label."""
    named = words(facts.name)
    if not named or set(named).intersection(STATISTICS):
        return None
    likely = named[-1] in RATINGS
    if facts.bits is not None:
        likely = named == ["y"] or named[0] == "is" or any(word.startswith(LABELS) for word in named)
    return as_label(facts) if likely else None


def _is_time(facts: Facts, seen: Glimpse) -> bool:
    if set(words(facts.name)).intersection(OTHER_TIMES):
        return False
    if facts.kind not in ("integer", "number") or facts.values <= FEW:
        return facts.kind == "time"
    low, high = float(facts.low), float(facts.high)
    # Seconds, milli-, micro- or nanoseconds since 1970 in the years 2000 to 2040; or dates such as 20240131.
    since = any(946_684_800 * unit <= low and high < 2_208_988_800 * unit for unit in (1, 1e3, 1e6, 1e9))
    calendar = low >= 19_000_101 and high <= 21_001_231
    named = words(facts.name)
    likely = bool(set(named).intersection(TIMES)) and (since or calendar or len(named) == 1)
    return likely or (since and not seen.header)


def _has_gaps(facts: Facts, seen: Glimpse) -> bool:
    """Return whether a column without a name looks like ids, since its integers have large gaps."""
    return not seen.header and int(facts.high) - int(facts.low) > GAPS * facts.values


def _separator(facts: Facts) -> str | None:
    """Return the separator of a multi-valued field, whose values repeat often; None for other columns."""
    for separator, found in facts.parts.items():
        often = found.rows >= PARTED * facts.rows
        if often and found.parts >= 3 * found.values and found.values < facts.values:
            return separator
    return None
