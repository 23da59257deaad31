"""The settings of `table`, which a user writes: the meaning of the columns in files of the user."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic_core import PydanticCustomError

from automtl_core.plugin import (
    DatasetSettings,
    Label,
    Scaling,
    Settings,
    Takes,
    did_you_mean,
    is_event,
    kind_names,
    label_faults,
    listing,
    source_of,
)


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError(
            "quotes", "write texts in quotes: YAML takes a bare yes, no, 1 or 2024-01-31 for something else"
        )
    return value


def _by_name(default: object) -> BeforeValidator:
    """Return a validator that turns one name, or a list of names, into a mapping."""

    def mapping(value: object) -> object:
        if isinstance(value, str) and ", " in value:
            raise PydanticCustomError("names", "write a list: [{names}]", {"names": value})
        names = [value] if isinstance(value, str) else value
        if isinstance(names, Mapping):
            return {_text(name): default if one is None else one for name, one in names.items()}
        if not isinstance(names, list | tuple):
            return value
        return dict.fromkeys(_once([*map(_text, names)]), default)

    return BeforeValidator(mapping)


def _once(names: Collection[Any]) -> Collection[Any]:
    """Check that no name occurs twice."""
    for name, times in Counter(names).items():
        if times > 1:
            raise PydanticCustomError("twice", "name {name} once", {"name": repr(name)})
    return names


def _encoding(value: str) -> str:
    """Check that an encoding extends ASCII."""
    with suppress(LookupError, TypeError, ValueError):
        if "a,\n".encode(value) == b"a,\n":
            return value
    raise PydanticCustomError("encoding", "name an encoding that extends ASCII, such as cp1252 or gb18030")


Text = Annotated[str, BeforeValidator(_text)]
FILES = "a text, a list of texts, or a mapping of parts to lists of texts"
NAMES = "a list of names, or a mapping of names to "
Part = Literal["all", "train", "validation", "test"]
Separator = Annotated[Text, Field(min_length=1)]
Name = Annotated[str, Field(min_length=1)]
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Unit of times that are numbers -> seconds."""
T = TypeVar("T")
ByName = Annotated[dict[str, T], _by_name({}), Takes(f"{NAMES}settings")]
ByPart = BeforeValidator(lambda value: value if isinstance(value, Mapping) else {"all": value})
"""Files by their part; `all` for files that are split."""
Listed = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
Texts = Annotated[tuple[Text, ...], Listed, Takes("a text or a list of texts")]
Patterns = Annotated[tuple[Text, ...], Listed, Field(min_length=1)]


class NumberColumn(Settings):
    """Settings of a numeric field."""

    removed: ClassVar = {"buckets": None}
    instead: ClassVar = {"buckets": "features.numbers: bins"}

    scaling: Scaling = "standard"
    """Scaling. standard: to mean 0 and deviation 1. minmax: to [0, 1]. log: sign(x) log(1 + |x|)
    to mean 0 and deviation 1. none: no scaling. Networks read a number beyond 8 deviations as one of 8."""
    missing: float | None = Field(None, ge=-1e38, le=1e38)
    """Number that replaces a blank. null: a blank stays missing, see `features.numbers`."""


class LabelColumn(Settings):
    """Settings of a label. A blank is a missing label: the row does not count for the task."""

    kind: str = "binary"
    """Kind of task, see `automtl list task-kinds`. binary: labels are 0 and 1. regression: labels are
    numbers. poisson: labels are counts or amounts from 0. censored: labels are times, where -t means longer
    than t."""
    positive: tuple[Text, ...] = ()
    """Texts that mean 1, such as ["yes"]; all other texts mean 0. Without this setting, labels must be 0 or
    1."""
    column: str | None = None
    """Column of the label. null: it has the name of the label. A label such as `action=buy` is the column
    `action`, and 1 where it holds `buy`; a column whose own name holds `=` is named here."""
    after: str | None = None
    """Label of the action that comes before this one, as a click before a purchase."""
    given: str | None = None
    """Label that must be 1 for this label to count; in other rows this label is missing."""


class HistoryColumns(Settings):
    """The history of a row: earlier events of its user."""

    files: Texts = ()
    """File names or patterns of a log of events, with the columns of the user, the time, and those below.
    Without this setting, the events are the rows of the table."""
    fields: tuple[Text, ...] = ()
    """Categorical fields that events have too. Without this setting, all but the user."""
    outcomes: tuple[Text, ...] = ()
    """Columns with 0 or 1 that tell what was done: of rows, binary labels. `event=buy` is 1 where the column
    `event` holds `buy`. Without this setting, all binary labels."""
    numbers: ByName[NumberColumn] | None = None
    """Numeric columns of events, such as the time of play, with the settings of `dense`.
    Without this setting, all number labels."""
    lists: dict[str, Text] = Field(default_factory=dict)
    """Lists of events that the rows hold themselves, the earliest event first: categorical field, outcome,
    number or `age` (the time since the event; `automtl:age` if a field is called `age`) -> column, such as
    {item_id: last_items, click: last_clicks}. All lists of a row are equally long. No other setting but
    `numbers` and `separator` is then needed."""
    separator: Separator = "|"
    """Separator of the entries of lists in delimited text."""


