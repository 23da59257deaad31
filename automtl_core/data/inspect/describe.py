"""What prepared data looks like, in numbers: `automtl data describe`.

Letters: R rows, T tasks. Arrays are read in chunks; what is kept is a number a value of a field, and a hash a
row of the training part.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.columns import Scale
from automtl_core.data.inspect.duplicates import duplicates
from automtl_core.data.inspect.leaks import alone, rules
from automtl_core.data.part import Part
from automtl_core.data.prepare.encode import Moments
from automtl_core.data.progress import Progress, silent
from automtl_core.data.rows import chunks, held
from automtl_core.data.store import PARTS, Prepared
from automtl_core.schema import SparseField

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def describe(prepared: Prepared, progress: Progress = silent) -> dict[str, Any]:
    """Return rows of each part, and what fields and tasks hold, as JSON.

    For a sparse field: its vocabulary's size, the share of training rows that hold its most frequent value,
    values a row where it is multi-valued, and for each part the share of rows without a known value: blank,
    rare or unseen. For a dense field: mean, deviation and range in the training part, a missing number taken
    as its stand-in. For a task: rows with the label in each part, their mean, and the positives. The
    correlation of labels [T, T] is that of the training rows that have both, null where one is constant.
    Then what may be wrong: see `duplicates`, `leaks.alone` and `leaks.rules`.
    """
    schema, parts = prepared.schema, {name: prepared.part(name) for name in PARTS}
    progress("fields and labels", 0.0)
    pairs = _pairs(parts["train"])
    found = {
        "rows": {name: len(part) for name, part in parts.items()},
        "sparse": {field.name: _sparse(field, parts, place) for place, field in enumerate(schema.sparse)},
        "dense": {
            field.name: _dense(parts["train"], place, prepared.encoder.scales[field.name])
            for place, field in enumerate(schema.dense)
        },
        "tasks": {
            task.name: {name: prepared.manifest["labels"][name][task.name] for name in PARTS}
            for task in schema.tasks
        },
        "correlation": _correlation(pairs),
        "rules": rules(schema, pairs.one, pairs.product, pairs.rows),
    }
    progress("leaks", 0.3)
    found["alone"] = alone(prepared)
    progress("duplicates", 0.7)
    return {**found, "duplicates": duplicates(prepared)}


def _sparse(field: SparseField, parts: Mapping[str, Part], place: int) -> dict[str, float | None]:
    bags = parts["train"].bags.get(place)
    size = field.size if bags is None else len(bags.starts) - 1
    counts = {name: _counts(part, place, size) for name, part in parts.items()}
    of_values, lengths = counts["train"], np.minimum(np.arange(size), 1)
    if bags is not None:
        of_values, lengths = np.zeros(field.size, dtype=np.int64), np.diff(bags.starts)
        for owners, values in held(bags):
            np.add.at(of_values, values, counts["train"][owners])
    rows = counts["train"].sum()
    unknown = {name: float(seen[lengths == 0].sum() / seen.sum()) for name, seen in counts.items()}
    return {
        "vocabulary": field.size - 1,
        "top": float(of_values[1:].max(initial=0) / rows),
        "values_a_row": None if bags is None else float(lengths @ counts["train"] / rows),
        **{f"unknown_{name}": share for name, share in unknown.items()},
    }


def _counts(part: Part, place: int, size: int) -> Ints:
    """Return how many rows hold each id, or bag, of a field."""
    counts = np.zeros(size, dtype=np.int64)
    for chunk in chunks(part):
        counts += np.bincount(chunk.ids[:, place], minlength=size)
    return counts


def _dense(train: Part, place: int, scale: Scale) -> dict[str, float]:
    seen = Moments()
    for chunk in chunks(train):
        seen.add(scale.inverse(chunk.dense[:, place]))
    return {"mean": seen.mean, "deviation": seen.deviation, "low": seen.low, "high": seen.high}


class _Pairs(NamedTuple):
    """Sums over the rows that have two labels, [T, T]; the row of the matrix is that of the first label."""

    rows: Floats
    one: Floats
    """Of the first label."""
    square: Floats
    """Of its square."""
    product: Floats


def _pairs(part: Part) -> _Pairs:
    tasks = part.labels.shape[1]
    sums = _Pairs(*(np.zeros((tasks, tasks)) for _ in _Pairs._fields))
    for chunk in chunks(part):
        labels = np.asarray(chunk.labels, dtype=np.float64)
        known = (~np.isnan(labels)).astype(np.float64)
        labels = np.nan_to_num(labels)
        products = (known.T @ known, labels.T @ known, (labels**2).T @ known, labels.T @ labels)
        for total, product in zip(sums, products, strict=True):
            total += product
    return sums


def _correlation(pairs: _Pairs) -> list[list[float | None]]:
    rows = np.maximum(pairs.rows, 1)
    spread = pairs.square - pairs.one**2 / rows
    scale = np.sqrt(spread * spread.T)
    shared = pairs.product - pairs.one * pairs.one.T / rows
    return [
        [round(float(value / size), 6) if size > 0 else None for value, size in zip(*both, strict=True)]
        for both in zip(shared, scale, strict=True)
    ]
