"""The contract of datasets: which raw files there are, and which rows they make.

An adapter declares; `automtl_core.data` reads the files, splits, builds vocabularies and stores columns.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import duckdb
import pandas as pd
from pydantic import Field

from automtl_core.dataset.fields import Label, faults_of, names_of
from automtl_core.errors import PluginError
from automtl_core.fields.bag import Bag
from automtl_core.fields.buckets import Bucketed
from automtl_core.fields.dense import Dense, Scaling
from automtl_core.fields.encode import LARGEST
from automtl_core.fields.field import FieldKind, Read
from automtl_core.fields.sparse import Sparse
from automtl_core.settings.settings import Settings

__all__ = [
    "BIT",
    "INTEGER",
    "LARGEST",
    "NUMBER",
    "TEXT",
    "UNUSED",
    "Bag",
    "Bucketed",
    "Column",
    "Dataset",
    "DatasetSettings",
    "Dense",
    "FieldKind",
    "Label",
    "RawFile",
    "Read",
    "Scaling",
    "Sparse",
    "column_of",
    "declaration_faults",
    "dense_fields",
    "learned",
    "names_of",
    "reads_of",
    "sparse_fields",
    "stated",
]


@dataclass(frozen=True)
class Column:
    """What the values of a raw column look like. A blank is always allowed, and becomes NULL."""

    kind: Literal["text", "integer", "number", "unused"] = "text"
    """Values that are no integers, or no numbers up to `LARGEST`, are faults; unused ones are not read."""
    among: tuple[str, ...] = ()
    """All values that are allowed; any, if none are named."""
    matching: str = ""
    """Regular expression, in the syntax that RE2 and Python share, of a whole value; any, if empty."""
    remedy: str = ""
    """What to do where many rows hold something else, in place of repairing a row."""
    separator: str = ""
    """Of a text of several values: what separates them. A list in a Parquet file becomes such a text."""
    optional: bool = False
    """Whether a file whose first line names its columns may lack it; all of its values are then blank."""

    @property
    def anything(self) -> bool:
        """Whether every value is as declared."""
        return self.kind == "unused" or (self.kind == "text" and not self.among and not self.matching)


TEXT, INTEGER, NUMBER, UNUSED = Column(), Column("integer"), Column("number"), Column("unused")
BIT = Column("integer", ("0", "1"))


@dataclass(frozen=True)
class RawFile:
    """One raw table, as its publisher lays it out: delimited text, plain or as .gz or .zst, or Parquet."""

    path: str
    """Relative to the folder of the dataset; may be a pattern such as `log-*.csv`."""
    columns: Mapping[str, Column]
    """All columns in their order."""
    header: bool = True
    """Whether the first line names the columns."""
    others: bool = False
    """Whether the header may name them in any order, and further ones, which are not read."""
    named_by: Mapping[str, str] = field(default_factory=dict)
    """Column -> the setting that names it, which is to be corrected where the header lacks the column."""
    separator: str = ","
    cut_tail: bool = False
    """Whether published copies end in a cut line, which is then left out."""
    alone: bool = False
    """Whether only one file may match the pattern, as where copies of a dataset differ in their folders."""
    rows: int | None = None
    """Rows of the complete file, as far as known."""


class DatasetSettings(Settings):
    """Settings that every dataset has; a dataset's own extend them."""

    split: Literal["random", "time", "user"] = "random"
    """Division of rows into training, validation and test. random: at random. time: the latest rows are for
    the test, and those before them for validation. user: all rows of a user are in the same part. A dataset
    that its publisher has split keeps that test part."""
    validation_fraction: float = Field(0.1, gt=0, lt=0.5)
    """Share of the rows for validation."""
    test_fraction: float = Field(0.1, gt=0, lt=0.5)
    """Share of the rows for the test."""
    split_seed: int = 0
    """Seed of the random split. It is separate from the seed of the run, so that runs with different seeds
    use the same rows."""
    min_count: int = Field(1, ge=1)
    """Minimum number of training rows of a categorical value. Rarer values become unseen ids."""
    max_vocabulary: int | None = Field(None, ge=1)
    """Maximum vocabulary size of a categorical field; null for no limit. The most frequent values are kept,
    and the others become unseen ids."""
    hashed: dict[str, int] = Field(default_factory=dict)
    """Categorical field -> number of buckets for hashing its values, in place of a vocabulary."""
    tasks: tuple[str, ...] = ()
    """Tasks to learn; all tasks of the dataset if none are named."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """Treatment of a row of a raw file that does not match the declared columns. fail: an error. skip: the
    row is left out and listed."""
    max_bad_rows: int = Field(100, ge=0)
    """Maximum number of rows to leave out with `bad_rows: skip`. More are an error."""


class Dataset(ABC):
    """A multi-task dataset. Subclasses state the class attributes below and `rows`.

    Args:
        settings: An instance of the class's `settings_class`.

    """

    settings_class: ClassVar[type[DatasetSettings]] = DatasetSettings
    version: ClassVar[int]
    """Raised whenever the same files and settings would make other rows, fields or tasks."""
    source: ClassVar[str] = ""
    """Where to get the raw files."""
    licence: ClassVar[str] = ""
    """Under which licence."""
    preparation: ClassVar[str] = ""
    """How the rows come about, in a few lines for people; the paper's way where there is one."""

    def __init__(self, settings: DatasetSettings) -> None:
        """Take settings.

        Raises:
            PluginError: fields or labels that follow from the settings do not fit together.

        """
        self.settings = settings
        if faults := declaration_faults(self):
            raise PluginError(
                f"{type(self).__name__}: {'; '.join(faults)}", "correct what the dataset declares"
            )

    @property
    @abstractmethod
    def fields(self) -> Sequence[FieldKind]:
        """What to predict from; sparse fields have their places in a batch in this order, dense ones theirs.

        A class attribute, or a property where fields follow from settings. So are the four below.
        """

    @property
    @abstractmethod
    def labels(self) -> Sequence[Label]:
        """What to predict."""

    @property
    def user(self) -> str | None:
        """The sparse field that names users; None where there is none, and so no split by user."""
        return None

    @property
    def time(self) -> str | None:
        """Column of `rows`, no field, to order examples by; None where there is none: no split by time."""
        return None

    @property
    def part(self) -> str | None:
        """Column of `rows` that holds `train`, `validation` or `test`, if the publisher has split the data.

        A validation part that is not given is drawn from `train`.
        """
        return None

    def files(self) -> Mapping[str, RawFile]:
        """Return the raw files that these settings need, by the name of the table each becomes."""
        return {}

    @abstractmethod
    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation | pd.DataFrame:
        """Return one row an example, in any order; exact duplicates of raw rows are already dropped.

        Columns: sparse fields as text or integers (null or an empty text where unknown, which is as an unseen
        value), those in buckets as numbers; for bags text or an integer that stands for their values, see
        `values`; dense fields as numbers (null where unknown); labels as 0 or 1, or as numbers, null where an
        example lacks the label; the columns of `time`, `part` and of oracles. Other columns are ignored.

        Args:
            db: Holds each of `files()` as a table, in which integers are BIGINT and numbers DOUBLE.

        """

    def values(self, db: duckdb.DuckDBPyConnection, field: str) -> duckdb.DuckDBPyRelation:
        """Return what a field of bags holds: columns `bag` and `value`, one row a value, in any order.

        A bag is what stands for its values in the column `field` of `rows`, so that rows may share one.
        """
        raise NotImplementedError(f"{type(self).__name__} has a field of bags, and no `values`")

    def new_file(self, path: str, labelled: bool) -> RawFile:
        """Return how files of new examples are laid out, to predict on or, if `labelled`, to test with.

        Here: one column a field, and one a label, by their names and in any order, of which those of numbers
        with a value for blanks may be left out. A bag is a text with a separator, in Parquet files a list.

        Args:
            path: Name or pattern, in the folder of the files.
            labelled: Whether there are columns of labels.

        """
        columns = {column: column_of(read) for column, read in reads_of(self.fields).items()}
        if labelled:
            columns |= {label.name: BIT if label.kind == "binary" else NUMBER for label in learned(self)}
        return RawFile(path, columns, others=True)

    def new_rows(self, rows: pd.DataFrame, labelled: bool) -> pd.DataFrame:
        """Return new examples from rows of what `new_file` declares, in the same order: labels as in `rows`.

        Args:
            rows: Some of the rows of a file or of a frame, not to be modified. Columns of numbers are floats;
                all others, integers too, are text; a blank is NaN or None.
            labelled: Whether there are columns of labels.

        """
        return rows

    def content(self) -> Any:
        """Return what the rows are made of besides raw files and settings, as JSON; None for nothing else.

        Prepared data is found again by this, of which it keeps a digest. A dataset without raw files has to
        define it: without, two of them that return other rows would be one.
        """
        return None

    def truth(self) -> Mapping[str, Any]:
        """Return what is known of how the data came about, as JSON; kept with prepared data and runs.

        What a search found is shown beside two keys: `noise`, the names of fields that act on nothing, and
        `tasks`, for each task `fields`, the names of those that act on it, and `pairs`, those that do so
        together.
        """
        return {}


