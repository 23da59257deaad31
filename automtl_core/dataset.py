"""The contract of datasets: which raw files there are, and which rows they make.

An adapter declares; `automtl_core.data` reads the files, splits, builds vocabularies and stores columns.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import duckdb
import pandas as pd
from pydantic import Field

from automtl_core.settings import Settings


@dataclass(frozen=True)
class RawFile:
    """One raw delimited text file, as its publisher lays it out."""

    path: str
    """Relative to the folder of the dataset."""
    columns: tuple[str, ...]
    """All columns in their order. All are read as text."""
    header: bool = True
    """Whether the first line names the columns; it must then name exactly these."""
    cut_tail: bool = False
    """Whether published copies end in a cut line, which is then left out."""


class DatasetSettings(Settings):
    """Settings that every dataset has; a dataset's own extend them."""

    validation_fraction: float = Field(0.1, gt=0, lt=0.5)
    """Share of the rows for validation."""
    test_fraction: float = Field(0.1, gt=0, lt=0.5)
    """Share of the rows for the test."""
    split_seed: int = 0
    """Seed of the random split; apart from the seed of the run, so that runs share their data."""


class Dataset(ABC):
    """A multi-task dataset. Subclasses state the class attributes below and `rows`.

    Args:
        settings: An instance of the class's `settings_class`.

    """

    settings_class: ClassVar[type[DatasetSettings]] = DatasetSettings
    version: ClassVar[int]
    """Raised whenever the same files and settings would make other rows, fields or tasks."""
    source: ClassVar[str] = ""
    """Where to get the raw files, and under which licence."""
    sparse: Sequence[str]
    """Names of the categorical fields, in the order of the columns of a batch."""
    dense: Sequence[str] = ()
    """Names of the numeric fields."""
    tasks: Sequence[str]
    """Names of the binary labels."""
    after: Mapping[str, str] = {}
    """Task -> the task whose action a user takes before, such as purchase -> click."""
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

        Columns: sparse fields as text (never null), dense fields as numbers (null where unknown), tasks as
        0 or 1, and the columns of `oracle`. Other columns are ignored.

        Args:
            db: Holds each of `files()` as a table of text columns.

        """

    def truth(self) -> Mapping[str, Any]:
        """Return what is known of how the data came about, as JSON; stored with the prepared data."""
        return {}
