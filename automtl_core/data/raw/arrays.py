"""Files of numpy (.npy) become tables with one column: an array of texts or integers, or of vectors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.data.raw.sql import quoted
from automtl_core.dataset.dataset import LARGEST, Column, RawFile
from automtl_core.errors import DataError

ROWS = 100_000
"""Number of rows that are converted at a time."""


def opened(path: Path, file: RawFile) -> NDArray[Any]:
    """Return a memory-mapped array that fits the declaration of its column.

    Raises:
        DataError: it is not an array, or holds other values; the message names the first faulty row.

    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path}: not an array of numbers or texts: {error}", "write it with numpy.save, without objects"
        ) from None
    [(name, column)] = _used(file).items()
    vectors = column.kind == "vector"
    shape = "[values, numbers] of numbers" if vectors else "[values] of texts or integers"
    if array.ndim != 1 + vectors or array.dtype.kind not in ("fiu" if vectors else "UiuS"):
        raise DataError(
            f"{path}: an array {list(array.shape)} of {array.dtype}, expected {shape} for {name}",
            "write it again in this shape",
        )
    if vectors:
        for start in range(0, len(array), ROWS):
            wrong = ~(np.abs(array[start : start + ROWS].astype(np.float64)) <= LARGEST).all(1)
            if wrong.any():
                row = start + int(wrong.argmax())
                raise DataError(
                    f"{path}: row {row} (the first one is 0): {name} holds numbers that are not finite",
                    "repair the vector, or leave it and its id out",
                )
    return array


def load(db: duckdb.DuckDBPyConnection, table: str, path: Path, file: RawFile) -> None:
    """Create a table from an array; raises as `opened` does."""
    array = opened(path, file)
    [(name, column)] = _used(file).items()
    vectors = column.kind == "vector"
    kind = "FLOAT[]" if vectors else "VARCHAR"
    db.execute(f"CREATE TEMP TABLE {quoted(table)} ({quoted(name)} {kind})")
    for start in range(0, len(array), ROWS):
        some = np.asarray(array[start : start + ROWS])
        if vectors:
            values: list[Any] = list(some.astype(np.float32))
        else:
            values = [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in some.tolist()]
        db.register("rows of an array", pd.DataFrame({"value": values}))
        db.execute(f'INSERT INTO {quoted(table)} SELECT CAST(value AS {kind}) FROM "rows of an array"')
        db.unregister("rows of an array")


def _used(file: RawFile) -> Mapping[str, Column]:
    return {name: column for name, column in file.columns.items() if column.kind != "unused"}