def declaration_faults(dataset: type[Dataset] | Dataset) -> list[str]:
    """Return what is wrong with what a dataset declares; of a class, with what does not follow from settings.

    The registry asks this of each class, and `Dataset.__init__` of each adapter.
    """
    own = dataset if isinstance(dataset, type) else type(dataset)
    told = {name: stated(dataset, name) for name in ("fields", "labels", "user", "time", "part")}
    faults = [] if isinstance(getattr(own, "version", None), int) else ["`version` has to be a whole number"]
    if dataset is own:
        faults += [f"`{name}` holds nothing" for name in ("fields", "labels") if told[name] in ((), [])]
    return [*faults, *faults_of(told, holds_bags=own.values is not Dataset.values)]


def sparse_fields(dataset: Dataset) -> tuple[FieldKind, ...]:
    """Return the fields of ids and of bags, in the order of the columns of a batch."""
    return tuple(each for each in dataset.fields if each.gives != "numbers")


def dense_fields(dataset: Dataset) -> tuple[FieldKind, ...]:
    """Return the fields of numbers, in the order of the columns of a batch."""
    return tuple(each for each in dataset.fields if each.gives == "numbers")


def reads_of(fields: Iterable[FieldKind]) -> dict[str, Read]:
    """Return the columns that fields read, each once, as the first of them reads it."""
    found: dict[str, Read] = {}
    for each in fields:
        found |= {column: read for column, read in each.reads().items() if column not in found}
    return found


def column_of(read: Read) -> Column:
    """Return what a column that fields read looks like in a file of examples."""
    if read.how == "number":
        return Column("number", optional=read.missing is not None)
    return Column(separator=read.separator)


def learned(dataset: Dataset) -> tuple[Label, ...]:
    """Return the labels that the settings choose to learn, in the order of the dataset."""
    chosen = dataset.settings.tasks
    return tuple(label for label in dataset.labels if not chosen or label.name in chosen)


def stated(dataset: type[Dataset] | Dataset, name: str) -> Any:
    """Return an attribute of a dataset; None where a class leaves it to the settings."""
    value = getattr(dataset, name)
    return None if hasattr(value, "__get__") else value