class VectorFile(Settings):
    """A file of pretrained vectors of the values of a column."""

    removed: ClassVar = {"ids": None}
    instead: ClassVar = {"ids": "a file with a column of values and one of vectors, such as Parquet"}

    file: Text
    """File name in the folder of the raw files: Parquet or delimited text with a row for each value."""
    id: Text | None = None
    """Column with the values. null: it has the name of the column of the table."""
    vector: Text = "vector"
    """Column with the vectors: lists, or in delimited text numbers with `|` between them."""

    @model_serializer(mode="wrap")
    def _with_removed(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Return the settings as earlier versions wrote them, since prepared data has their digest."""
        return {"ids": None, **handler(self)}


NamedFile = Annotated[VectorFile, BeforeValidator(lambda v: {"file": v} if isinstance(v, str) else v)]


class FieldOfKind(Settings):
    """A field of a kind that is named; each other key is a setting of the kind."""

    model_config = ConfigDict(extra="allow")

    kind: str
    """Name of the kind, see `automtl list field-kinds`. Each other key is a setting of the kind."""


class TableSettings(DatasetSettings):
    """Settings of `table`. A column has one role; columns without a role are not read."""

    files: Annotated[dict[Part, Patterns], ByPart, Takes(FILES)] = Field(default_factory=dict)
    """File names or patterns in the folder of the raw files: one, a list, or a mapping by part such as
    {train: a.csv, test: b.csv}. A part that is not named is split from `train`."""
    columns: Annotated[tuple[Text, ...], AfterValidator(_once)] = ()
    """Names of all columns in their order, for files without a header."""
    separator: str | None = Field(None, min_length=1, max_length=1)
    """Character between values. null: a tab in files that end in .tsv or .tab, and a comma in other files."""
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    """Encoding of rows that are not UTF-8, such as cp1252, that of Western Europe in Windows. null: such rows
    are faults. UTF-16 with a byte order mark is read without this setting."""
    blanks: Texts = ()
    """Texts that are blanks in all columns, such as [NA, "-"], besides empty ones."""
    sparse: Annotated[
        dict[str, Literal["text", "integer"]], _by_name("text"), Takes(f"{NAMES}text or integer")
    ] = Field(default_factory=dict)
    """Categorical fields. text: any values. integer: a value that is not an integer is a fault."""
    dense: ByName[NumberColumn] = Field(default_factory=dict)
    """Numeric fields."""
    multi: Annotated[dict[str, Separator], _by_name("|"), Takes(f"{NAMES}separators")] = Field(
        default_factory=dict
    )
    """Multi-valued fields, with the separator between values; `|` if none is named."""
    fields: dict[str, FieldOfKind] = Field(default_factory=dict)
    """Fields of any kind, such as that of a plugin. They may also read columns of `sparse`, `dense` and
    `multi`."""
    vectors: Annotated[dict[str, NamedFile], Takes("a mapping of columns to files")] = Field(
        default_factory=dict
    )
    """Pretrained vectors of the values of a column, such as {item_id: items.parquet}. They are a field
    `item_id:vector`, beside `item_id`, or in place of it if `sparse` does not name it. A value that no
    training row has is known by its vector."""
    labels: ByName[LabelColumn] = Field(default_factory=dict)
    """Labels: the columns to predict. `action=buy` is 1 where the column `action` holds `buy`, so that one
    column of actions gives several labels."""
    user: Name | None = None
    """Categorical field of the users, for a split by user, and for metrics by user such as GAUC."""
    time: Name | None = None
    """Column of the time, for a split by time: numbers, or dates such as 2024-01-31 23:59:59."""
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    """Unit of times that are numbers: seconds, milliseconds, microseconds or nanoseconds. It gives the length
    of durations such as 30m in `list`, and of the days of `features.refresh`."""
    history: HistoryColumns | None = None
    """History of each row: the earlier events of its user. Needs `user`, `time`, and a split by time or by
    user."""
    duplicates: Literal["keep", "drop"] = "keep"
    """Treatment of rows that are equal in all columns named here. keep: they are separate events; a random
    split may put equal rows into both training and test. drop: only one of them is kept."""

    def faults(self) -> Iterator[str]:
        """Yield a sentence for each contradiction of settings, which begins with a key."""
        yield from self._file_faults()
        yield from self._label_faults()
        if self.user is not None and self.user not in self.sparse:
            yield f"user names {self.user!r}, which is not in `sparse`{did_you_mean(self.user, self.sparse)}"
        yield from self._history_faults()
        for way, column in (("user", self.user), ("time", self.time)):
            if self.split == way and column is None:
                yield f"split: {way} needs a column; name it by dataset.{way}"

    def flags(self) -> tuple[str, ...]:
        """Return the labels of 0 and 1."""
        return tuple(name for name, label in self.labels.items() if is_event(label.kind))

    def numbers_of_events(self) -> Mapping[str, NumberColumn]:
        """Return the numeric columns of events, number labels unless the settings name some."""
        of = self.history or HistoryColumns()
        if of.numbers is not None or of.files or of.lists:
            return of.numbers or {}
        return {name: NumberColumn() for name in self.labels if name not in self.flags()}

    def _history_faults(self) -> Iterator[str]:
        if self.history is None:
            return
        for name in self.history.numbers or {}:
            if self.history.lists and name not in self.history.lists:
                yield f"history.numbers names {name!r}, which is not in history.lists; name its list"
        if self.history.lists:
            for name in ("files", "fields", "outcomes"):
                if getattr(self.history, name):
                    yield f"history has both lists and {name}; take one out"
            return
        for key, column in (("user", self.user), ("time", self.time)):
            if column is None:
                yield f"history needs dataset.{key}; name the column"
        if self.split == "random":
            yield "history needs a split by time or by user; set dataset.split: time"
        sources, flags = [source_of(name) for name in self.history.outcomes], self.flags()
        for column, text in sources:
            if text is not None and (column, None) in sources:
                yield f"history.outcomes names {column!r} beside {f'{column}={text}'!r}; name texts only"
        for name in () if self.history.files else self.history.outcomes:
            if name not in flags and source_of(name)[1] is None:
                yield (
                    f"history.outcomes names {name!r}, which is not a binary label"
                    f"{did_you_mean(name, flags)}; name one, or a text of a column, such as `{name}=buy`"
                )

    def declared(self) -> tuple[Label, ...]:
        """Return the labels, as a dataset declares them."""
        found = []
        for name, one in self.labels.items():
            column, text = (one.column or name, None)
            if one.column is None and name not in self.columns:
                column, text = source_of(name)
            texts = one.positive if text is None else (text,)
            source = column if column != name else ""
            found.append(Label(name, one.kind, one.after, one.given, positive=texts, column=source))
        return tuple(found)

    def _file_faults(self) -> Iterator[str]:
        if "all" in self.files and len(self.files) > 1:
            yield "files: `all` is split into all parts, so no other part is possible; name the files `train`"
        if self.files and not {"all", "train"} & self.files.keys():
            yield "files: the part `train` is missing; name its files"
        for key, pattern in self._patterns():
            path = PurePath(pattern)
            wrong = any(part == ".." or ("**" in part and part != "**") for part in path.parts)
            if path.is_absolute() or not path.name or wrong:
                yield f"{key}: {pattern!r} is no name or pattern of files in the folder that `data_dir` names"

    def _patterns(self) -> Iterator[tuple[str, str]]:
        """Yield all names and patterns of files with their keys."""
        yield from (("files", each) for patterns in self.files.values() for each in patterns)
        if self.history is not None:
            yield from (("history.files", each) for each in self.history.files)
        yield from ((f"vectors.{name}.file", one.file) for name, one in self.vectors.items())

    def _label_faults(self) -> Iterator[str]:
        known = {label.name: label for label in self.declared()}
        kinds: dict[str, set[str]] = {}
        for one in known.values():
            kinds.setdefault(one.source, set()).add(one.kind if not one.positive else "text")
        for name, label in self.labels.items():
            key = f"labels.{name}"
            texts, column = known[name].positive, known[name].source
            yield from (f"{key}.{fault}" for fault in label_faults(known[name], known))
            if texts and label.kind in kind_names() and not is_event(label.kind):
                yield f"{key} names texts of a label of 0 and 1, but its kind is {label.kind}; take one out"
            if label.positive and texts != label.positive:
                yield f"{key}.positive: the name of the label says {texts[0]!r} already; take it out"
            if len(reads := kinds[column]) > 1:
                kind = listing(reads - {"text"})
                yield f"{key}: another label reads {column!r} as {kind}; name texts in both"
            if both := [text for text in texts if text in self.blanks]:
                yield f"{key}.positive and blanks name {both[0]!r}; take it out of one of them"
