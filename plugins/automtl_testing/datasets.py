"""The contracts of datasets and of kinds of fields."""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import numpy as np
import pandas as pd

from automtl_core import seeds
from automtl_core.data.encoder import Encoder
from automtl_core.data.part import Part
from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.prepare.sources import read, workshop
from automtl_core.data.progress import silent
from automtl_core.data.raw.find import find
from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset.dataset import (
    Dataset,
    DatasetSettings,
    Label,
    Sparse,
    declaration_faults,
    dense_fields,
    histories_of,
    learned,
    sparse_fields,
)
from automtl_core.dataset.history import History
from automtl_core.dataset.schema import SparseField
from automtl_core.fields.encode import FieldEncoder, event_columns, number_encoders, text, whole
from automtl_core.fields.field import FieldKind, kinds_of
from automtl_core.fields.source import exported, source

UNSEEN = "unseen"
Row = Mapping[Any, Any]


def check_dataset(dataset: Dataset, data_dir: Path | None, work_dir: Path) -> Prepared:
    """Prepare a dataset twice, check the result, and return it.

    Args:
        dataset: The adapter with the settings to check.
        data_dir: Its raw files; None for a dataset without raw files.
        work_dir: An empty folder.

    Raises:
        AssertionError: a requirement is violated.

    """
    first, second = (prepare(dataset, "checked", data_dir, work_dir / name) for name in ("first", "second"))
    assert _bytes(first.path) == _bytes(second.path), "preparing twice must give the same bytes"
    _check_schema(first, dataset)
    for name in PARTS:
        part = first.part(name)
        assert len(part) > 0, f"the {name} part has no rows"
        assert not np.isinf(part.dense).any(), f"dense values of the {name} part must be finite, or missing"
        _check_labels(first, name)
        for place, field in enumerate(first.schema.sparse):
            _check_ids(part, name, place, field)
    for place, field in enumerate(first.schema.sparse):
        _check_vocabulary(first, dataset.settings, place, field)
    json.dumps(dict(dataset.truth()))
    check_histories(dataset, first, data_dir, work_dir, rows=300)
    return first


def _check_schema(prepared: Prepared, dataset: Dataset) -> None:
    schema, forms = prepared.schema, {"bags": "bag", "ids": "single"}
    sparse = [(field.name, forms[field.gives]) for field in sparse_fields(dataset)]
    dense = [field.name for field in dense_fields(dataset)]
    labels = [(label.name, label.kind) for label in learned(dataset)]
    assert [(f.name, f.kind) for f in schema.sparse] == sparse, "the sparse fields must be those declared"
    assert [f.name for f in schema.dense] == dense, "the dense fields must be those declared"
    assert [(t.name, t.kind) for t in schema.tasks] == labels, "the tasks must be the labels declared"


def _check_labels(prepared: Prepared, name: str) -> None:
    """Check labels, some of which may be missing."""
    labels = prepared.part(name).labels
    for task, column in zip(prepared.schema.tasks, labels.T, strict=True):
        known = column[~np.isnan(column)]
        counts = prepared.manifest["labels"][name][task.name]
        assert counts["rows"] == len(known), f"{task.name}: the manifest must count the {name} labels"
        if task.type.two_classes:
            assert np.isin(known, (0, 1)).all(), f"{task.name}: {name} labels must be 0, 1 or missing"
            assert counts["positives"] == known.sum(), f"{task.name}: the manifest must count the positives"
        else:
            assert np.isfinite(known).all(), f"{task.name}: {name} labels must be finite or missing"


def _check_ids(part: Part, name: str, place: int, field: SparseField) -> None:
    ids, size = part.ids[:, place], field.size
    if field.kind == "bag":
        starts, values = part.bags[place]
        assert starts[0] == starts[1] == 0, f"{field.name}: bag 0 must be empty"
        assert starts[-1] == len(values), f"{field.name}: the last bag must end with the values"
        owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        ordered = np.lexsort((values, owners))
        assert np.array_equal(ordered, np.arange(len(values))), f"{field.name}: bags must hold ids in order"
        twice = (np.diff(owners) == 0) & (np.diff(values) == 0)
        assert not twice.any(), f"{field.name}: an id is twice in a bag"
        known = (values > 0) & (values < size)
        assert known.all(), f"{field.name}: bags must hold known ids below the size"
        size = len(starts) - 1
    assert ids.min() >= 0, f"{field.name}: {name} ids must not be negative"
    assert ids.max() < size, f"{field.name}: {name} ids must be below the size"


