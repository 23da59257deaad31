"""Columns that group rows: attributes of users, and what rows seen together share, such as a request."""

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from automtl_core.raw.sql import date_of
from automtl_inspection.guess.facts import Facts, Glimpse, nearly
from automtl_inspection.guess.rules import PERIODS, is_id, meaning, names_lists, rule_of, words

LEAST, MOST = 1.5, 500
"""Range of the mean number of rows of a list."""
LISTS = 20
"""Least number of values with several rows."""
SHARE = 0.9
"""Share of these whose rows have one user, and are near in time."""
ALIKE = 1.02
"""Largest number of values of a user, on average, for an attribute of users."""
NEAR = 0.05
"""Largest time between rows of a list, as a share of that between all rows."""


def with_groups(db: duckdb.DuckDBPyConnection, seen: Glimpse) -> Sequence[Facts]:
    """Return the facts about the columns, with what the rows of a user and of a value have in common.

    A column whose name does not tell lists needs both a user and a time.

    Args:
        db: Database with the table `head`, see `facts_of`.
        seen: What is known of it.

    """
    found = _with_panel(db, seen)
    roles = [rule_of(facts, seen).role for facts in found]
    users = [n for n, facts in enumerate(found) if roles[n] == "sparse" and is_user(facts)]
    times = [n for n, role in enumerate(roles) if role == "time"]
    user = max(users, key=lambda n: bool(found[n].panel), default=None)
    time = max(times, key=lambda n: (bool(found[n].panel), found[n].values), default=None)
    if user is not None:
        pairs = ", ".join(f"count(DISTINCT (c{user}, c{n}))" for n in range(len(found)))
        known = db.execute(f"SELECT {pairs} FROM head").fetchall()[0]
        found = [replace(of, of_user=n <= ALIKE * known[user]) for of, n in zip(found, known, strict=True)]
    for n, facts in enumerate(found):
        named = names_lists(facts.name, alone=user is None and time is None)
        unknown = meaning(facts.name) in ("", "id") and user is not None and time is not None
        is_code = facts.kind in ("text", "integer") and not facts.clock and facts.values >= LISTS
        several = is_code and LEAST <= facts.rows / facts.values <= MOST
        if (named or unknown) and several and n != user and _are_lists(db, n, user, time):
            common = ["one user"] * (user is not None) + ["close times"] * (time is not None)
            found[n] = replace(facts, together=" and ".join(common) or "a name of lists")
    return found


def is_user(facts: Facts) -> bool:
    """Return whether a categorical column holds the users, or the units of a panel."""
    return facts.panel == "unit" or (meaning(facts.name) == "user" and facts.bits is None)


def _with_panel(db: duckdb.DuckDBPyConnection, seen: Glimpse) -> list[Facts]:
    """Return the columns with the units and periods of a panel, unless rows have dates or seconds."""
    columns, found = seen.columns, list(seen.columns)
    order = sorted(range(len(columns)), key=lambda n: not is_id(columns[n].name))
    if any(facts.clock and rule_of(facts, seen).role == "time" for facts in columns):
        return found
    for at, time in enumerate(columns):
        if time.kind != "integer" or time.values < 3 or (words(time.name) or [""])[-1] not in PERIODS:
            continue
        named = [n for n in order if n != at and columns[n].kind in ("integer", "text")]
        for n in (units := [n for n in named if LISTS <= columns[n].values <= columns[n].rows / 2]):
            unit = columns[n]
            # By chance, a unit would have two rows in one of so few periods.
            if time.values <= 10 * unit.rows / unit.values:
                pairs = f"count(DISTINCT (c{n}, c{at})), count(if(c{n} IS NULL, NULL, c{at}))"
                if nearly(*db.execute(f"SELECT {pairs} FROM head").fetchall()[0]):
                    found[n], found[at] = replace(unit, panel="unit"), replace(time, panel="period")
                    return found
        number, before = f"TRY_CAST(c{at} AS DOUBLE)", "lag(number) OVER (ORDER BY line)"
        falls = f"SELECT {number} AS number FROM head QUALIFY number < {before} LIMIT 1"
        if not db.execute(falls).fetchall():
            found[at] = replace(time, panel="period")
            ids = [n for n in units if is_id(columns[n].name)]
            ids = ids or [n for n in units if columns[n].kind == "text"]
            if len(ids) == 1:
                found[ids[0]] = replace(columns[ids[0]], panel="unit")
    return found


def _are_lists(db: duckdb.DuckDBPyConnection, column: int, user: int | None, time: int | None) -> bool:
    """Return whether nearly all values with several rows have one user, and rows that are near in time."""
    at = f"coalesce(TRY_CAST(c{time} AS DOUBLE), epoch({date_of(f'c{time}')}))"
    users = "1" if user is None else f"count(DISTINCT c{user})"
    span = "0" if time is None else f"max({at}) - min({at})"
    groups = f"SELECT {users} AS users, {span} AS span FROM head GROUP BY c{column} HAVING count(*) > 1"
    near = "true" if time is None else f"span <= {NEAR} * (SELECT max({at}) - min({at}) FROM head)"
    count, share = db.execute(
        f"SELECT count(*), avg(CAST(users <= 1 AND {near} AS INTEGER)) FROM ({groups})"
    ).fetchall()[0]
    return bool(count >= LISTS and share >= SHARE)
