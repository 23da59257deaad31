"""Prepared rows read back: in chunks as they are stored, or decoded to what the raw files held.

Letters: R rows, V values of bags.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.store import Bags, Part, Prepared, file_name
from automtl_core.schema import SparseField, Task

CHUNK = 1 << 20
"""Rows, or values of bags, that are looked at together."""

Value = str | float | int | list[str] | None


def chunks(part: Part) -> Iterator[Part]:
    """Yield the rows of a part, `CHUNK` at a time, still memory-mapped."""
    for start in range(0, len(part), CHUNK):
        rows = slice(start, start + CHUNK)
        yield Part(part.ids[rows], part.dense[rows], part.labels[rows], part.bags)


def held(bags: Bags) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32]]]:
    """Yield the values of all bags in chunks: the number of the bag of each, [V], and the value, [V]."""
    for start in range(0, len(bags.values), CHUNK):
        values = np.asarray(bags.values[start : start + CHUNK])
        first, last = np.searchsorted(bags.starts, [start, start + len(values) - 1], side="right") - 1
        bounds = np.clip(bags.starts[first : last + 2], start, start + len(values))
        yield np.repeat(np.arange(first, last + 1), bounds[1:] - bounds[:-1]), values


def unscaled(values: NDArray[np.float32], scale: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return the numbers that were scaled, [R]; a missing one was stored as 0, and becomes what 0 stands for.

    Args:
        values: Of a dense field or a real label, [R].
        scale: What the manifest says of it.

    """
    numbers = np.asarray(values, dtype=np.float64) * scale["width"] + scale["offset"]
    return np.asarray(np.sign(numbers) * np.expm1(np.abs(numbers))) if scale["kind"] == "log" else numbers


def sample(prepared: Prepared, count: int) -> list[dict[str, Value]]:
    """Return the first training rows, decoded: by row what each field and label holds.

    Ids become the values of the vocabulary, and those of hashed fields and buckets of numbers `#1`, `#2` and
    so on; what the model cannot tell from an unseen value is None, and so is a missing label. Dense values
    are unscaled, and rounded since they are stored in single precision.
    """
    part, schema, scales = prepared.part("train"), prepared.schema, prepared.manifest["scales"]
    count = min(count, len(part))
    columns: dict[str, Sequence[Value]] = {}
    for place, field in enumerate(schema.sparse):
        columns[field.name] = _values(prepared, field, part, place, count)
    for place, dense in enumerate(schema.dense):
        columns[dense.name] = [_rounded(v) for v in unscaled(part.dense[:count, place], scales[dense.name])]
    for place, task in enumerate(schema.tasks):
        columns[task.name] = [_label(value, task) for value in part.labels[:count, place].tolist()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _values(prepared: Prepared, field: SparseField, part: Part, place: int, count: int) -> list[Value]:
    ids = part.ids[:count, place].tolist()
    if not field.multi:
        named = _names(prepared, field, set(ids))
        return [named[one] for one in ids]
    starts, values = part.bags[place]
    bags = [values[starts[bag] : starts[bag + 1]].tolist() for bag in ids]
    named = _names(prepared, field, {value for bag in bags for value in bag})
    return [[str(named[value]) for value in bag] for bag in bags]


def _names(prepared: Prepared, field: SparseField, ids: set[int]) -> dict[int, str | None]:
    """Return the values of ids, without reading a whole vocabulary into memory."""
    path = prepared.path / "vocabulary" / f"{file_name(field.name)}.txt"
    if not path.exists():
        return {one: f"#{one}" if one else None for one in ids}
    with path.open(encoding="utf-8") as lines:
        known = islice(lines, max(ids, default=-1) + 1)
        return {one: json.loads(line) for one, line in enumerate(known) if one in ids}


def _label(value: float, task: Task) -> Value:
    if np.isnan(value):
        return None
    return int(value) if task.kind == "binary" else _rounded(value * task.deviation + task.mean)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
