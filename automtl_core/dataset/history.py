"""Histories: events before a row, such as earlier actions of its user.

A dataset declares them; preparation stores the events once, sorted by owner and time.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from automtl_core.errors import listing
from automtl_core.fields.dense import Dense
from automtl_core.fields.encode import AGE
from automtl_core.fields.field import FieldKind

ALL_EVENTS, LATEST = "any", "last"
"""Inputs from events beside those of shared fields: of all events, and with a number of the latest ones."""
TimeForm = Literal["number", "date", "date with offset"]
"""Form of the times of rows and events. Dates without an offset are those of one unnamed time zone."""


@dataclass(frozen=True)
class EventFacts:
    """Facts about the rows and events of prepared data, by which new rows and events are read."""

    form: TimeForm
    rows: tuple[float, float]
    """First and last time of a row; for dates in seconds since 1970 (UTC)."""
    integers: tuple[str, ...]
    """Shared fields with integers. Events at the same time are sorted by their number, others by the text."""
    buckets: Mapping[str, int]
    """Hashed shared field -> number of its buckets, whose numbers sort events at the same time."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the facts of JSON values; those of earlier versions have more."""
        return cls(value["form"], tuple(value["rows"]), tuple(value["integers"]), value["buckets"])


@dataclass(frozen=True)
class History:
    """The earlier events of the owner of a row.

    An event belongs to the history of a row if both have the same owner and
    `event time < row time - delay`. A row never sees itself or an event at its own time.
    """

    name: str
    by: str = ""
    """Column of rows and events: the owner, such as the user. A row without owner has an empty history."""
    time: str = ""
    """Column of rows and events: the time, a number or a timestamp."""
    shared: tuple[str, ...] = ()
    """Single-valued categorical fields of rows that events have too, with the same vocabulary."""
    outcomes: tuple[str, ...] = ()
    """Columns of events with 0, 1 or null: what was done, such as the labels of earlier rows. In files of
    events, an outcome `event=buy` is the column `event`, and 1 where it holds `buy`."""
    numbers: tuple[FieldKind, ...] = field(default=(), kw_only=True)
    """Numeric fields of events, such as `Dense("play_time")`. Training rows' events define the scales."""
    of_rows: bool = True
    """Whether the events are the rows of the dataset. Otherwise `Dataset.events` returns them."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """For events that the rows hold themselves, as lists of equal length, the earliest first: column of
    events or `automtl:age` -> column of rows. Without `automtl:age`, the age of an event is its rank: 1 for
    the latest one. `by`, `time`, `of_rows` and `delay` are not used."""
    separator: str = "|"
    """Separator of the entries of a list in a text, as in files of new examples."""
    blanks: tuple[str, ...] = ()
    """Entries of lists that are blanks, besides empty ones."""
    length: int = 50
    """Maximum number of events of a row, the latest ones."""
    delay: float = 0.0
    """Time after which an event is known, in the unit of `time`; for dates in seconds."""
    distinct: bool = field(default=False, compare=False)
    """Whether equal rows of a log are one event."""
    facts: EventFacts | None = field(default=None, compare=False)
    """Facts about prepared events; None before preparation, and for lists."""
    age: str = field(default=AGE, compare=False)
    """Key of the ages of events beside their columns, such as in `past:automtl:age`."""

    @property
    def numeric(self) -> tuple[str, ...]:
        """The numeric columns of events: outcomes, then numbers."""
        return (*self.outcomes, *(number.name for number in self.numbers))

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns of events, without those of the owner and the time."""
        return (*self.shared, *self.numeric)

    def columns(self) -> list[str]:
        """Return the columns of events."""
        return list(dict.fromkeys([self.by, self.time, *self.fields]))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, of numbers their names: an `Encoder` has the encoders."""
        lists = {name: list(getattr(self, name)) for name in ("shared", "outcomes", "blanks")}
        facts = asdict(self.facts) if self.facts else None
        if facts:
            facts |= {name: list(facts[name]) for name in ("rows", "integers")}
        numbers = [number.name for number in self.numbers]
        return {**vars(self), **lists, "numbers": numbers, "lists": dict(self.lists), "facts": facts}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the history of a value of `to_json`; ages had the key `age` in earlier versions."""
        made = {"age": "age", **value}
        made |= {name: tuple(value.get(name, ())) for name in ("shared", "outcomes", "blanks")}
        made["numbers"] = tuple(map(Dense, value.get("numbers", ())))
        made["facts"] = EventFacts.from_json(value["facts"]) if value.get("facts") else None
        return cls(**made)


def source_of(outcome: str) -> tuple[str, str | None]:
    """Return the column of an outcome in files, and the text that means 1; None if it holds 0 and 1."""
    column, sign, text = outcome.partition("=")
    return (column, text) if sign else (outcome, None)


def faults_of_histories(
    histories: Sequence[History], single: Sequence[str], columns: Iterable[str]
) -> Iterator[str]:
    """Yield the faults of declarations, in words.

    Args:
        histories: The declared histories.
        single: Names of the single-valued categorical fields.
        columns: All columns of rows.

    """
    names = [history.name for history in histories]
    for history in histories:
        what = f"history {history.name!r}"
        if names.count(history.name) > 1:
            yield f"{what} is declared twice"
        for name in history.shared:
            if name not in single:
                yield f"{what} shares {name!r}, which is not a single-valued categorical field"
            elif name == ALL_EVENTS or re.fullmatch(f"{LATEST}[0-9]+", name):
                yield f"{what} shares {name!r}, which is the name of an input from events: rename the field"
        for number in history.numbers:
            reads = [(column, read.how) for column, read in number.reads().items()]
            if number.gives != "numbers" or reads != [(number.name, "number")]:
                yield f"{what} has the number {number.name!r}, which is not a numeric field of one column"
            yield from (f"{what}: {fault}" for fault in number.faults())
        if twice := [name for name, times in Counter(history.fields).items() if times > 1]:
            yield f"{what} has two columns {twice[0]!r}: name it once"
        if not history.fields:
            yield f"{what} has no columns: declare `shared` fields, `outcomes` or `numbers`"
        for column in columns:
            if column == history.name:
                yield f"column {column!r} has the name of a history: rename it"
            elif column.startswith(f"{history.name}:") and column not in history.lists.values():
                yield f"column {column!r} has the name of a list of events of {what}: rename it"
        named = {*history.fields}
        if history.lists and set(history.lists) - ({AGE, "age"} - named) != named:
            yield f"{what} has lists of {listing(history.lists)}: name its columns"
        if not history.lists and not (history.by and history.time):
            yield f"{what} has no `by` or no `time`: name the columns of the owner and the time"
        if history.length < 1:
            yield f"{what}: its length is {history.length}, expected 1 or more"
        if history.delay < 0:
            yield f"{what}: its delay is {history.delay}, expected 0 or more"