def _check_vocabulary(prepared: Prepared, chosen: DatasetSettings, place: int, field: SparseField) -> None:
    values = prepared.vocabulary(field.name)
    if field.vectors:
        vectors = prepared.encoder.vectors()[field.name]
        assert vectors.shape == (field.size, field.vectors.width), f"{field.name}: vectors have another shape"
        assert not vectors[0].any(), f"{field.name}: a missing vector must be 0"
        assert np.isfinite(vectors).all(), f"{field.name}: vectors must be finite"
        return
    if not any(part.files() for part in prepared.encoder.fields[field.name].parts()):
        assert not values, f"{field.name}: a field of buckets has no vocabulary"
        buckets = chosen.hashed.get(field.name, field.size)
        within = field.size <= buckets + 1
        assert within, f"{field.name}: ids must be those of the buckets, and the unseen one"
        return
    assert len(values) + 1 == field.size, f"{field.name}: the size counts the values and the unseen one"
    assert len(values) <= (chosen.max_vocabulary or len(values)), f"{field.name}: the vocabulary is too large"
    assert len(set(values)) == len(values), f"{field.name}: a value must not be twice in the vocabulary"
    assert values in (sorted(values), _as_numbers(values)), f"{field.name}: values must be in order"
    part = prepared.part("train")
    ids, weights = part.ids[:, place], None
    if field.kind == "bag":
        starts, values_of_bags = part.bags[place]
        weights = np.repeat(np.bincount(ids, minlength=len(starts) - 1), np.diff(starts))
        ids = values_of_bags
    frequent = np.bincount(ids, weights, minlength=field.size)[1:] >= chosen.min_count_of(field.name)
    assert frequent.all(), f"{field.name}: the vocabulary must be that of train"


