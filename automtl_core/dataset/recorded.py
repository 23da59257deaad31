"""The format of new examples as a run records it, so that scoring does not need the plugin of the dataset."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath
from typing import Any, Self

import duckdb
import pandas as pd

from automtl_core.dataset.dataset import Column, Dataset, DatasetSettings, RawFile
from automtl_core.dataset.declarations import History, Label
from automtl_core.fields.field import FieldKind
from automtl_core.fields.numeric import Dense
from automtl_core.fields.sparse import Bag, Sparse
from automtl_core.system.documents import Value


@dataclass(frozen=True)
class EventFormat(Value):
    """The format of files of events."""

    columns: Mapping[str, Column]
    """The columns in their order; of rows those of unlabelled examples."""
    header: bool
    others: bool
    """As in `RawFile`."""
    separators: Mapping[str, str]
    """Ending of a delimited file -> its separator."""


def _format(file: Callable[[str], RawFile]) -> dict[str, Any]:
    """Return the format of files that a function declares by their names."""
    plain, tabs = file("rows.csv"), file("rows.tsv")
    separators = {".csv": plain.separator, ".tsv": tabs.separator}
    return {key: getattr(plain, key) for key in ("columns", "header", "others")} | {"separators": separators}


@dataclass(frozen=True)
class RowFormat(EventFormat):
    """The format of files and tables of new examples of a dataset, see `Dataset.new_file`."""

    labelled: Mapping[str, Column]
    """Columns of labelled examples."""
    encoding: str = field(default="", kw_only=True)
    """As in `RawFile`."""
    labels: tuple[Label, ...]
    user: str | None
    time: str | None
    time_column: str | None
    events: Mapping[str, EventFormat] = field(default_factory=dict)
    """History -> the format of its log of events, see `Dataset.event_file`; none in older runs."""

    @property
    def texts(self) -> list[str]:
        """The columns of any text, in which "1.0" and "1" are different values."""
        return [name for name, column in self.columns.items() if column.kind == "text"]

    @classmethod
    def of(cls, dataset: Dataset) -> Self | None:
        """Return the format of a dataset; None if the dataset itself has to convert the rows."""
        if type(dataset).new_rows is not Dataset.new_rows:
            return None
        labelled = dataset.new_file("rows.csv", labelled=True)
        logged = [history for history in dataset.layout.histories if not history.lists]
        return cls(
            **_format(lambda path: dataset.new_file(path, labelled=False)),
            labelled=labelled.columns,
            encoding=labelled.encoding,
            events={h.name: EventFormat(**_format(partial(dataset.event_file, history=h))) for h in logged},
            labels=tuple(dataset.labels),
            user=dataset.user,
            time=dataset.time,
            time_column=dataset.time_column or dataset.time,
        )


class RecordedDataset(Dataset):
    """A dataset of new examples alone, in a recorded format.

    Args:
        recorded: The format.

    """

    version = 0

    def __init__(self, recorded: RowFormat) -> None:
        self.recorded, self.settings, self.labels = recorded, DatasetSettings(), recorded.labels
        self.user, self.time, self.time_column = recorded.user, recorded.time, recorded.time_column
        self.fields = [_field(name, column) for name, column in recorded.columns.items()]

    def new_file(self, path: str, labelled: bool) -> RawFile:
        """Return the recorded format."""
        return self._file(path, self.recorded, self.recorded.labelled if labelled else self.recorded.columns)

    def event_file(self, path: str, history: History) -> RawFile:
        """Return the recorded format of events."""
        of_events = self.recorded.events.get(history.name)
        if of_events is None:
            return super().event_file(path, history)
        return self._file(path, of_events, of_events.columns)

    def _file(self, path: str, of: RowFormat | EventFormat, columns: Mapping[str, Column]) -> RawFile:
        separator = of.separators[".tsv" if ".tsv" in PurePath(path).suffixes else ".csv"]
        encoding = self.recorded.encoding
        return RawFile(path, columns, of.header, of.others, separator=separator, encoding=encoding)

    def rows(self, db: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        """Not available: the plugin of the dataset reads its raw files."""
        raise NotImplementedError


def _field(name: str, column: Column) -> FieldKind:
    if column.kind == "number":
        return Dense(name)
    return Bag(name, column.separator) if column.separator else Sparse(name)
