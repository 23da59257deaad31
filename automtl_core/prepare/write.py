"""Output of preparation: arrays of each part, and bags."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import DTypeLike, NDArray

from automtl_core.data.store import PARTS, write_header
from automtl_core.dataset.dataset import Dataset, dense_fields, learned, sparse_fields
from automtl_core.dataset.lists import Formed
from automtl_core.dataset.schema import Task
from automtl_core.fields.encode import file_name
from automtl_core.fields.sparse import BagCounts
from automtl_core.prepare.encode import BEGIN, LIST, Encoding, chunks, rows_of
from automtl_core.prepare.events import EventLog, matched_values, stacked
from automtl_core.prepare.examples import columns_of, weight_keys
from automtl_core.prepare.known import digests, hashes_of_codes
from automtl_core.prepare.split import Parts, seconds_of_codes, sizes_of


def facts_of_labels(folder: Path, tasks: Sequence[Task]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what the manifest says about the labels of each task, by part, from the written arrays."""
    found: dict[str, dict[str, dict[str, Any]]] = {part: {} for part in PARTS}
    for part, (t, task) in product(PARTS, enumerate(tasks)):
        labels, weights = (folder / part / f"{name}.npy" for name in ("labels", "weights"))
        column = np.load(labels, mmap_mode="r")[:, t]
        known = ~np.isnan(column)
        rows, total = int(known.sum()), float(column[known].sum(dtype=np.float64))
        mean = total / rows * task.deviation + task.mean if rows else None
        positives = {"positives": round(total)} if task.type.two_classes else {}
        found[part][task.name] = {"rows": rows, "mean": mean, **positives}
        if task.weight is not None:
            of_known = np.load(weights, mmap_mode="r")[known, t].astype(np.float64)
            weight, square = float(of_known.sum()), float((of_known**2).sum())
            effective = weight**2 / square if square else 0.0
            found[part][task.name] |= {"weight": weight, "effective_rows": effective}
    return found


Chunk = Mapping[str, NDArray[Any]]
Block = Callable[[Chunk], Any]
"""Function that returns values of the rows of a chunk, [R] or [R, width]."""


class _Array(NamedTuple):
    name: str
    dtype: type[np.generic]
    width: int
    block: Block


def write_parts(
    db: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    encoding: Encoding,
    logs: Sequence[EventLog],
    parts: Parts,
    lists: Formed | None,
    draft: Path,
    advance: Callable[[int], None],
) -> None:
    """Write the arrays of all parts in one pass over `examples`.

    Args:
        db: Database with the table `examples`.
        dataset: The adapter.
        encoding: Encoders of the columns.
        logs: The events of histories.
        parts: Part of each row, [R].
        lists: The lists of the rows; None without lists.
        draft: Output folder, with a folder for each part.
        advance: Called with the number of rows of each written chunk.

    """
    arrays = _arrays(db, dataset, encoding, logs, lists, draft)
    with ExitStack() as stack:
        files = {}
        for part, rows in zip(PARTS, sizes_of(parts), strict=True):
            (draft / part).mkdir()
            for array in arrays:
                file = stack.enter_context((draft / part / f"{array.name}.npy").open("wb"))
                write_header(file, array.dtype, (rows, array.width))
                files[part, array.name] = file
        for chunk, places in chunks(db, dataset, parts, lists):
            blocks = {array.name: array.block(chunk).astype(array.dtype, copy=False) for array in arrays}
            for place, part in enumerate(PARTS):
                for name, block in blocks.items():
                    files[part, name].write(block[places == place].tobytes())
            advance(len(places))


def write_bags(encoding: Encoding, draft: Path) -> None:
    """Write the bags of each multi-valued field: the distinct known values, in the order of their ids."""
    for name, learner in encoding.learners.items():
        if isinstance(learner, BagCounts):
            (draft / "bags").mkdir(exist_ok=True)
            starts, values = len(learner.starts), int(learner.starts[-1])
            arrays: list[tuple[str, type[np.generic], int, Iterable[NDArray[Any]]]] = [
                ("starts", np.int64, starts, [learner.starts]),
                ("values", np.int32, values, learner.values()),
            ]
            for array, dtype, size, blocks in arrays:
                write_array(draft / "bags" / f"{file_name(name)}.{array}.npy", dtype, (size,), blocks)


