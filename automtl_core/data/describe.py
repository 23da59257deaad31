"""What prepared data looks like, in numbers: `automtl data describe`.

Letters: R rows, T tasks. Arrays are read in chunks; what is kept is a number a value of a field, and a hash a
row of the training part.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.duplicates import duplicates
from automtl_core.data.encode import Moments
from automtl_core.data.leaks import alone, rules
from automtl_core.data.rows import chunks, held, unscaled
from automtl_core.data.store import PARTS, Bags, Part, Prepared
from automtl_core.schema import SparseField

Ints = NDArray[np.int64]


def describe(prepared: Prepared) -> dict[str, Any]:
    """Return rows of each part, and what fields and tasks hold, as JSON.

    For a sparse field: its vocabulary's size, the share of training rows that hold its most frequent value,
    values a row where it is multi-valued, and for each part the share of rows without a known value: blank,
    rare or unseen. For a dense field: mean, deviation and range in the training part, a missing number taken
    as its stand-in. For a task: rows with the label in each part, their mean, and the positives. The
    correlation of labels [T, T] is that of the training rows that have both, null where one is constant.
    Then what may be wrong: see `duplicates`, `leaks.alone` and `leaks.rules`.
    """
    schema, parts = prepared.schema, {name: prepared.part(name) for name in PARTS}
    pairs = _pairs(parts["train"])
    return {
        "rows": {name: len(part) for name, part in parts.items()},
        "sparse": {
            field.name: _of_bags(field, parts, place) if field.multi else _of_ids(field, parts, place)
            for place, field in enumerate(schema.sparse)
        },
        "dense": {
            field.name: _numbers(parts["train"], place, prepared.manifest["scales"][field.name])
            for place, field in enumerate(schema.dense)
        },
        "tasks": {
            task.name: {name: prepared.manifest["labels"][name][task.name] for name in PARTS}
            for task in schema.tasks
        },
        "correlation": _correlation(pairs),
        "rules": rules(schema, pairs["one"], pairs["product"], pairs["rows"]),
        "alone": alone(prepared),
        "duplicates": duplicates(prepared),
    }


def _of_ids(field: SparseField, parts: Mapping[str, Part], place: int) -> dict[str, float | None]:
    counts = {name: _counts(part, place, field.size) for name, part in parts.items()}
    return _field(field, counts["train"], counts, None)


def _of_bags(field: SparseField, parts: Mapping[str, Part], place: int) -> dict[str, float | None]:
    bags = parts["train"].bags[place]
    lengths = np.diff(bags.starts)
    counts = {name: _counts(part, place, len(lengths)) for name, part in parts.items()}
    in_rows = np.zeros(field.size, dtype=np.int64)
    for owners, values in held(bags):
        np.add.at(in_rows, values, counts["train"][owners])
    empty = {name: np.array([of_part[lengths == 0].sum(), of_part.sum()]) for name, of_part in counts.items()}
