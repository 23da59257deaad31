"""The contract of datasets: which raw files there are, and which rows they make.

An adapter declares; `automtl_core.data` reads the files, splits, builds vocabularies and stores columns.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import duckdb
import pandas as pd
from pydantic import Field

from automtl_core.errors import UsageError
from automtl_core.schema import TaskKind
from automtl_core.settings import Settings

Scaling = Literal["standard", "minmax", "log", "none"]
"""How a dense field is scaled: to mean 0 and deviation 1, to [0, 1], as the first of sign(x) log(1 + |x|), or
not at all."""


@dataclass(frozen=True)
class Column:
    """What the values of a raw column look like. A blank is always allowed, and becomes NULL."""

    kind: Literal["text", "integer", "number", "unused"] = "text"
    """Values that are no integers, or no finite numbers, are faults; unused columns are not looked at."""
    among: tuple[str, ...] = ()
    """All values that are allowed; any, if none are named."""
    matching: str = ""
    """Regular expression, in the syntax that RE2 and Python share, of a whole value; any, if empty."""


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
    """Examples are given to train, validation and test at random; or the latest are for the test and those
    before them for validation; or all examples of a user at random to one of them. A dataset whose publisher
    has split it keeps that test part."""
    validation_fraction: float = Field(0.1, gt=0, lt=0.5)
    """Share of the rows for validation."""
    test_fraction: float = Field(0.1, gt=0, lt=0.5)
    """Share of the rows for the test."""
    split_seed: int = 0
    """Seed of the random split; apart from the seed of the run, so that runs share their data."""
    min_count: int = Field(1, ge=1)
    """Values of a sparse field that fewer training rows hold are treated as unseen."""
    max_vocabulary: int | None = Field(None, ge=1)
    """Most values of a sparse field that are kept, the most frequent ones; the others are as unseen."""
    hashed: dict[str, int] = Field(default_factory=dict)
    """Sparse field -> number of buckets that its values are hashed to, in place of a vocabulary."""
    tasks: tuple[str, ...] = ()
    """The tasks to learn; all of the dataset, if none are named."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """Whether a row of a raw file that is not as declared is an error, or is left out and written down."""
    max_bad_rows: int = Field(100, ge=0)
    """Rows that are left out at most, before it is an error after all."""


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
    sparse: Sequence[str]
    """Names of the categorical fields, in the order of the columns of a batch."""
    multi: Sequence[str] = ()
    """Those of `sparse` that hold any number of values in a row; see `values`."""
    dense: Sequence[str] = ()
    """Names of the numeric fields."""
    scaling: Mapping[str, Scaling] = {}
    """Dense field -> how it is scaled; `standard` where not named."""
    buckets: Mapping[str, int] = {}
    """Those of `sparse` that are numbers in `rows` -> how many buckets of equal frequency make the ids."""
    tasks: Sequence[str]
    """Names of the labels."""
    kinds: Mapping[str, TaskKind] = {}
    """Task -> its kind; `binary` where not named."""
    after: Mapping[str, str] = {}
    """Task -> the task whose action a user takes before, such as purchase -> click."""
    user: str | None = None
    """The sparse field that names users; None where there is none, and so no split by user."""
    time: str | None = None
    """Column of `rows` to order examples by; None where there is none, and so no split by time."""
    part: str | None = None
    """Column of `rows` that holds `train`, `validation` or `test`, where the publisher has split the data. A
    validation part that is not given is drawn from `train`."""
    oracle: Mapping[str, str] = {}
    """For generated data: task -> column of `rows` that holds the probability the label was drawn with."""

    def __init__(self, settings: DatasetSettings) -> None:
        self.settings = settings

    def files(self) -> Mapping[str, RawFile]:
        """Return the raw files that these settings need, by the name of the table each becomes."""
        return {}

    @abstractmethod
    def rows(self, db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation | pd.DataFrame:
        """Return one row an example, in any order; exact duplicates of raw rows are already dropped.

        Columns: sparse fields as text or integers (null where unknown, which is as an unseen value); for
        multi-valued fields text or an integer that stands for their values, see `values`; dense fields as
        numbers (null where unknown); tasks as 0 or 1, or as numbers, null where an example lacks the label;
        the columns of `time`, `part` and `oracle`. Other columns are ignored.

        Args:
            db: Holds each of `files()` as a table, in which integers are BIGINT and numbers DOUBLE.

        """

    def values(self, db: duckdb.DuckDBPyConnection, field: str) -> duckdb.DuckDBPyRelation:
        """Return what a multi-valued field holds: columns `bag` and `value`, one row a value, in any order.

        A bag is what stands for its values in the column `field` of `rows`, so that rows may share one.
        """
        raise NotImplementedError(f"{type(self).__name__} has a multi-valued field, and no `values`")

    def truth(self) -> Mapping[str, Any]:
        """Return what is known of how the data came about, as JSON; stored with the prepared data."""
        return {}

    def simulate(self, folder: Path, rows: int, seed: int) -> None:
        """Write `rows` generated rows as raw files in the layout of the dataset, with its quirks.

        Ids have Zipf frequencies, and labels depend on them, so that there is something to learn.

        Raises:
            UsageError: the dataset cannot be simulated.

        """
        raise UsageError(f"{type(self).__name__} cannot be simulated", "choose another dataset")
