"""Vocabularies that take in the values of new rows: old values keep their ids, and new ones get the next.

Letters: R rows, C codes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.encoder import Encoder, encoder_file
from automtl_core.data.frames import NewRows
from automtl_core.data.store import PARTS, Prepared
from automtl_core.fields.encode import FieldEncoder, lists, text_hash, texts, texts_of
from automtl_core.fields.sparse import BagEncoder, Vocabulary, write_vocabulary

ROWS = 1 << 14
"""Number of new rows that are read together."""
Hashes = Mapping[str, NDArray[np.uint64]]
"""Field with a vocabulary -> the hash of the value of each code, [C]."""


def vocabulary_of(encoder: FieldEncoder) -> Vocabulary | None:
    """Return the vocabulary of a field, of a bag that of its values; None for other fields."""
    inner = encoder.values if isinstance(encoder, BagEncoder) else encoder
    return inner if isinstance(inner, Vocabulary) else None


def grown(
    encoder: Encoder, base: Prepared, rows: NewRows, learned: NDArray[np.bool_], folder: Path
) -> Encoder:
    """Return an encoder with the values of new rows, as `dataset.min_count` and `max_vocabulary` ask.

    A value that older rows have too, but was not in the vocabulary, counts with these rows.

    Args:
        encoder: The encoder before.
        base: The older rows.
        rows: The new rows.
        learned: Whether a new row is a training row, [R].
        folder: Folder of the encoder, which receives the vocabularies.

    """
    settings, fields = base.manifest["settings"], dict(encoder.fields)
    for name, counts in _counts(encoder, base, rows, learned).items():
        before, least = vocabulary_of(fields[name]), settings["min_count"]
        assert before is not None  # noqa: S101 - it has counts
        least = least if isinstance(least, int) else least.get(name, 1)
        new = [value for value, count in sorted(counts.items()) if count >= least]
        if (most := settings["max_vocabulary"]) is not None:
            new = sorted(sorted(new, key=lambda value: -counts[value])[: max(most + 1 - before.size, 0)])
        path = encoder_file(folder, name)
        now = Vocabulary(before.size + len(new), write_vocabulary(path, [before.values, new]), path)
        of = fields[name]
        fields[name] = replace(of, values=now) if isinstance(of, BagEncoder) else now
    sparse = (
        one if one.vectors else replace(one, size=fields[one.name].size) for one in encoder.schema.sparse
    )
    return replace(encoder, schema=replace(encoder.schema, sparse=tuple(sparse)), fields=fields)


def _counts(
    encoder: Encoder, base: Prepared, rows: NewRows, learned: NDArray[np.bool_]
) -> dict[str, Counter[str]]:
    """Return field with a vocabulary -> value outside of it -> number of training rows with the value."""
    known = {name: of for name, one in encoder.fields.items() if (of := vocabulary_of(one)) is not None}
    found, start = {name: Counter[str]() for name in known}, 0
    for chunk in rows.chunks(ROWS):
        mine = chunk[learned[start : start + len(chunk)]]
        start += len(chunk)
        for name, vocabulary in known.items():
            values = _values(name, encoder.fields[name], mine)
            new = vocabulary.encode(values) == 0
            found[name].update(value for value, is_new in zip(values, new, strict=True) if is_new and value)
    for name, hashes in base.hashes.items():
        if name in found:
            held_out = dict(zip(hashes.tolist(), _unknown(base, name, len(hashes)).tolist(), strict=True))
            for value in found[name]:
                found[name][value] += held_out.get(text_hash(value), 0)
    return found


def _values(name: str, encoder: FieldEncoder, columns: pd.DataFrame) -> list[str]:
    """Return the values of a field as texts; of a bag all of its different ones."""
    [column] = encoder.reads(name)
    if isinstance(encoder, BagEncoder):
        return [value for bag in lists(columns[column]) for value in {*texts(bag)}]
    return texts_of(column, columns, None)


def _unknown(base: Prepared, name: str, codes: int) -> NDArray[np.int64]:
    """Return how many older rows have each code of a field, [C], where the vocabulary lacks its value."""
    place = [one.name for one in base.schema.sparse].index(name)
    counts = np.zeros(codes, np.int64)
    for part in map(base.part, PARTS):
        counts += np.bincount(part.coded[place].codes[part.ids[:, place] == 0], minlength=codes)
    return counts


def ids_of_codes(hashes: NDArray[np.uint64], before: Vocabulary, now: Vocabulary) -> NDArray[np.int32]:
    """Return the id of each code that is a new value, 0 for all others, [C]."""
    new: Sequence[str] = now.values[before.size - 1 :]
    ids: dict[Any, int] = {text_hash(value): place for place, value in enumerate(new, before.size)}
    return np.fromiter((ids.get(one, 0) for one in hashes.tolist()), np.int32, len(hashes))
