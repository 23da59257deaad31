"""Vocabularies that take in the values of new rows: old values keep their ids, and new ones get the next.

Letters: R rows, C codes, V values.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.encoder import Encoder, encoder_file
from automtl_core.data.frames import NewRows
from automtl_core.data.store import PARTS, Prepared
from automtl_core.fields.encode import FieldEncoder, lists, texts, texts_of
from automtl_core.fields.field import Bools, Codes, Ints
from automtl_core.fields.lookup import hashes_of
from automtl_core.fields.sparse import BagEncoder, Vocabulary, frequent, vocabulary_of, write_vocabulary

ROWS = 1 << 14
"""Number of new rows that are read together."""


def grown(encoder: Encoder, base: Prepared, rows: NewRows, learned: Bools, folder: Path) -> Encoder:
    """Return an encoder with the values of new rows, as `dataset.min_count` and `max_vocabulary` ask.

    A value that older rows have too, but was not in the vocabulary, counts with these rows.

    Args:
        encoder: The encoder before.
        base: The older rows.
        rows: The new rows.
        learned: Whether a new row is a training row, [R].
        folder: Folder of the encoder, which receives the vocabularies.

    """
    settings, fields = rows.reading.dataset.settings, dict(encoder.fields)
    found = {name: vocabulary_of(one) for name, one in fields.items()}
    before = {name: of for name, of in found.items() if of and of.kind == Vocabulary.kind}  # none of vectors
    counts, start = {name: Counter[str]() for name in before}, 0
    for chunk in rows.chunks(ROWS):
        mine = chunk[learned[start : start + len(chunk)]]
        start += len(chunk)
        for name, of_field in counts.items():
            of_field.update(_values(name, fields[name], mine))
    for name, old in before.items():
        pairs = zip(counts[name], old.encode([*counts[name]]).tolist(), strict=True)
        values = sorted(value for value, known in pairs if value and not known)
        times = np.array([counts[name][value] for value in values], np.int64) + _unknown(base, name, values)
        most = settings.max_vocabulary and max(settings.max_vocabulary + 1 - old.size, 0)
        new = [values[place] for place in frequent(times, settings.min_count_of(name), most)]
        path, bag = encoder_file(folder, name), fields[name]
        now = Vocabulary(old.size + len(new), write_vocabulary(path, [old.values, new]), path)
        fields[name] = replace(bag, values=now) if isinstance(bag, BagEncoder) else now
    sparse = (
        one if one.vectors else replace(one, size=fields[one.name].size) for one in encoder.schema.sparse
    )
    return replace(encoder, schema=replace(encoder.schema, sparse=tuple(sparse)), fields=fields)


def _values(name: str, encoder: FieldEncoder, columns: pd.DataFrame) -> list[str]:
    """Return the values of a field as texts; of a bag all of its different ones."""
    [column] = encoder.reads(name)
    if isinstance(encoder, BagEncoder):
        return [value for bag in lists(columns[column]) for value in {*texts(bag)}]
    return texts_of(column, columns, None)


def _unknown(base: Prepared, name: str, values: Sequence[str]) -> Ints:
    """Return how many older rows have each value of a field that its vocabulary lacks, [V]; 0 for bags."""
    if name not in base.hashes:
        return np.zeros(len(values), np.int64)
    hashes, place = base.hashes[name], [one.name for one in base.schema.sparse].index(name)
    counts = np.zeros(len(hashes), np.int64)
    for part in map(base.part, PARTS):
        counts += np.bincount(part.coded[place].codes[part.ids[:, place] == 0], minlength=len(hashes))
    codes = codes_of(hashes_of(values), hashes)
    return np.where(codes > 0, counts[codes], 0)


def codes_of(values: NDArray[Any], table: NDArray[Any]) -> Codes:
    """Return the place of each value in a table of distinct ones that begins with 0; 0 if it lacks it."""
    order = np.argsort(table)
    places = order[np.searchsorted(table, values, sorter=order).clip(max=len(table) - 1)]
    return np.where(table[places] == values, places, 0).astype(np.int32)
