"""Digests of prepared rows, by which new rows are told from them; see `data.known`. Letters: C codes."""

from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.known import MOMENT, Hashes, digest_of, of_codes, of_numbers, of_texts, of_times
from automtl_core.dataset.dataset import Dataset, learned, list_columns, reads_of
from automtl_core.fields.lookup import mixed
from automtl_core.prepare.examples import given_key, owner_key
from automtl_core.prepare.values import codes, held, of_bags

Of = Callable[[Mapping[str, NDArray[Any]]], Hashes]
"""Function that returns a hash for each row of a chunk, [R]."""


def digests(db: duckdb.DuckDBPyConnection, dataset: Dataset) -> Of:
    """Return the function for the digests of the rows of chunks of `examples`."""
    columns, hashed = dict[str, Of](), dataset.settings.hashed
    for name, read in reads_of(dataset.fields).items():
        if read.how == "number":
            columns[name] = _of(name, of_numbers)
        elif read.how == "bag":
            columns[name] = _of(name, _bags(db, name, hashed.get(name)).__getitem__)
        elif read.how == "code":
            buckets = hashed.get(name)
            table = None if buckets else of_codes(hashes_of_codes(db, name))
            columns[name] = _of(name, of_buckets if table is None else table.__getitem__)
        elif name not in (dataset.time, dataset.time_column):
            columns[name] = _of(read.key(name), of_texts)
    for name in list_columns(dataset):
        if name not in columns:
            key = owner_key(dataset, name)
            columns[name] = _of(key, of_codes(hashes_of_codes(db, key)).__getitem__)
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
    query = f"SELECT md5_number_lower(CAST(value AS VARCHAR)) AS hash FROM {codes(table)} ORDER BY code"
    found = db.execute(query).df()["hash"].to_numpy().astype(np.uint64)
    return np.concatenate([np.zeros(1, np.uint64), found])


def _bags(db: duckdb.DuckDBPyConnection, field: str, buckets: int | None) -> Hashes:
    """Return the sum of the hashes of the values of each bag by its code, after 0 for none."""
    values = None if buckets else of_codes(hashes_of_codes(db, of_bags(field)))
    [(many,)] = db.execute(f"SELECT count(*) FROM {codes(field)}").fetchall()
    sums = np.zeros(many + 1, np.uint64)
    for bags, held_values in held(db, field):
        places = held_values.astype(np.int64) + 1
        np.add.at(sums, bags + 1, of_buckets(places) if values is None else values[places])
    return sums
