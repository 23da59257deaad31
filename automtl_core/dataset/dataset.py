"""The interface of datasets: raw files, and the rows made from them.

An adapter holds declarations; `automtl_core.data` reads files, splits rows, fits encoders and stores arrays.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

import duckdb
import pandas as pd
from pydantic import Field
from typing_extensions import TypeVar

from automtl_core.dataset.declarations import (
    History as History,
    Label as Label,
    faults_of,
    names_of as names_of,
    source_of,
)
from automtl_core.dataset.layout import Layout, reads_of as reads_of
from automtl_core.dataset.lists import Named
from automtl_core.dataset.moments import Moment
from automtl_core.dataset.schema import DenseField, FieldForm, Pretrained, Schema, SparseField, Task
from automtl_core.errors import PluginError
from automtl_core.fields.encode import LARGEST as LARGEST, FieldEncoder, event_columns
from automtl_core.fields.field import FieldKind as FieldKind, Read as Read
from automtl_core.fields.kinds import FIELDS
from automtl_core.fields.numeric import Dense as Dense, Scale, Scaling as Scaling
from automtl_core.fields.sparse import Bag as Bag, Sparse as Sparse
from automtl_core.fields.vectors import VectorIds, Vectors as Vectors
from automtl_core.settings.settings import Configured, Settings
from automtl_core.settings.words import Takes
from automtl_core.system.documents import Value

KindOf = Callable[[str], type[FieldKind]]
"""Function that returns the kind of field of a name."""


Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Column(Value):
    """Declared values of a raw column. A blank becomes NULL."""

    kind: Literal["text", "integer", "number", "time", "vector", "unused"] = "text"
    """Type of the values; values that are not integers, or not numbers up to `LARGEST`, are faults. A time is
    the text of such a number or of a date, see `fields.encode.seconds`. A vector is a list of numbers, in
    delimited text with `separator`. Unused columns are not read."""
    among: tuple[str, ...] = ()
    """Allowed values; empty for any."""
    matching: str = ""
    """Regular expression for a whole value, in the common syntax of RE2 and Python; empty for any."""
    remedy: str = ""
    """Remedy if many rows hold other values, in place of the repair of a row; `{value}` is the first one."""
    separator: str = ""
    """Separator of multi-valued texts. A list in a Parquet file becomes such a text."""
    optional: bool = False
    """Whether a file with a header may lack the column; all its values are then blank."""
    blanks: tuple[str, ...] = ()
    """Texts that are blanks too, such as `NA`; in columns of numbers also the numbers that they write."""
    required: bool = False
    """Whether a blank is a fault."""
    setting: str = ""
    """The setting that names the column, for the remedy if a file lacks it."""

    @property
    def anything(self) -> bool:
        """Whether every value is allowed."""
        plain = self.kind == "text" and not self.among and not self.matching
        return self.kind == "unused" or (plain and not self.required)


TEXT, INTEGER, NUMBER, UNUSED = Column(), Column("integer"), Column("number"), Column("unused")
BIT = Column("integer", ("0", "1"))
NOT_NEGATIVE = "[^-].*"
"""Pattern of numbers from 0 on."""
FLAG = Column("number", ("0", "1", "0.0", "1.0"))
"""A 0 or 1 as data frames write it: with blanks, integers become floats."""
WEIGHT = Column(
    "number",
    matching=NOT_NEGATIVE,
    remedy="write a number from 0 on in each row; 0 takes a row out of the training",
    required=True,
)


def label_column(label: Label, flag: Column = FLAG) -> Column:
    """Return the raw column of a label that is a number, with the form of the values of its kind.

    Args:
        label: The label.
        flag: Column of labels 0 and 1.

    """
    kind = label.type
    if kind.two_classes:
        return flag
    sign = "" if kind.low >= 0 else "-?"
    form = rf"{sign}[0-9]+([.]0*)?" if kind.whole else NOT_NEGATIVE if kind.low >= 0 else ""
    return Column("number", matching=form)


@dataclass(frozen=True)
class RawFile:
    """One raw table in its published format: delimited text, plain or as .gz or .zst, or Parquet."""

    path: str
    """Path relative to the folder of the dataset; may be a pattern such as `log-*.csv`."""
    columns: Mapping[str, Column]
    """All columns, in order."""
    header: bool = True
    """Whether the first line holds column names."""
    others: bool = False
    """Whether the header may have another order, and further columns, which are not read."""
    separator: str = ""
    """Character between values; empty for a tab in .tsv and .tab, and for a comma in other files."""
    encoding: str = ""
    """Encoding of rows that are not UTF-8, such as `cp1252`; empty if they are faults."""
    cut_tail: bool = False
    """Whether published copies end in a truncated line, which is then skipped."""
    alone: bool = False
    """Whether the pattern may match one file only, as for datasets whose copies have different folder
    names."""
    rows: int | None = None
    """Rows of the complete file; None where unknown."""

    def __post_init__(self) -> None:
        name = self.path.removesuffix(".gz").removesuffix(".zst")
        usual = "\t" if name.endswith((".tsv", ".tab")) else ","
        object.__setattr__(self, "separator", self.separator or usual)


class DatasetSettings(Settings):
    """Settings of every dataset; the settings of a dataset extend them."""

    split: Literal["random", "time", "user"] = "random"
    """Division of rows into training, validation and test. random: at random. time: the latest rows are for
    the test, and those before them for validation. user: all rows of a user are in the same part. A dataset
    that its publisher has split keeps that test part."""
    validation_fraction: float = Field(0.1, gt=0, lt=0.5)
    """Share of the rows for validation."""
    test_fraction: float = Field(0.1, gt=0, lt=0.5)
    """Share of the rows for the test."""
    validation_from: Moment | None = None
    """Time of the first validation row, under a split by time, in place of `validation_fraction`: a number in
    the unit of the times, or a date. Needs `test_from`."""
    test_from: Moment | None = None
    """Time of the first test row, under a split by time, in place of `test_fraction`."""
    split_seed: int = Field(0, ge=0)
    """Seed of the random split. It is separate from the seed of the run, so that runs with different seeds
    use the same rows. Under a split by time, the number of the window: 0 has the latest rows for the test, 1
    those before them, and so on; rows later than its test part are left out."""
    min_count: Count | dict[str, Count] = 1
    """Minimum number of training rows of a categorical value. Rarer values become unseen ids. A mapping
    such as {item_id: 2} is about the fields that it names."""
    max_vocabulary: int | None = Field(None, ge=1)
    """Maximum vocabulary size of a categorical field; null for no limit. The most frequent values are kept,
    and the others become unseen ids."""
    hashed: dict[str, Annotated[int, Field(ge=1, le=100_000_000)]] = Field(default_factory=dict)
    """Categorical field -> number of buckets for hashing its values, in place of a vocabulary."""
    history_length: int = Field(50, ge=0)
    """Maximum number of earlier events in the history of a row; 0 for none. Under a random split, only lists
    in the rows are histories, because others would show labels of test rows to training rows."""
    history_delay: float = Field(0.0, ge=0)
    """Time after which an event is known, in the unit of the times of the dataset. Later events are not part
    of a history."""
    label_delay: float = Field(0.0, ge=0)
    """Time after which the labels of a row are known, in the unit of the times of the dataset. Aggregates
    use earlier labels only."""
    tasks: tuple[str, ...] = ()
    """Tasks to learn; all tasks of the dataset if none are named."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """Treatment of a row of a raw file that does not match the declared columns. fail: an error. skip: the
    row is left out and listed."""
    max_bad_rows: int = Field(100, ge=0)
    """Maximum number of rows to leave out with `bad_rows: skip`. More are an error."""
    list: Named | None = None
    """Rows that are ranked against each other at one moment. A column or several: rows with equal values,
    such as those of a request. {user, gap: 30m}: rows of a user without such a gap between them. {user,
    every: 1d}: rows of a user in a day. user: rows of a user in a period as long as the test part, under a
    split by time. Histories and aggregates of all rows of a list are as of its beginning; the split cuts no
    list, and metrics by user are by list. null: each row is seen at its own time."""
    weights: Annotated[str | dict[str, str], Takes("a column or a mapping of tasks to columns")] | None = None
    """Column with the weights of rows, or a mapping such as {click: click_weight} with a column for each task
    that it names. Weights are numbers from 0 on: a training row of weight 2 counts as two rows, and one whose
    weights are all 0 is left out. null: all weights are 1."""

    def min_count_of(self, field: str) -> int:
        """Return the minimum number of training rows of a value of a field."""
        return self.min_count if isinstance(self.min_count, int) else self.min_count.get(field, 1)


D = TypeVar("D", bound=DatasetSettings, default=DatasetSettings, covariant=True)


class Dataset(ABC, Configured[D]):
    """A multi-task dataset; `class Mine(Dataset[MySettings])` defines the attributes below and `rows`.

    Args:
        settings: An instance of its settings class.
        kind_of: Function that returns the kind of field of a name, for datasets whose settings name kinds.

    """

    settings_class: ClassVar[type[DatasetSettings]] = DatasetSettings
    version: ClassVar[int]
    """Version, increased when the same files and settings result in other rows, fields or tasks."""
    source: ClassVar[str] = ""
    """Source of the raw files, such as a web address."""
    licence: ClassVar[str] = ""
    """Licence of the data."""
    preparation: ClassVar[str] = ""
    """Description of the preparation in a few lines; that of the paper if there is a paper."""

    fields: Sequence[FieldKind] = ()
    """Input fields; in a batch, sparse fields and dense fields have this order. This and the next ones are
    attributes of the class, or are set by `declare` if they depend on settings."""
    labels: Sequence[Label] = ()
    """Labels to predict."""
    user: str | None = None
    """The sparse field of user ids; None without one, so that there is no split and no metric by user."""
    time: str | None = None
    """Column of `rows` that orders examples, not a field; None if no split by time is possible."""
    time_column: str | None = None
    """Column of files with the time of rows and events, if it is not called as `time`."""
    time_unit: float = 1.0
    """Seconds of the unit of times that are numbers, such as 0.001 for milliseconds."""
    part: str | None = None
    """Column of `rows` with `train`, `validation` or `test`, if the publisher has split the data. A
    validation part is drawn from `train` if none is published."""
    histories: Sequence[History] = ()
    """Histories of the rows; `length` and `delay` are set by the settings."""

    def __init__(self, settings: D, kind_of: KindOf = FIELDS.__getitem__) -> None:
        """Store the settings.

        Raises:
            PluginError: the fields or labels under these settings are not consistent.

        """
        self.settings, self.kind_of = settings, kind_of
        self.declare()
        if faults := declaration_faults(self):
            raise PluginError(
                f"{type(self).__name__}: {'; '.join(faults)}", "correct the declarations of the dataset"
            )

    @cached_property
    def layout(self) -> Layout:
        """The columns under the settings."""
        return Layout(self)

    def declare(self) -> None:
        """Set the declarations that depend on `settings`; by default there are none."""
        return

    def files(self) -> Mapping[str, RawFile]:
        """Return the raw files for these settings, by the name of their table."""
        return {}

    @abstractmethod
    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation | pd.DataFrame:
        """Return one row for each example, in any order, without exact duplicates of raw rows.

        Columns: sparse fields as text or integers (null or an empty text where unknown, which gets the unseen
        id); multi-valued fields as the text or integer of a bag, see
        `values`; lists of a history as lists of such values, null where unknown; dense fields as numbers
        (null where unknown); labels as 0 or 1, or as numbers, null where an example lacks the label; the
        columns of `time` (numbers or timestamps), `part`, and weights. Other columns are ignored.

        Args:
            db: Database with a table for each of `files()`; integers are BIGINT, numbers DOUBLE.

        """

    def events(self, db: duckdb.DuckDBPyConnection, history: str) -> duckdb.DuckDBPyRelation:
        """Return the event log of a history whose events are not the rows, with the columns of the history.

        Values are as in `rows`; outcomes are 0, 1 or null, and other numbers finite or null. The time has the
        type of that of the rows: a number, a timestamp, or a timestamp with time zone.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define the events of {history!r}")

    def values(self, db: duckdb.DuckDBPyConnection, field: str) -> duckdb.DuckDBPyRelation:
        """Return the values of a field of bags: columns `bag` and `value`, one row per value, in any order.

        A bag is identified by its entry in the column `field` of `rows`, so that rows may share one.
        """
        raise NotImplementedError(f"{type(self).__name__} has a field of bags, but does not define `values`")

    def vectors(self, db: duckdb.DuckDBPyConnection, field: str) -> duckdb.DuckDBPyRelation:
        """Return the pretrained vectors of a field of kind `Vectors`: columns `id` and `vector`, unsorted.

        `id` is a text or an integer, as in `rows`; `vector` is a list of as many numbers in each row.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define the vectors of {field!r}")

    def new_file(self, path: str, labelled: bool) -> RawFile:
        """Return the format of files of new examples, for prediction or, if `labelled`, for a test.

        By default: one column for each field, and one for each label, by name and in any order; numeric
        columns with a replacement for missing values are optional. A bag is a text with separators, in
        Parquet files a list.

        Args:
            path: File name or pattern, relative to its folder.
            labelled: Whether the files have labels.

        """
        columns = {column: column_of(read) for column, read in self.layout.reads.items()}
        if labelled:
            columns |= {label.name: label_column(label, BIT) for label in self.layout.labels}
        return RawFile(path, columns, others=True)

    def event_file(self, path: str, history: History) -> RawFile:
        """Return the format of files of events up to now, for the histories of new examples.

        By default: a column for the owner, the time, and each column of events, by name and in any order.
        Those that are labels are written as in files of labelled examples.

        Args:
            path: File name or pattern, relative to its folder.
            history: A history whose events are not lists in rows.

        """
        raw = {name: column for file in self.files().values() for name, column in file.columns.items()}
        columns = event_columns_of(self, history, raw)
        return RawFile(path, columns, others=True)

    def new_rows(self, rows: pd.DataFrame, labelled: bool) -> pd.DataFrame:
        """Return new examples from the rows of a file in the format of `new_file`, in the same order.

        By default, texts of labels become 1 where they are among `Label.positive`, and labels become NaN
        where their `given` is not 1. A run of a dataset that overrides this needs its plugin to predict.

        Args:
            rows: Some of the rows of a file or of a frame, not to be modified. Numeric columns are floats;
                all others, including integers, are text; a missing value is NaN or None.
            labelled: Whether there are labels.

        """
        if not labelled:
            return rows
        numbers: dict[str, pd.Series[Any]] = {}
        for label in (label for label in self.labels if label.source in rows):
            column = rows[label.source]
            if label.positive:
                numbers[label.name] = column.isin(label.positive).astype(float).where(column.notna())
            else:
                numbers[label.name] = column.astype(float)
        given = {label.name: label.given for label in self.labels if label.given in numbers}
        return rows.assign(
            **{n: v.where(numbers[given[n]] == 1) if n in given else v for n, v in numbers.items()}
        )

    def content(self) -> Any:
        """Return data that rows depend on in addition to raw files and settings, as JSON; None for none.

        A digest of it is part of the fingerprint of prepared data. A dataset without raw files must define
        it: otherwise two datasets with different rows would share prepared data.
        """
        return None


def event_columns_of(dataset: Dataset, history: History, raw: Mapping[str, Column]) -> dict[str, Column]:
    """Return the columns of files of events: the owner, the time, and those of `History.fields`.

    Args:
        dataset: The dataset.
        history: One of its histories, without lists.
        raw: The columns of its raw files, which tell integers from texts.

    """
    shared = (history.by, *history.shared)
    columns = {name: INTEGER if raw.get(name, TEXT).kind == "integer" else TEXT for name in shared}
    columns[dataset.layout.time_of(history)] = Column("time", required=True)
    labels = {label.name: label for label in dataset.labels} if history.of_rows else {}
    given = [labels[name].given for name in history.numeric if name in labels]
    numbers = {number.name: column_of(number.reads()[number.name]) for number in history.numbers}
    for name in (*history.numeric, *filter(None, given)):
        column, text = (name, None) if name in numbers else source_of(name)
        kind = numbers.get(name, FLAG if text is None else TEXT)
        if name in labels:
            column, kind = labels[name].source, TEXT if labels[name].positive else kind
        columns.setdefault(column, kind)
    return columns


def columns_of_lists(histories: Iterable[History]) -> dict[str, Column]:
    """Return the list columns of rows: columns of events and ages, the earliest event first."""
    return {
        name: Column(separator=history.separator)
        for history in histories
        for name in event_columns(history.to_json())
    }


def declaration_faults(dataset: type[Dataset] | Dataset) -> list[str]:
    """Return the faults of a dataset's declarations; of a class only if they do not depend on settings.

    The registry checks each class, and `Dataset.__init__` each adapter.
    """
    own = dataset if isinstance(dataset, type) else type(dataset)
    faults = [] if isinstance(getattr(own, "version", None), int) else ["`version` has to be a whole number"]
    if dataset is own:
        stated = [own.fields, own.labels, own.user, own.time, own.part, own.histories]
        if own.declare is not Dataset.declare or any(hasattr(value, "__get__") for value in stated):
            return faults  # they depend on settings
        faults += [f"`{name}` is empty" for name in ("fields", "labels") if getattr(own, name) in ((), [])]
    return [*faults, *faults_of(dataset, holds_bags=own.values is not Dataset.values)]


def column_of(read: Read) -> Column:
    """Return the declaration of a column of fields in a file of examples."""
    if read.how == "number":
        return Column("number", optional=read.missing is not None)
    return Column(separator=read.separator)


def reading(file: RawFile, unread: Collection[str]) -> RawFile:
    """Return the format of a file of which some columns are not read; it may lack them if it has a header."""
    if file.others:
        return replace(file, columns={n: column for n, column in file.columns.items() if n not in unread})
    return replace(file, columns={n: UNUSED if n in unread else c for n, c in file.columns.items()})


def schema_of(
    dataset: Dataset,
    encoders: Mapping[str, FieldEncoder] = MappingProxyType({}),
    scales: Mapping[str, tuple[float, float]] = MappingProxyType({}),
) -> Schema:
    """Return the schema of a dataset; before any row is read, with vocabularies of one value and no vectors.

    Args:
        dataset: The dataset, with its settings.
        encoders: Field -> its encoder.
        scales: Regression label -> mean and standard deviation in the training part.

    Raises:
        ArtifactError: the dataset has no field or no task.

    """
    labels, layout = {label.name: label for label in dataset.labels}, dataset.layout
    tasks = names_of(layout.labels)

    def nearest(name: str | None, relation: str) -> str | None:
        """Return the nearest learned label along a relation."""
        while name is not None and name not in tasks:
            name = getattr(labels[name], relation)
        return name

    def task(label: Label) -> Task:
        after, given = nearest(label.after, "after"), nearest(label.given, "given")
        scale, weight = scales.get(label.name, (0.0, 1.0)), layout.weights.get(label.name)
        return Task(label.name, after, label.kind, *scale, given=given, weight=weight)

    def sparse(field: FieldKind) -> SparseField:
        form: FieldForm = "bag" if field.gives == "bags" else "single"
        encoder = encoders.get(field.name)
        known = Pretrained(encoder.column, encoder.width) if isinstance(encoder, VectorIds) else None
        return SparseField(field.name, 2 if encoder is None else encoder.size, form, known)

    def dense(field: FieldKind) -> DenseField:
        scale = encoders.get(field.name)
        return DenseField(field.name, *((scale.offset, scale.width) if isinstance(scale, Scale) else ()))

    return Schema(
        tuple(map(sparse, layout.sparse)),
        tuple(map(dense, layout.dense)),
        tuple(map(task, layout.labels)),
        histories=layout.histories,
    )
