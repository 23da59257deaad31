"""Declarations of a dataset: labels, histories, and checks of their consistency.

A history holds events before a row, such as earlier actions of its user. Preparation stores the events once,
sorted by owner and time.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from reprlib import repr as short
from typing import Any, Literal, Self

from automtl_core.errors import did_you_mean, listing
from automtl_core.fields.encode import AGE
from automtl_core.fields.field import FieldKind
from automtl_core.fields.numeric import Dense
from automtl_core.fields.sparse import Sparse
from automtl_core.system.documents import Value, plain
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import kind_names, task_kind

ALL_EVENTS, LATEST = "any", "last"
"""Inputs from events beside those of shared fields: of all events, and with a number of the latest ones."""
TimeForm = Literal["number", "date", "date with offset"]
"""Form of the times of rows and events. Dates without an offset are those of one unnamed time zone."""


@dataclass(frozen=True)
class EventFacts(Value):
    """Facts about the rows and events of prepared data, by which new rows and events are read."""

    form: TimeForm
    rows: tuple[float, float]
    """First and last time of a row; for dates in seconds since 1970 (UTC)."""
    integers: tuple[str, ...]
    """Shared fields with integers. Events at the same time are sorted by their number, others by the text."""
    buckets: Mapping[str, int]
    """Hashed shared field -> number of its buckets, whose numbers sort events at the same time."""


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
        return dict(plain({**vars(self), "numbers": [number.name for number in self.numbers]}))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the history of a value of `to_json`; ages had the key `age` in earlier versions."""
        made = {"age": "age", **value}
        made |= {name: tuple(value.get(name, ())) for name in ("shared", "outcomes", "blanks")}
        made["numbers"] = tuple(map(Dense, value.get("numbers", ())))
        made["facts"] = EventFacts.from_json(facts, "facts") if (facts := value.get("facts")) else None
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
                hint = did_you_mean(name, single)
                yield f"{what} shares {name!r}, which is not a single-valued categorical field{hint}"
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


@dataclass(frozen=True)
class Label(Value):
    """A label to predict: a user action, or a number."""

    name: str
    """Name of the column of `rows`, and of the task."""
    kind: str = "binary"
    """Name of the kind of task."""
    after: str | None = None
    """The label of the action that precedes this one, such as click for purchase."""
    given: str | None = None
    """The binary label that must be 1 for this label to count; `rows` has null elsewhere."""
    positive: tuple[str, ...] = ()
    """Texts in files that mean 1, where others mean 0; none if files hold numbers."""
    column: str = ""
    """Column in files, if it has another name."""

    @property
    def source(self) -> str:
        """The column in files."""
        return self.column or self.name

    @property
    def type(self) -> TaskKind:
        """The kind of task: its loss, metrics and labels."""
        return task_kind(self.kind)


def names_of(declared: Iterable[FieldKind | Label]) -> list[str]:
    """Return the names of fields or labels."""
    return [each.name for each in declared]


def faults_of(stated: Any, holds_bags: bool) -> Iterator[str]:
    """Yield the faults of declarations, in words.

    Args:
        stated: A dataset, or another object with its `fields`, `labels`, `user`, `time`, `part` and
            `histories`.
        holds_bags: Whether the dataset defines `values`.

    """
    fields, labels = stated.fields, stated.labels
    shapes = [
        *_shape("fields", fields, FieldKind, "fields, such as Sparse and Dense"),
        *_shape("labels", labels, Label, "Label"),
        *_shape("histories", stated.histories, History, "History"),
    ]
    yield from shapes
    if shapes:
        return
    known = {label.name: label for label in labels}
    others = [name for name in (stated.time, stated.part) if name is not None]
    for name, times in Counter([*names_of(fields), *names_of(labels), *others]).items():
        if times > 1:
            yield f"{name!r} is named twice: each field, label and other column of `rows` needs its own name"
    for each in fields:
        yield from (f"field {each.name!r}: {fault}" for fault in each.faults())
    yield from _columns(fields, {*known, *others} - {*names_of(fields)}, holds_bags)
    for label in labels:
        yield from (f"label {label.name!r}: {fault}" for fault in label_faults(label, known))
    single = [each.name for each in fields if isinstance(each, Sparse)]
    if (user := stated.user) is not None and user not in single:
        is_field = user in names_of(fields)
        there = "is not a single-valued sparse field" if is_field else "is not a field"
        hint = did_you_mean(str(user), single)
        yield f"user names {user!r}, which {there}{hint}: allowed are {listing(single)}"
    columns = [column for each in fields for column in each.reads()]
    yield from faults_of_histories(stated.histories, single, [*columns, *names_of(fields), *known])


def _shape(what: str, stated: Any, kind: type, allowed: str) -> Iterator[str]:
    """Yield faults unless there is a sequence of declarations with names."""
    if isinstance(stated, str) or not isinstance(stated, Sequence):
        yield f"`{what}` is {short(stated)}: let it be a tuple of {allowed}"
        return
    for each in stated:
        if not isinstance(each, kind):
            yield f"`{what}` holds {short(each)}: allowed are {allowed}"
        elif not isinstance(each.name, str) or not each.name:  # type: ignore[attr-defined]
            yield f"`{what}` holds {short(each)}: give it a name"


def _columns(fields: Sequence[FieldKind], hidden: set[str], holds_bags: bool) -> Iterator[str]:
    """Yield faults of the columns that fields read."""
    words = {"code": "a category", "text": "a category", "number": "a number", "bag": "a bag"}
    taken: dict[str, str] = {}
    for each in fields:
        for column, read in each.reads().items():
            what = words[read.how] + (f", {read.missing} where blank" if read.missing is not None else "")
            if column in hidden:
                yield f"field {each.name!r} reads {column!r}, which is a label, or not a column of fields"
            if taken.setdefault(column, what) != what:
                yield f"field {each.name!r} reads {column!r} as {what}, another field as {taken[column]}"
            if read.how == "bag" and not holds_bags:
                how = "define `values(db, field)`, with a row for each value: columns `bag` and `value`"
                yield f"field {each.name!r} holds bags: {how}"


def label_faults(label: Label, known: Mapping[str, Label]) -> Iterator[str]:
    """Yield the faults of a label among all labels by name; each begins with an attribute."""
    if label.kind not in kind_names():
        near = did_you_mean(label.kind, kind_names())
        yield f"kind is {label.kind!r}{near}: allowed are {listing(kind_names())}"
    for relation, other in (("after", label.after), ("given", label.given)):
        if other is not None and other not in known:
            yield f"{relation} names {other!r}, which is not a label{did_you_mean(str(other), known)}"
    if label.name in before(label, known):
        yield "after or given leads back to this label: take one of them out"
    if label.given is not None and label.given in known and not is_event(known[label.given].kind):
        yield f"given names {label.given!r}, which is not a label of 0 and 1"


def is_event(kind: str) -> bool:
    """Return whether labels of a kind are 0 and 1; False where no kind has the name."""
    return kind in kind_names() and task_kind(kind).two_classes


def before(label: Label, known: Mapping[str, Label]) -> set[str]:
    """Return the labels that precede a label, directly or indirectly."""
    found: set[str] = set()
    ahead = [label]
    while ahead:
        one = ahead.pop()
        near = {name for name in (one.after, one.given) if name is not None and name in known} - found
        found |= near
        ahead += [known[name] for name in near]
    return found