def write_array(path: Path, dtype: DTypeLike, shape: tuple[int, ...], blocks: Iterable[NDArray[Any]]) -> None:
    """Write an array whose rows come in blocks."""
    with path.open("wb") as file:
        write_header(file, dtype, shape)
        for block in blocks:
            file.write(block.astype(dtype, copy=False).tobytes())


def coded(encoding: Encoding) -> list[str]:
    """Return the fields with a vocabulary, whose values have codes: also values outside of the vocabulary."""
    return [name for name, encoder in encoding.encoders.items() if encoder.kind == "vocabulary"]


def write_hashes(db: duckdb.DuckDBPyConnection, encoding: Encoding, draft: Path) -> None:
    """Write the hash of the value of each code of fields with a vocabulary, 0 for none."""
    (draft / "hashes").mkdir()
    for name in coded(encoding):
        np.save(draft / "hashes" / f"{file_name(name)}.npy", hashes_of_codes(db, name))


def _arrays(
    db: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    encoding: Encoding,
    logs: Sequence[EventLog],
    lists: Formed | None,
    draft: Path,
) -> list[_Array]:
    def column(name: str | None) -> Block:
        scale = encoding.scales.get(name or "")
        if name is None:
            return lambda chunk: np.full(rows_of(chunk), np.nan)
        return lambda chunk: scale.encode(chunk[name]) if scale else chunk[name]

    def array(name: str, dtype: type[np.generic], columns: Sequence[Block]) -> _Array:
        def block(chunk: Chunk) -> NDArray[Any]:
            return stacked([column(chunk) for column in columns], chunk, dtype)

        return _Array(name, dtype, len(columns), block)

    encoders, tasks = encoding.learners, learned(dataset)
    arrays = [
        array("ids", np.int32, [encoders[field.name].encode for field in sparse_fields(dataset)]),
        array("dense", np.float32, [encoders[field.name].encode for field in dense_fields(dataset)]),
        array("labels", np.float32, [column(task.name) for task in tasks]),
    ]
    if keys := weight_keys(dataset):

        def ones(chunk: Chunk) -> NDArray[Any]:
            return np.ones(rows_of(chunk))

        of_tasks = [column(keys[task.name]) if task.name in keys else ones for task in tasks]
        arrays.append(array("weights", np.float32, of_tasks))
    if columns_of(dataset, "oracle"):
        arrays.append(array("oracle", np.float64, [column(task.oracle) for task in tasks]))
    if dataset.user:
        arrays.append(array("users", np.int32, [column(dataset.user)]))
    if dataset.time and dataset.settings.split == "time":
        time, (_, seconds) = dataset.time, seconds_of_codes(db, dataset.time)
        arrays.append(array("seconds", np.float64, [lambda chunk: seconds[chunk[time] - 1]]))
    if lists is not None:
        arrays.append(array("lists", np.int32, [column(LIST)]))
        if lists.begin is not None:
            arrays.append(array("begin", np.float64, [column(BEGIN)]))
    arrays.append(_Array("rows", np.uint64, 1, digests(db, dataset, draft / "hashes")))
    arrays += [array(f"{file_name(name)}.codes", np.int32, [column(name)]) for name in coded(encoding)]
    for log in logs:
        name = file_name(log.history.name)
        shared = len(encoding.event_fields(log.history))
        arrays += [
            _Array(f"{name}.spans", log.dtype, 2, log.spans),
            _Array(f"{name}.times", np.float64, 1, log.row_times),
            _Array(f"{name}.values", np.int32, shared, partial(matched_values, encoding, log.history)),
        ]
    return arrays
