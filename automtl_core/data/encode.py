"""Examples become numbers: ids from vocabularies, scaled dense values, labels.

What is learned from data here, vocabularies and scales, is learned from the training part only.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.examples import PART, quoted
from automtl_core.data.store import write_header
from automtl_core.schema import Schema, SparseField

VECTORS = 64
"""Size of a chunk in DuckDB's vectors of 2048 rows."""


@dataclass(frozen=True)
class Scale:
    """How a dense field is standardised: (value - mean) / deviation; a missing value becomes 0."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Encoding:
    """How the columns of `examples` become numbers."""

    schema: Schema
    scales: Mapping[str, Scale]
    """Dense field -> scale."""
    oracle: Mapping[str, str]
    """Task -> column of its probabilities."""


def make_vocabulary(db: duckdb.DuckDBPyConnection, field: str) -> list[str]:
    """Create the type that numbers a field's values, and return those of the training part, sorted.

    The type numbers all values, those of the training part first: a cast that fails is slow in DuckDB.
    """
    kind, column = quoted(_type_name(field)), quoted(field)
    db.execute(
        f"CREATE TYPE {kind} AS ENUM ("  # noqa: S608 - all names are quoted
        f"SELECT {column} FROM examples GROUP BY {column} ORDER BY min({PART}) > 0, {column})"
    )
    train = db.table("examples").filter(f"{PART} = 0").aggregate(f"count(DISTINCT {column})").fetchall()
    values = db.execute(f"SELECT unnest(enum_range(NULL::{kind}))").fetchall()
    return [value for (value,) in values[: train[0][0]]]


def fit_scale(db: duckdb.DuckDBPyConnection, field: str) -> Scale:
    """Return mean and standard deviation of a dense field in the training part; (0, 1) where it is empty."""
    train = db.table("examples").filter(f"{PART} = 0 AND {quoted(field)} IS NOT NULL")
    values = train.project(f"{quoted(field)} AS value").fetchnumpy()["value"]
    if not len(values):
        return Scale(0.0, 1.0)
    return Scale(float(values.mean()), float(values.std()) or 1.0)


def write_part(
    db: duckdb.DuckDBPyConnection,
    encoding: Encoding,
    part: int,
    rows: int,
    folder: Path,
    advance: Callable[[int], None],
) -> list[int]:
    """Write the arrays of one part chunk by chunk, and return the positives of each task [T].

    Args:
        db: Holds `examples` and the vocabularies.
        encoding: What to write.
        part: Its place in `PARTS`.
        rows: Rows of the part, R.
        folder: Receives the arrays.
        advance: Called with the rows of each chunk that is written.

    """
    positives = np.zeros(len(encoding.schema.tasks), dtype=np.int64)
    arrays = _arrays(encoding)
    with ExitStack() as stack:
        files = {
            array.name: stack.enter_context((folder / f"{array.name}.npy").open("wb")) for array in arrays
        }
        for array in arrays:
            write_header(files[array.name], array.dtype, (rows, len(array.columns)))
        for chunk in _chunks(db, [column for array in arrays for column in array.columns], part):
            blocks = _blocks(chunk, arrays)
            for name, block in blocks.items():
                files[name].write(block.tobytes())
            positives += blocks["labels"].sum(axis=0, dtype=np.int64)
            advance(len(chunk))
    return [int(count) for count in positives]


class _Array(NamedTuple):
    name: str
    dtype: type[np.generic]
    columns: list[str]
    """SQL of each column."""


def _arrays(encoding: Encoding) -> list[_Array]:
    schema, known = encoding.schema, encoding.oracle
    arrays = [
        _Array("ids", np.int32, [_id(field) for field in schema.sparse]),
        _Array("dense", np.float32, [_scaled(f.name, encoding.scales[f.name]) for f in schema.dense]),
        _Array("labels", np.float32, [f"CAST({quoted(task.name)} AS DOUBLE)" for task in schema.tasks]),
    ]
    if known:
        columns = [quoted(known[t.name]) if t.name in known else "'nan'::DOUBLE" for t in schema.tasks]
        arrays.append(_Array("oracle", np.float64, columns))
    return arrays


def _type_name(field: str) -> str:
    return f"vocabulary of {field}"


def _id(field: SparseField) -> str:
    code = f"CAST(enum_code(CAST({quoted(field.name)} AS {quoted(_type_name(field.name))})) AS INTEGER)"
    return f"CASE WHEN {code} + 1 < {field.size} THEN {code} + 1 ELSE 0 END"


def _scaled(field: str, scale: Scale) -> str:
    return f"coalesce(({quoted(field)} - {scale.mean!r}::DOUBLE) / {scale.deviation!r}::DOUBLE, 0)"


def _chunks(db: duckdb.DuckDBPyConnection, columns: list[str], part: int) -> Iterator[pd.DataFrame]:
    named = ", ".join(f"{column} AS c{place}" for place, column in enumerate(columns))
    db.execute(f"SELECT {named} FROM examples WHERE {PART} = ?", [part])  # noqa: S608 - all names are quoted
    while len(chunk := db.fetch_df_chunk(VECTORS)):
        yield chunk


def _blocks(chunk: pd.DataFrame, arrays: list[_Array]) -> dict[str, NDArray[Any]]:
    blocks, start = {}, 0
    for array in arrays:
        end = start + len(array.columns)
        blocks[array.name] = chunk.iloc[:, start:end].to_numpy(dtype=array.dtype)
        start = end
    return blocks
