"""Digests of prepared rows, by which new rows are told from them; see `data.known`. Letters: C codes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.known import MOMENT, Hashes, digest_of, of_codes, of_numbers, of_texts, of_times
from automtl_core.dataset.dataset import Dataset, learned, list_columns, reads_of
from automtl_core.fields.encode import file_name
from automtl_core.fields.lookup import mixed
from automtl_core.prepare.examples import given_key, owner_key
from automtl_core.prepare.values import codes, held, of_bags
from automtl_core.raw.sql import count

Of = Callable[[Mapping[str, NDArray[Any]]], Hashes]
"""Function that returns a hash for each row of a chunk, [R]."""


def digests(db: duckdb.DuckDBPyConnection, dataset: Dataset, folder: Path) -> Of:
    """Return the function for the digests of the rows of chunks of `examples`.

    Args:
        db: Database with the tables of preparation.
        dataset: The adapter.
        folder: Folder with the hashes of fields with a vocabulary, which stay on disk.

    """
    columns, hashed = dict[str, Of](), dataset.settings.hashed

    def of_values(key: str) -> Of:
        path = folder / f"{file_name(key)}.npy"
        table = np.load(path, mmap_mode="r") if path.exists() else hashes_of_codes(db, key)
        return _of(key, lambda codes: of_codes(table[codes]))

    for name, read in reads_of(dataset.fields).items():
        if read.how == "number":
            columns[name] = _of(name, of_numbers)
        elif read.how == "bag":
            columns[name] = _of(name, _bags(db, name, hashed.get(name)).__getitem__)
        elif read.how == "code":
            columns[name] = _of(name, of_buckets) if name in hashed else of_values(name)
        elif name not in (dataset.time, dataset.time_column):
            columns[name] = _of(read.key(name), of_texts)
    for name in list_columns(dataset):
        if name not in columns:
            columns[name] = of_values(owner_key(dataset, name))
    columns |= {label.name: _of(given_key(label.name), of_numbers) for label in learned(dataset)}
    if dataset.time:
        columns[MOMENT] = _of(MOMENT, of_times)
    return lambda chunk: digest_of({name: of(chunk) for name, of in columns.items()})


def _of(key: str, hashes: Callable[[Any], Hashes]) -> Of:
    return lambda chunk: hashes(chunk[key])


def of_buckets(ids: NDArray[np.signedinteger[Any]]) -> Hashes:
    """Return the hashes of buckets, which are numbered from 1 on; 0 is a blank."""
    found: Hashes = np.where(ids > 0, mixed(ids - 1), np.uint64(0))
    return found


def hashes_of_codes(db: duckdb.DuckDBPyConnection, table: str) -> Hashes:
    """Return the hash of the text of each value in the order of their codes, after 0 for none, [C + 1]."""
    found, end = np.zeros(count(db, codes(table)) + 1, np.uint64), 1
    db.execute(f"SELECT md5_number_lower(CAST(value AS VARCHAR)) AS hash FROM {codes(table)} ORDER BY code")
    while len(frame := db.fetch_df_chunk(64)):
        found[end : end + len(frame)] = frame["hash"]
        end += len(frame)
    return found


def _bags(db: duckdb.DuckDBPyConnection, field: str, buckets: int | None) -> Hashes:
    """Return the sum of the hashes of the values of each bag by its code, after 0 for none."""
    values = None if buckets else of_codes(hashes_of_codes(db, of_bags(field)))
    sums = np.zeros(count(db, codes(field)) + 1, np.uint64)
    for bags, held_values in held(db, field):
        places = held_values.astype(np.int64) + 1
        np.add.at(sums, bags + 1, of_buckets(places) if values is None else values[places])
    return sums