def _as_numbers(values: list[str]) -> list[str] | None:
    """Return values sorted as integers; None if they are not integers."""
    try:
        return sorted(values, key=int)
    except ValueError:
        return None


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def check_histories(
    dataset: Dataset, prepared: Prepared, data_dir: Path | None, work_dir: Path, rows: int = 2000
) -> int:
    """Compare the histories of random prepared rows with a plain loop over the rows or the log of a dataset.

    Args:
        dataset: The adapter.
        prepared: Its prepared data.
        data_dir: Its raw files; None for a dataset without raw files.
        work_dir: A folder for temporary files.
        rows: Number of rows to compare.

    Returns:
        The number of compared events.

    Raises:
        AssertionError: a history differs.

    """
    histories = [history for history in histories_of(dataset) if not history.lists]
    if not histories:
        return 0
    with workshop(data_dir, work_dir, None) as (db, folder):
        read(db, dataset, find(data_dir, dataset, "checked"), folder, silent)
        made = dataset.rows(db)
        frame = made if isinstance(made, pd.DataFrame) else made.df()
        logs = {h.name: frame if h.of_rows else dataset.events(db, h.name).df() for h in histories}
    named = [field.name for field in dataset.fields if isinstance(field, Sparse)]
    known = {name: set(prepared.vocabulary(name)) for name in named if name not in dataset.settings.hashed}
    by_key = defaultdict(list)
    labels = [label.name for label in learned(dataset)]
    for row in frame.to_dict("records"):
        by_key[_key(row, known, labels)].append(row)
    compared = 0
    random = seeds.generator(0, "checked histories")
    for history in histories:
        encoders = number_encoders(history.to_json(), prepared.encoder.fields)
        groups = logs[history.name].groupby(history.by)
        owners: dict[str, list[Row]] = {str(owner): [*of.to_dict("records")] for owner, of in groups}
        for part in PARTS:
            data = prepared.part(part)
            places = random.permutation(len(data))[: -(-rows // len(PARTS))]
            decoded = prepared.encoder.decode(data.some(np.sort(places)))
            for place in range(len(places)):
                held = {name: values[place] for name, values in decoded.items()}
                events = list(_stored(history, held, known))
                candidates = by_key[_key(held, known, labels)]
                same = any(events == _looped(history, row, owners, known, encoders) for row in candidates)
                assert same, f"{history.name}, {part}: {events} is not the history of a row"
                compared += len(events)
    return compared


def _key(row: Row, known: Mapping[str, set[str]], labels: Sequence[str]) -> tuple[Any, ...]:
    """Return the values of a row that a prepared row has too."""
    values = [_shown(row[name], known[name]) for name in known]
    chosen = [None if pd.isna(row[name]) else round(float(row[name]), 4) for name in labels]
    return (*(None if value == UNSEEN else value for value in values), *chosen)


def _shown(value: Any, known: set[str]) -> str | None:
    """Return a value as prepared data holds it."""
    plain = text(whole(value))
    return (plain if plain in known else UNSEEN) if plain else None


def _stored(history: History, row: Row, known: Mapping[str, set[str]]) -> Iterator[tuple[Any, ...]]:
    """Yield the stored events of a row, the latest first. Hashed values are left out."""
    lists = [row[name] for name in event_columns(history.to_json())]
    for *values, age in list(zip(*lists, strict=True))[::-1]:
        shared, done = values[: len(history.shared)], values[len(history.shared) :]
        shared = [value for name, value in zip(history.shared, shared, strict=True) if name in known]
        yield age, *(UNSEEN if str(v).startswith(UNSEEN) else v for v in shared), *done


def _looped(
    history: History,
    row: Row,
    owners: Mapping[str, Sequence[Row]],
    known: Mapping[str, set[str]],
    encoders: Mapping[str, FieldEncoder],
) -> list[tuple[Any, ...]]:
    """Return the events of a row, the latest first, by a loop; `encoders` are those of numbers."""
    now = float(row[history.time])
    mine = [e for e in owners.get(str(row[history.by]), ()) if float(e[history.time]) < now - history.delay]
    mine.sort(key=lambda e: (float(e[history.time]), *(_rank(e[name]) for name in history.fields)))
    events = []
    for event in mine[::-1][: history.length]:
        age = float(np.float32(now - float(event[history.time])))
        shared = [_shown(event[name], known[name]) for name in history.shared if name in known]
        done = [
            encoder.decode(np.float32(encoder.encode(np.array([event[name]], np.float64))))[0]
            for name, encoder in encoders.items()
        ]
        events.append((age, *shared, *done))
    return events


def _rank(value: Any) -> tuple[bool, Any]:
    """Return the rank of a value among events at the same time, where blanks are last."""
    return (True, 0) if pd.isna(value) or value == "" else (False, value)


FORBIDDEN = ("torch", "pandas", "scipy", "duckdb", "automtl_core")
"""Modules that exported code must not import."""


class _Alone(Dataset):
    """Rows of one field, with the number of the row as label."""

    version = 1
    fields: Sequence[FieldKind] = ()
    labels = (Label("row", "regression"),)
    columns: Mapping[str, Sequence[Any]]

    def content(self) -> str:
        return repr(self.columns)

    def rows(self, db: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        return pd.DataFrame(_numbered(self.columns))


def check_field_kind(field: FieldKind, columns: Mapping[str, Sequence[Any]], work_dir: Path) -> Encoder:
    """Check that preparation, new rows and exports encode a field equally; return the encoder.

    Args:
        field: The declared field; it encodes to ids or numbers.
        columns: The columns that it reads, in order, with at least ten values each; None for a missing value.
        work_dir: An empty folder.

    Raises:
        AssertionError: a requirement is violated.

    """
    dataset = _Alone(DatasetSettings())
    dataset.fields, dataset.columns = (field,), columns
    assert not declaration_faults(dataset), declaration_faults(dataset)
    assert list(field.reads()) == list(columns), "`reads` must name the columns, in their order"
    assert field.gives != "bags", "`Bag` is the only kind that gives bags"
    prepared = check_dataset(dataset, None, work_dir)
    encoder = Encoder.load(prepared.path / "encoder", kinds_of([type(field)]))
    assert encoder == prepared.encoder, "an encoder must equal the one that was written"
    stored = sum((_content(prepared.part(name)) for name in PARTS), Counter[tuple[int, float]]())
    assert _content(encoder.encode(_numbered(columns))) == stored, "new rows must be encoded as prepared ones"
    blank = encoder.encode({column: [None] for column in columns})
    if all(read.missing is None for read in field.reads().values()):
        assert not blank.ids.any(), "a blank must have id 0"
        assert np.isnan(blank.dense).all(), "a blank number must be NaN"
    _check_exported(encoder, columns, prepared.path / "encoder", work_dir / "encode.py")
    return encoder


def _numbered(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    return {**columns, "row": list(range(len(next(iter(columns.values())))))}


def _content(part: Part) -> Counter[tuple[int, float]]:
    """Count rows by the bits of their id or number, and their label."""
    values = part.ids[:, 0] if part.ids.shape[1] else part.dense[:, 0].view(np.int32)
    return Counter(zip(values.tolist(), part.labels[:, 0].tolist(), strict=True))


def _check_exported(encoder: Encoder, columns: Mapping[str, Any], folder: Path, code: Path) -> None:
    code.write_text(source(encoder.fields.values()), encoding="utf-8")
    with patch.dict(sys.modules, dict.fromkeys(FORBIDDEN)):
        output = exported(code, folder)(columns)
    expected = encoder.encode(columns, labelled=False)
    assert np.array_equal(output["ids"], expected.ids), "exported code must give equal ids"
    assert np.array_equal(output["dense"], expected.dense, equal_nan=True), "exported numbers must be equal"
