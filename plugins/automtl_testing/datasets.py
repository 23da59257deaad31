"""The contracts of datasets and of kinds of fields."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import numpy as np
import pandas as pd

from automtl_core.data.encoder import Encoder
from automtl_core.data.part import Part
from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset.dataset import Dataset, DatasetSettings, Label, declaration_faults
from automtl_core.fields.field import FieldKind, kinds_of
from automtl_core.prepare.prepare import prepare
from automtl_export.encoder import exported, source


def check_dataset(dataset: Dataset, data_dir: Path | None, work_dir: Path) -> Prepared:
    """Prepare a dataset twice, check the result, and return it; with histories under a split by time too.

    Args:
        dataset: The adapter with the settings to check.
        data_dir: Its raw files; None for a dataset without raw files.
        work_dir: An empty folder.

    Raises:
        AssertionError: a requirement is violated.

    """
    first, second = (prepare(dataset, "checked", data_dir, work_dir / name) for name in ("first", "second"))
    assert _bytes(first.path) == _bytes(second.path), "preparing twice must give the same bytes"
    for name in PARTS:
        part = first.part(name)
        assert len(part) > 0, f"the {name} part has no rows"
        assert not np.isinf(part.dense).any(), f"dense values of the {name} part must be finite, or missing"
        for place, field in enumerate(first.schema.sparse):
            ids, size = part.ids[:, place], field.size
            if field.kind == "bag":
                (_, ids), size = part.bags[place], field.size
            assert not (ids < 0).any(), f"{field.name}: {name} ids must not be negative"
            assert not (ids >= size).any(), f"{field.name}: {name} ids must be below the size"
    if len(dataset.layout.histories) < len(dataset.histories) and dataset.settings.history_length:
        # A random split leaves out histories from a log.
        split = {"split": "time" if dataset.time else "user"}
        by_time = type(dataset)(dataset.settings.having(**split), dataset.kind_of)
        check_dataset(by_time, data_dir, work_dir / "histories")
    return first


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


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
    forbidden = ("torch", "pandas", "scipy", "duckdb", "automtl_core")  # in exported code
    with patch.dict(sys.modules, dict.fromkeys(forbidden)):
        output = exported(code, folder)(columns)
    expected = encoder.encode(columns, labelled=False)
    assert np.array_equal(output["ids"], expected.ids), "exported code must give equal ids"
    assert np.array_equal(output["dense"], expected.dense, equal_nan=True), "exported numbers must be equal"
