"""Digests of prepared rows, by which new rows are told from them; see `data.known`. Letters: C codes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.known import Hashes, digest_of, of_codes, of_numbers, of_texts, of_times
from automtl_core.dataset.dataset import names_of
from automtl_core.dataset.layout import MOMENT, key_of
from automtl_core.fields.lookup import mixed
from automtl_core.prepare.values import Examples, codes, fetched, of_bags
from automtl_core.raw.sql import DB

Hash = Callable[[Any], Hashes]
"""Function that returns a hash for each value, [R]."""


def digests(table: Examples, hashes: Mapping[str, Hashes]) -> Callable[[Mapping[str, NDArray[Any]]], Hashes]:
    """Return the function for the digests of the rows of chunks of `examples`.

    Args:
        table: The examples.
        hashes: Field with a vocabulary -> hash of the value of each code.

    """
    columns, layout = dict[str, tuple[str, Hash]](), table.layout

    def of_values(key: str) -> Hash:
        of = hashes[key] if key in hashes else hashes_of_codes(table.db, key)
        return lambda codes: of_codes(of[codes])

    labels = names_of(layout.labels)
    for name, read in layout.identity.items():
        if read.how == "number":
            columns[name] = key_of("given", name) if name in labels else name, of_numbers
        elif read.how == "bag":
            columns[name] = name, _bags(table, name).__getitem__
        elif read.how == "text":
            columns[name] = read.key(name), of_texts
        elif name in layout.hashed:
            columns[name] = name, of_buckets
        else:
            key = name if name in layout.reads else layout.owner(name)
            columns[name] = key, of_values(key)
    if layout.time:
        columns[MOMENT] = MOMENT, of_times
    return lambda chunk: digest_of({name: of(chunk[key]) for name, (key, of) in columns.items()})


def of_buckets(ids: NDArray[np.signedinteger[Any]]) -> Hashes:
    """Return the hashes of buckets, which are numbered from 1 on; 0 is a blank."""
    found: Hashes = np.where(ids > 0, mixed(ids - 1), np.uint64(0))
    return found


def hashes_of_codes(db: DB, table: str) -> Hashes:
    """Return the hash of the text of each value in the order of their codes, after 0 for none, [C + 1]."""
    chosen = {"hash": "md5_number_lower(CAST(value AS VARCHAR))"}
    chunks = fetched(db, chosen, f"{codes(table)} ORDER BY code")
    return np.concatenate([np.zeros(1, np.uint64), *(chunk["hash"] for chunk in chunks)])


def _bags(examples: Examples, field: str) -> Hashes:
    """Return the sum of the hashes of the values of each bag by its code, after 0 for none."""
    values = None if examples.buckets(field) else of_codes(hashes_of_codes(examples.db, of_bags(field)))
    sums = np.zeros(examples.codes(field) + 1, np.uint64)
    for bags, held_values in examples.held(field):
        places = held_values.astype(np.int64) + 1
        np.add.at(sums, bags + 1, of_buckets(places) if values is None else values[places])
    return sums
