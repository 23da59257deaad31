"""The layout of a dataset: what its declarations and settings say about columns, derived once."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

from automtl_core.dataset.declarations import History, names_of
from automtl_core.fields.encode import AGE, OWN
from automtl_core.fields.field import FieldKind, Read

MOMENT = f"{OWN}moment"
"""Name of the times of rows among their columns."""
Fields = tuple[FieldKind, ...]
CODED = ("code", "bag", "owner", "rank")
NUMBERS = ("number", "label", "moment")


class ExampleColumn(NamedTuple):
    """A column of the table `examples` of preparation."""

    source: str
    """Name in the dataset's rows."""
    how: Literal[
        "code", "bag", "number", "label", "owner", "rank", "part", "text",
        "time", "outcome", "measure", "list", "weight", "moment",
    ]  # fmt: skip
    """Content. Of fields: codes, codes of bags, numbers, and texts. The owners of histories, and `rank`, the
    time of a split by time, are codes too. Of events that are rows: their times, outcomes and numbers; `list`
    is a list of events. `moment` is the time by which rows are told apart, null where it is none."""
    missing: float | None = None
    """Replacement for a missing number."""


def key_of(what: Literal["outcome", "given", "time", "list", "weight", "owner"], name: str) -> str:
    """Return the name in `examples` of a column that is no field, label or part.

    Or the key in a chunk of a label as it is given, also where a weight of 0 takes it out.
    """
    return f"{OWN}{what} {name}"


def reads_of(fields: Iterable[FieldKind]) -> dict[str, Read]:
    """Return the columns that fields read; the first field that reads a column defines its `Read`."""
    found: dict[str, Read] = {}
    for each in fields:
        found |= {column: read for column, read in each.reads().items() if column not in found}
    return found


class Layout:
    """The columns of a dataset under its settings.

    Args:
        dataset: A `Dataset`.

    """

    def __init__(self, dataset: Any) -> None:
        chosen, named = dataset.settings, dataset.settings.weights
        self.time: str | None = dataset.time
        self.time_column: str | None = dataset.time_column
        self.sparse: Fields = tuple(each for each in dataset.fields if each.gives != "numbers")
        self.dense: Fields = tuple(each for each in dataset.fields if each.gives == "numbers")
        """The fields of ids and bags, and the numeric ones, in the order of the columns of a batch."""
        self.reads = reads_of(dataset.fields)
        """The columns that fields read."""
        self.labels = tuple(one for one in dataset.labels if not chosen.tasks or one.name in chosen.tasks)
        """The labels that the settings select, in the order of the dataset."""
        tasks = names_of(self.labels)
        weights = dict.fromkeys(tasks, named) if isinstance(named, str) else named or {}
        self.weights = {task: weights[task] for task in tasks if task in weights}
        """Learned task -> column of its weights; without those that have none."""
        self.weight_keys = {task: key_of("weight", column) for task, column in self.weights.items()}
        """Learned task -> name of its weights in `examples`."""
        self.histories: tuple[History, ...] = tuple(
            replace(one, length=chosen.history_length, delay=chosen.history_delay, lists=_with_ages(one))
            for one in dataset.histories
            if chosen.history_length and (one.lists or chosen.split != "random")
        )
        self.logged = [one for one in self.histories if not one.lists]
        """The histories whose events are no lists in rows."""
        self.ranked = self.time if chosen.split == "time" else None
        """The time of a split by time."""
        self.lists: list[str] = chosen.list.columns(dataset.user) if chosen.list else []
        """The columns whose values the rows of a list share; none without lists."""
        timed = chosen.list and (chosen.list.timed or chosen.split == "time" or self.logged)
        self.times = [self.time] if timed and self.time else []
        """The column with the times of rows in lists; none if they are not needed."""
        self.part: str | None = dataset.part
        self.hashed: Mapping[str, int] = chosen.hashed

    def time_of(self, history: History) -> str:
        """Return the column of files with the time of rows and events."""
        return self.time_column or history.time if history.time == self.time else history.time

    def owner(self, column: str) -> str:
        """Return the name in `examples` of the owners of histories or lists: the field, unless hashed."""
        reads = (each.reads().get(column) for each in self.sparse)
        is_field = any(read is not None and read.how == "code" for read in reads)
        return column if is_field and column not in self.hashed else key_of("owner", column)

    @cached_property
    def identity(self) -> dict[str, Read]:
        """The columns whose values tell rows apart, beside the time."""
        times = (self.time, self.time_column)
        reads = {n: read for n, read in self.reads.items() if read.how != "text" or n not in times}
        reads = dict.fromkeys(self.lists, Read()) | reads
        return reads | {label.name: Read("number") for label in self.labels}

    @cached_property
    def columns(self) -> dict[str, ExampleColumn]:
        """The columns of `examples` by their names there; the first one decides."""
        reads = [pair for field in (*self.sparse, *self.dense) for pair in field.reads().items()]
        rows = [(history.outcomes, n) for history in self.logged if history.of_rows for n in history.numeric]
        numbers = [(n, "outcome" if n in outcomes else "measure") for outcomes, n in rows]
        owners = [*(history.by for history in self.logged), *self.lists]
        times = [*(history.time for history in self.logged), *self.times]
        found: list[tuple[Any, ...]] = [
            *((name, name, read.how, read.missing) for name, read in reads if read.how != "text"),
            *((label.name, label.name, "label") for label in self.labels),
            *((key_of("weight", column), column, "weight") for column in self.weights.values()),
            *((self.owner(owner), owner, "owner") for owner in owners),
            (self.ranked, self.ranked, "rank"),
            (self.part, self.part, "part"),
            *((read.key(name), name, "text") for name, read in reads if read.how == "text"),
            *((key_of("time", time), time, "time") for time in times),
            *((key_of("outcome", n), n, how) for n, how in numbers),
            *((key_of("list", n), n, "list") for one in self.histories for n in one.lists.values()),
            (MOMENT, self.time, "moment"),  # the last one: it changes the order of no rows that differ
        ]
        columns: dict[str, ExampleColumn] = {}
        for key, source, *content in found:
            if source:
                columns.setdefault(key, ExampleColumn(source, *content))
        return columns

    def keys(self, *how: str) -> list[str]:
        """Return the names in `examples` of the columns with some contents."""
        return [key for key, column in self.columns.items() if column.how in how]


def _with_ages(history: History) -> dict[str, str]:
    """Return the lists of a history with the reserved key of ages in place of `age`, if that is no field."""
    return {
        AGE if key == "age" and key not in history.fields else key: name
        for key, name in history.lists.items()
    }
