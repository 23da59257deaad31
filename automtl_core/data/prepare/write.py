"""Output of preparation: arrays of each part, and bags."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from automtl_core.data.prepare.encode import Encoding, chunks
from automtl_core.data.prepare.examples import oracles
from automtl_core.data.prepare.split import Parts
from automtl_core.data.store import PARTS, write_header
from automtl_core.dataset.dataset import Dataset, dense_fields, learned, sparse_fields
from automtl_core.disk.files import file_name
from automtl_core.fields.bag import BagCounts


class Tally(NamedTuple):
    """Label counts by part and task: arrays [3, T]."""

    labelled: NDArray[np.int64]
    """Rows with the label."""
    total: NDArray[np.float64]
    """Sum of the stored labels."""


class _Array(NamedTuple):
    name: str
    dtype: type[np.generic]
    columns: Sequence[Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]]
    """Functions that return each column of a chunk."""


def write_parts(
    db: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    encoding: Encoding,
    parts: Parts,
    draft: Path,
    advance: Callable[[int], None],
) -> Tally:
    """Write the arrays of all parts in one pass over `examples`.

    Args:
        db: Database with the table `examples`.
        dataset: The adapter.
        encoding: Encoders of the columns.
        parts: Part of each row, [R].
        draft: Output folder, with a folder for each part.
        advance: Called with the number of rows of each written chunk.

    """
    arrays = _arrays(dataset, encoding)
    sizes = np.bincount(parts, minlength=len(PARTS))
    shape = (len(PARTS), len(learned(dataset)))
    tally = Tally(np.zeros(shape, np.int64), np.zeros(shape))
    with ExitStack() as stack:
        files = {}
        for part, rows in zip(PARTS, sizes, strict=True):
            (draft / part).mkdir()
            for array in arrays:
                file = stack.enter_context((draft / part / f"{array.name}.npy").open("wb"))
                write_header(file, array.dtype, (int(rows), len(array.columns)))
                files[part, array.name] = file
        for chunk, places in chunks(db, dataset, parts):
            for array in arrays:
                block = np.empty((len(places), len(array.columns)), dtype=array.dtype)
                for n, column in enumerate(array.columns):
                    block[:, n] = column(chunk)
                for place, part in enumerate(PARTS):
                    mine = block[places == place]
                    files[part, array.name].write(mine.tobytes())
                    if array.name == "labels":
                        tally.labelled[place] += (~np.isnan(mine)).sum(axis=0)
                        tally.total[place] += np.nansum(mine, axis=0, dtype=np.float64)
            advance(len(places))
    return tally


def write_bags(encoding: Encoding, draft: Path) -> None:
    """Write the bags of each multi-valued field: the distinct known values, in the order of their ids."""
    for name, learner in encoding.learners.items():
        if isinstance(learner, BagCounts):
            (draft / "bags").mkdir(exist_ok=True)
            path = draft / "bags" / file_name(name)
            with path.with_name(f"{path.name}.starts.npy").open("wb") as file:
                _write_array(file, [learner.starts], np.int64, len(learner.starts))
            with path.with_name(f"{path.name}.values.npy").open("wb") as file:
                _write_array(file, learner.values(), np.int32, int(learner.starts[-1]))


def _write_array(
    file: IO[bytes],
    blocks: Iterable[NDArray[Any]],
    dtype: type[np.generic],
    length: int,
) -> None:
    write_header(file, dtype, (length,))
    for block in blocks:
        file.write(block.astype(dtype, copy=False).tobytes())


def _arrays(dataset: Dataset, encoding: Encoding) -> list[_Array]:
    def code(name: str) -> Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]:
        return lambda chunk: chunk[name]

    def label(name: str) -> Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]:
        scale = encoding.scales.get(name)
        return lambda chunk: scale.encode(chunk[name]) if scale else chunk[name]

    def oracle(column: str | None) -> Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]:
        return lambda chunk: chunk[column] if column else np.full(len(next(iter(chunk.values()))), np.nan)

    arrays = [
        _Array("ids", np.int32, [encoding.learners[field.name].encode for field in sparse_fields(dataset)]),
        _Array(
            "dense", np.float32, [encoding.learners[field.name].encode for field in dense_fields(dataset)]
        ),
        _Array("labels", np.float32, [label(task.name) for task in learned(dataset)]),
    ]
    if oracles(dataset):
        arrays.append(_Array("oracle", np.float64, [oracle(task.oracle) for task in learned(dataset)]))
    if dataset.user:
        arrays.append(_Array("users", np.int32, [code(dataset.user)]))
    if dataset.time and dataset.settings.split == "time":
        arrays.append(_Array("times", np.int32, [code(dataset.time)]))
    return arrays
