"""Names of columns: the program's own SQL never takes a column for one of its own."""

import duckdb
import numpy as np
import pytest

from automtl_core.data.store import PARTS
from automtl_core.errors import DataError
from automtl_core.prepare.prepare import prepare
from automtl_core.raw.sql import quoted
from automtl_datasets.table import Table
from automtl_datasets.table_settings import TableSettings

NAMES = (
    "value", "code", "rowid", "row", "owner", "time", "place", "count", "last", "bag", "held", "t0", "id",
    "vector", "examples", "unsorted", "named", "numbered", "file_row_number", "file_name", "label", "part",
    "field", "select", "from", "null", "true", "*", "a.b", 'a"b', "a'b", "a b", "a,b", "a;b", "--", "/*",
    "{}", "%s", "$1", "?", "\\", "~", "日本語", "outcome click", "time when", "list items", "owner user",
    "time of the row", "part of the table", "text of x", "nothing", "c0", "number of the row", "rank",
    "position",
)  # fmt: skip
"""Names of columns, each of which is or looks like a word of the program's own SQL."""
ROWS = 60


def table(folder, names, suffix, db):
    """Write a file with a column of numbers, users, labels, times and lists, and return its settings."""
    number, user, label, when, items = names
    values = {
        number: "(i * 7 % 11) / 2",
        user: "'u' || i % 5",
        label: "CAST(i % 3 = 0 AS INTEGER)",
        when: "i",
        items: "'u' || i % 5 || '|u' || i % 4",
    }
    header = ", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
    file = folder / f"rows.{suffix}"
    form = "FORMAT csv, HEADER" if suffix == "csv" else "FORMAT parquet"
    rows = f"SELECT {header} FROM range({ROWS}) AS r(i)"  # noqa: S608 - of this file
    db.execute(f"COPY ({rows}) TO '{file}' ({form})")
    common = {"files": file.name, "labels": [label], "sparse": [user], "dense": [number]}
    return [
        {**common, "time": when, "split": "time", "user": user, "history_length": 3},
        {**common, "history": {"lists": {user: items}}},
    ]


def arrays(folder, settings):
    dataset = Table(TableSettings.parse(settings, "dataset"))
    data = prepare(dataset, "table", folder, folder / "prepared")
    parts = [data.part(part) for part in PARTS]
    events = [one for part in parts for each in part.histories for one in (each.spans, *each.events)]
    return [*(array for part in parts for array in (part.ids, part.dense, part.labels)), *events]


@pytest.fixture(scope="module")
def plain(tmp_path_factory, db):
    folder = tmp_path_factory.mktemp("plain")
    return [arrays(folder, one) for one in table(folder, ("x", "user", "y", "when", "items"), "csv", db)]


@pytest.fixture(scope="module")
def db():
    with duckdb.connect() as db:
        yield db


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("names", [NAMES[n : n + 5] for n in range(0, len(NAMES), 5)], ids=" ".join)
def test_names_change_no_value(names, suffix, tmp_path, plain, db):
    for settings, expected in zip(table(tmp_path, names, suffix, db), plain, strict=True):
        for found, wanted in zip(arrays(tmp_path, settings), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_own_names_are_refused(tmp_path, db):
    for suffix in ("csv", "parquet"):
        (settings, _) = table(tmp_path, ("Automtl:row", "user", "y", "when", "items"), suffix, db)
        with pytest.raises(DataError, match="no column may be called 'Automtl:row'"):
            arrays(tmp_path, settings)
