"""Encoded examples go to disk: arrays of each part, vocabularies, bags."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import IO, Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.columns import Vocabulary
from automtl_core.data.encoder import vocabulary_file
from automtl_core.data.prepare.bags import held, value_codes
from automtl_core.data.prepare.encode import Bagged, Encoding, chunks
from automtl_core.data.prepare.examples import coded, number_columns, oracles
from automtl_core.data.prepare.split import Parts
from automtl_core.data.raw.sql import codes
from automtl_core.data.store import PARTS, write_header
from automtl_core.dataset.dataset import Dataset, dense_fields, learned, sparse_fields
from automtl_core.disk.files import file_name

LINES = 100_000
"""Values of a vocabulary that are fetched at a time."""


class Tally(NamedTuple):
    """What the rows of the parts hold, by part and task: arrays [3, T]."""

    labelled: NDArray[np.int64]
    """Rows that have the label."""
    total: NDArray[np.float64]
    """Sum of the labels as they are stored."""


class _Array(NamedTuple):
    name: str
    dtype: type[np.generic]
    columns: Sequence[Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]]
    """What makes each column of a chunk."""


def write_parts(
    db: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    encoding: Encoding,
    parts: Parts,
    draft: Path,
    advance: Callable[[int], None],
) -> Tally:
    """Write the arrays of all parts in one pass over `examples`.

    Args:
        db: Holds `examples`.
        dataset: The adapter.
        encoding: What columns become.
        parts: Of all rows, [R].
        draft: Receives a folder a part.
        advance: Called with the rows of each chunk that is written.

    """
    arrays = _arrays(dataset, encoding)
    sizes = np.bincount(parts, minlength=len(PARTS))
    shape = (len(PARTS), len(learned(dataset)))
    tally = Tally(np.zeros(shape, np.int64), np.zeros(shape))
    with ExitStack() as stack:
        files = {}
        for part, rows in zip(PARTS, sizes, strict=True):
            (draft / part).mkdir()
            for array in arrays:
                file = stack.enter_context((draft / part / f"{array.name}.npy").open("wb"))
                write_header(file, array.dtype, (int(rows), len(array.columns)))
                files[part, array.name] = file
        for chunk, places in chunks(db, coded(dataset), number_columns(dataset), parts):
            for array in arrays:
                block = np.empty((len(places), len(array.columns)), dtype=array.dtype)
                for n, column in enumerate(array.columns):
                    block[:, n] = column(chunk)
                for place, part in enumerate(PARTS):
                    mine = block[places == place]
                    files[part, array.name].write(mine.tobytes())
                    if array.name == "labels":
                        tally.labelled[place] += (~np.isnan(mine)).sum(axis=0)
                        tally.total[place] += np.nansum(mine, axis=0, dtype=np.float64)
            advance(len(places))
    return tally


def write_vocabularies(
    db: duckdb.DuckDBPyConnection, encoding: Encoding, folder: Path
) -> dict[str, Vocabulary]:
    """Write the values of each field with a vocabulary, one JSON string a line, in the order of their ids."""
    found = {}
    for name, kept in encoding.vocabularies.items():
        table = value_codes(name) if isinstance(encoding.fields[name], Bagged) else codes(name)
        path, digest = folder / vocabulary_file(name), hashlib.sha256()
        with path.open("wb") as file:
            for block in _lines(db, table, kept):
                file.write(block)
                digest.update(block)
        found[name] = Vocabulary(len(kept) + 1, digest.hexdigest(), path)
    return found


def _lines(db: duckdb.DuckDBPyConnection, table: str, kept: NDArray[np.int32]) -> Iterator[bytes]:
    """Yield the lines of a vocabulary, many at a time."""
    yield b"null\n"
    db.execute(f"SELECT CAST(value AS VARCHAR) FROM {table} ORDER BY code")
    start = 0
    while rows := db.fetchmany(LINES):
        inside = kept[np.searchsorted(kept, start) : np.searchsorted(kept, start + len(rows))]
        yield "".join(encode_basestring_ascii(rows[code - start][0]) + "\n" for code in inside).encode()
        start += len(rows)


def write_bags(db: duckdb.DuckDBPyConnection, encoding: Encoding, draft: Path) -> None:
    """Write the bags of each multi-valued field: known values alone, each once, in the order of their ids."""
    for name, field in encoding.fields.items():
        if isinstance(field, Bagged):
            folder = draft / "bags"
            folder.mkdir(exist_ok=True)
            _write_bags(db, name, field, folder)


def _write_bags(db: duckdb.DuckDBPyConnection, name: str, field: Bagged, folder: Path) -> None:
    with (folder / f"{file_name(name)}.starts.npy").open("wb") as file:
        _write_array(file, [field.starts], np.int64, len(field.starts))
    with (folder / f"{file_name(name)}.values.npy").open("wb") as file:
        ids = (field.values(values + 1) for _, values in held(db, name))
        _write_array(file, (known[known > 0] for known in ids), np.int32, int(field.starts[-1]))


def _write_array(
    file: IO[bytes],
    blocks: Iterator[NDArray[Any]] | Sequence[NDArray[Any]],
    dtype: type[np.generic],
    length: int,
) -> None:
    write_header(file, dtype, (length,))
    for block in blocks:
        file.write(block.astype(dtype, copy=False).tobytes())


def _arrays(dataset: Dataset, encoding: Encoding) -> list[_Array]:
    def ids(name: str) -> Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]:
        return lambda chunk: encoding.fields[name](chunk[name])

    def code(name: str) -> Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]:
        return lambda chunk: chunk[name]

    def number(name: str) -> Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]:
        return lambda chunk: encoding.scales[name](chunk[name])

    def label(name: str) -> Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]:
        scale = encoding.scales.get(name)
        return lambda chunk: (chunk[name] - scale.offset) / scale.width if scale else chunk[name]

    def oracle(column: str | None) -> Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]:
        return lambda chunk: chunk[column] if column else np.full(len(next(iter(chunk.values()))), np.nan)

    arrays = [
        _Array("ids", np.int32, [ids(field.name) for field in sparse_fields(dataset)]),
        _Array("dense", np.float32, [number(field.name) for field in dense_fields(dataset)]),
        _Array("labels", np.float32, [label(task.name) for task in learned(dataset)]),
    ]
    if oracles(dataset):
        arrays.append(_Array("oracle", np.float64, [oracle(task.oracle) for task in learned(dataset)]))
    if dataset.user:
        arrays.append(_Array("users", np.int32, [code(dataset.user)]))
    if dataset.time and dataset.settings.split == "time":
        arrays.append(_Array("times", np.int32, [code(dataset.time)]))
    return arrays
