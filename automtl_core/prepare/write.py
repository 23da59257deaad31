"""Output of preparation: arrays of each part, and bags."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.store import PARTS, write_array, write_header
from automtl_core.dataset.schema import Task
from automtl_core.fields.encode import file_name
from automtl_core.fields.sparse import BagCounts
from automtl_core.prepare.encode import BEGIN, LIST, Encoding, chunks, rows_of
from automtl_core.prepare.events import EventLog, matched_values, stacked
from automtl_core.prepare.known import digests, hashes_of_codes
from automtl_core.prepare.split import seconds_of_codes, sizes_of
from automtl_core.prepare.values import Examples
from automtl_core.raw.sql import DB
from automtl_core.system.progress import Progress


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


def write_parts(
    table: Examples, encoding: Encoding, logs: Sequence[EventLog], draft: Path, progress: Progress
) -> None:
    """Write the arrays of all parts in one pass over `examples`, in a folder for each part."""
    arrays_of, sizes = _arrays(table, encoding, logs), sizes_of(table.parts)
    files, done = dict[tuple[str, str], BinaryIO](), 0
    with ExitStack() as stack:
        for part in PARTS:
            (draft / part).mkdir()
        for chunk, places in chunks(table):
            for name, array in arrays_of(chunk).items():
                for place, part in enumerate(PARTS):
                    if (part, name) not in files:
                        file = stack.enter_context((draft / part / f"{name}.npy").open("wb"))
                        write_header(file, array.dtype, (sizes[place], array.shape[1]))
                        files[part, name] = file
                    files[part, name].write(array[places == place].tobytes())
            done += len(places)
            progress("write", done / len(table.parts))


def write_bags(encoding: Encoding, draft: Path) -> None:
    """Write the bags of each multi-valued field: the distinct known values, in the order of their ids."""
    for name, learner in encoding.learners.items():
        if isinstance(learner, BagCounts):
            (draft / "bags").mkdir(exist_ok=True)
            starts, values = (draft / "bags" / f"{file_name(name)}.{one}.npy" for one in ("starts", "values"))
            write_array(starts, np.int64, learner.starts.shape, [learner.starts])
            write_array(values, np.int32, (int(learner.starts[-1]),), learner.values())


def write_hashes(db: DB, encoding: Encoding, draft: Path) -> Encoding:
    """Write the hash of the value of each code of fields with a vocabulary; return the encoders with them."""
    (draft / "hashes").mkdir()
    found = {}
    for name, encoder in encoding.encoders.items():
        if encoder.kind == "vocabulary":
            np.save(path := draft / "hashes" / f"{file_name(name)}.npy", hashes_of_codes(db, name))
            found[name] = np.load(path, mmap_mode="r")
    return replace(encoding, hashes=found)


def _arrays(
    table: Examples, encoding: Encoding, logs: Sequence[EventLog]
) -> Callable[[Mapping[str, NDArray[Any]]], dict[str, NDArray[Any]]]:
    """Return the function for the arrays of the rows of a chunk by file, [R, width] each."""
    learners, scales, layout = encoding.learners, encoding.scales, table.layout
    digest, weights, time = digests(table, encoding.hashes), layout.weight_keys, layout.ranked
    seconds = seconds_of_codes(table.db, time)[1] if time else np.zeros(0)

    def arrays(chunk: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        one = np.ones(rows_of(chunk))
        labels = [
            scales[task.name].encode(chunk[task.name]) if task.name in scales else chunk[task.name]
            for task in layout.labels
        ]
        found: dict[str, tuple[Sequence[NDArray[Any]], type[np.generic]]] = {
            "ids": ([learners[field.name].encode(chunk) for field in layout.sparse], np.int32),
            "dense": ([learners[field.name].encode(chunk) for field in layout.dense], np.float32),
            "labels": (labels, np.float32),
            "rows": ([digest(chunk)], np.uint64),
        }
        if weights:
            found["weights"] = (
                [chunk.get(weights.get(task.name, ""), one) for task in layout.labels],
                np.float32,
            )
        if table.dataset.user:
            found["users"] = [chunk[table.dataset.user]], np.int32
        if time:
            found["seconds"] = [seconds[chunk[time] - 1]], np.float64
        if LIST in chunk:
            found["lists"] = [chunk[LIST]], np.int32
        if BEGIN in chunk:
            found["begin"] = [chunk[BEGIN]], np.float64
        found |= {f"{file_name(name)}.codes": ([chunk[name]], np.int32) for name in encoding.hashes}
        made = {name: stacked(columns, chunk, dtype) for name, (columns, dtype) in found.items()}
        for log in logs:
            name = file_name(log.history.name)
            made |= {
                f"{name}.spans": log.spans(chunk).astype(log.dtype),
                f"{name}.times": log.row_times(chunk),
                f"{name}.values": matched_values(encoding, log.history, chunk),
            }
        return made

    return arrays
