"""Documents of `automtl data`."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired

from typing_extensions import TypedDict

from automtl_cli.listings import Entry
from automtl_core.leaks.lists import ListFacts
from automtl_inspection.describe import Described

Cells = Sequence[Mapping[str, str | int | None]]


class ListedDataset(Entry):
    """A registered dataset."""

    tasks: Sequence[str]


Listing = dict[str, ListedDataset]


class DatasetEntry(TypedDict):
    """A dataset before its preparation."""

    name: str
    description: str
    source: str
    licence: str
    preparation: str
    folder: str | None
    files: Mapping[str, Mapping[str, str | int | bool | Mapping[str, str] | None]]
    """Table -> its file or pattern, number of files that exist, and columns with their values in words."""
    fields: Cells
    tasks: Cells
    splits: Sequence[str]
    published_parts: bool
    """Whether the dataset has a published test part."""
    settings: Mapping[str, Mapping[str, Any]]


class PreparedData(TypedDict):
    """Prepared data."""

    path: str
    reused: bool
    """Whether it was prepared before."""
    rows: Mapping[str, int]
    """Part -> number of rows."""
    fields: int
    tasks: Sequence[str]
    weights: NotRequired[Mapping[str, Mapping[str, float]]]
    """Task -> sum of the weights of its training rows, and their effective number."""
    left_out: NotRequired[Any]
    """Rows of weight 0."""
    lists: ListFacts | None
    rejected: int
    """Number of skipped faulty rows."""
    warnings: Sequence[str]


class DescribedData(TypedDict):
    """Prepared data with its statistics."""

    prepared: PreparedData
    data: Described


class SampledRows(TypedDict):
    """The first training rows, as a model receives them."""

    prepared: PreparedData
    rows: Sequence[Mapping[str, Any]]


class ValidatedData(TypedDict):
    """The check of raw files."""

    files: Cells
    records: int
    accepted: int
    rejected: int
    allowed: int
    """Largest accepted number of faulty rows."""
    faults: Cells
    """The first faulty rows; `out` is the file with all."""
    out: str | None


class InitialSettings(TypedDict):
    """Settings that were written for a table, and the next commands."""

    path: str
    rows: int | None
    seen: int
    """Rows that the guesses are based on."""
    columns: Sequence[Mapping[str, Any]]
    """Facts about each column, and its role."""
    faulty: Mapping[str, str | int]
    remarks: Sequence[str]
    may_be_labels: Sequence[str]
    next: Sequence[str]
