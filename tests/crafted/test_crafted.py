"""Crafted input: documents of a run with wrong content, and columns with the names of the program."""

import hashlib
import json
import shutil
from itertools import cycle, islice

import duckdb
import numpy as np
import pytest

from automtl_core.data.store import PARTS
from automtl_core.errors import AutoMTLError, DataError
from automtl_core.prepare.prepare import prepare
from automtl_core.raw.sql import quoted
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.run import Run
from automtl_core.system.documents import canonical
from automtl_datasets.table import Table
from automtl_datasets.table_settings import TableSettings
from automtl_report.record import read_record
from automtl_report.run import card
from automtl_report.run_list import Watched, summaries

from ..core.workflow.lines import begin, make_job

REGISTRY = load_registry()
ODD = (None, [], {}, "x", -1, 10**30, 1e308, True, [[]], {"a": {}}, [None])
"""Values in place of those of a document."""
WHOLE = {"null": None, "list": [], "number": 5, "text": "x", "empty": {}, "format alone": {"format": 1}}
"""Documents in place of others."""
BYTES = {"no bytes": b"", "no text": b"\xff\xfe", "deep": b"[" * 100_000, "nan": b'{"format": NaN}'}
"""Files that are no documents."""
READS = {
    "list": lambda path: summaries(path.parent),
    "watch": lambda path: Watched.of(Run.open(path)),
    "show and card": lambda path: card(read_record(path, REGISTRY)),
    "way on": lambda path: Run.open(path).way_on(),
    "encoder": lambda path: Run.open(path).encoder(REGISTRY.field_encoders()),
    "reports": lambda path: Run.open(path).reports(),
}
FILES = ("answers", "architecture", "behaviour", "costs", "data", "decided", "environment", "identity",
         "importance", "result", "search", "status", "encoder/encoder")  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents")
    return begin(
        make_job(folder, {"strategy": {"name": "random", "candidates": 1, "rung_epochs": 1}}), folder / "run"
    )


def documents(whole):
    """Yield documents with wrong content, by name."""
    yield from WHOLE.items()
    values = cycle(ODD)
    for key in whole:
        if key in ("sha256", "format"):
            continue
        yield f"without {key}", {name: value for name, value in whole.items() if name != key}
        for odd in islice(values, 2):
            yield f"{key} {odd!r:.20}", {**whole, key: odd}
        if isinstance(whole[key], dict):
            name = next(iter(whole[key]), "x")
            yield f"{key}.{name}", {**whole, key: {**whole[key], name: next(values)}}


def signed(document):
    if not isinstance(document, dict):
        return document
    content = {key: value for key, value in document.items() if key != "sha256"}
    return {**content, "sha256": hashlib.sha256(canonical(content)).hexdigest()}


def faults(path):
    """Return the reads of a run that end with another error than one of the project."""
    found = []
    for name, read in READS.items():
        try:
            read(path)
        except AutoMTLError as error:
            if not error.fix:
                found.append(f"{name}: no remedy: {error}")
        except Exception as error:
            found.append(f"{name}: {error!r}")
    return found


@pytest.mark.parametrize("file", FILES)
def test_a_document_with_wrong_content_is_refused_or_shown(file, run, tmp_path):
    shutil.copytree(run.path, tmp_path / "runs" / "run")
    path = tmp_path / "runs" / "run" / f"{file}.json"
    if not path.exists():
        pytest.skip("the run has no such document")
    whole, found = json.loads(path.read_text()), {}
    for name, document in documents(whole):
        path.write_text(json.dumps(signed(document) if "sha256" in whole else document))
        found[name] = faults(tmp_path / "runs" / "run")
    for name, content in BYTES.items():
        path.write_bytes(content)
        found[name] = faults(tmp_path / "runs" / "run")
    assert {name: fault for name, fault in found.items() if fault} == {}


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
