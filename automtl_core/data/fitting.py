"""Encodings that are fitted to training rows: bin edges of numeric fields, and aggregates.

The numbers of aggregates are computed once for prepared data. Its folder holds them for later runs:

    aggregates-<digest>/
        train.npy, validation.npy        [R, M + A] float32: dense fields, then numbers of aggregates
        aggregates.json                  the state, whose arrays are in aggregates-<digest>.npz

Letters: R rows, M dense fields, P derived numbers, Q edges, A numbers.
"""

import hashlib
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from automtl_core.data.aggregates import NONE, Aggregates, fit
from automtl_core.data.earlier import Earlier
from automtl_core.data.part import Part, chunks
from automtl_core.dataset.encodings import BINS
from automtl_core.dataset.schema import Schema
from automtl_core.errors import ArtifactError, AutoMTLError
from automtl_core.fields.field import Singles
from automtl_core.fields.numeric import edges
from automtl_core.system.documents import canonical, read_signed, write_signed
from automtl_core.system.files import publish_folder

FORMAT = 1
FILE = "aggregates.json"
FIX = "delete the folder: the next run computes it again"

ROWS = 1_000_000
"""Largest number of rows for the computation of edges."""


def bin_edges(part: Part, schema: Schema) -> Singles | None:
    """Return the edges of bins of equal frequency, with the minimum and the maximum, [M + P, Q].

    Where numbers repeat, there are fewer bins, and the last edge is repeated. None if no field has bins, and
    no number is derived.
    """
    if schema.encodings.numbers != "bins" and not schema.encodings.pairs:
        return None
    dense = np.asarray(part.dense[:: -(-len(part) // ROWS) or 1, : len(schema.dense)])
    found = np.zeros((len(schema.numbers), BINS + 1), np.float32)
    with np.errstate(all="ignore"):
        columns = [*dense.T, *schema.derived(dense)]
    for row, column in zip(found, columns, strict=True):
        known = column[np.isfinite(column)].astype(np.float64)
        if len(known):
            low, high = known.min(), known.max()
            inner = [edge for edge in edges(known, BINS) if low < edge]
            row[:] = [low, *inner, *[high] * (BINS - len(inner))]
    return found


@dataclass(frozen=True)
class Encoded:
    """Rows with the encodings of a schema."""

    train: Part
    validation: Part
    """Held-out rows, whose aggregates see all training rows."""
    edges: Singles | None = None  # [M + P, Q]
    """Bin edges of dense fields; None without bins."""
    aggregates: Aggregates = NONE


def encoded(
    train: Part, validation: Part, schema: Schema, rule: Earlier, path: Path | None = None
) -> Encoded:
    """Return rows with the encodings of a schema, which are fitted to the training rows.

    Rows have no histories if the encodings read none.

    Args:
        train: Training rows.
        validation: Other rows.
        schema: Schema with the encodings.
        rule: The rows that a training row sees in aggregates.
        path: Folder of the prepared data, which keeps the numbers of aggregates; None for none.

    """
    if train.histories and not schema.encodings.of_histories:
        train, validation = replace(train, histories=()), replace(validation, histories=())
    found = bin_edges(train, schema)
    if not schema.encodings.keys:
        return Encoded(train, validation, found)
    parts = {"train": train, "validation": validation}
    if path is None:
        dense: Mapping[str, Singles] = {
            name: np.empty((len(part), schema.n_numbers), np.float32) for name, part in parts.items()
        }
        aggregates = _fill(parts, schema, rule, dense)
    else:
        chosen = schema.encodings.model_dump(mode="json", include={"aggregates", "refresh"})
        keys = canonical(chosen)
        folder = path / f"aggregates-{hashlib.sha256(keys).hexdigest()[:12]}"
        try:
            dense, aggregates = _kept(folder, parts, schema, rule)
        except AutoMTLError:  # such as in a read-only folder
            return encoded(train, validation, schema, rule)
    rows = [replace(part, dense=dense[name]) for name, part in parts.items()]
    return Encoded(rows[0], rows[1], found, aggregates)


def _kept(
    folder: Path, parts: Mapping[str, Part], schema: Schema, rule: Earlier
) -> tuple[Mapping[str, Singles], Aggregates]:
    """Return the numbers in a folder, after they were computed if there is none, or it is damaged."""
    for attempt in range(2):
        if not folder.exists():
            with publish_folder(folder, same_content=True) as draft:
                dense: dict[str, Any] = {
                    name: open_memmap(draft / f"{name}.npy", "w+", np.float32, (len(part), schema.n_numbers))
                    for name, part in parts.items()
                }
                content = _fill(parts, schema, rule, dense).save(draft)
                for array in dense.values():
                    array.flush()
                write_signed(draft / FILE, FORMAT, {"aggregates": content})
        with suppress(ArtifactError, OSError, ValueError, KeyError, TypeError):
            content = read_signed(folder / FILE, FORMAT, FIX)["aggregates"]
            aggregates = Aggregates.load(content, folder, schema.tasks)
            dense = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in parts}
            if all(dense[name].shape == (len(part), schema.n_numbers) for name, part in parts.items()):
                return dense, aggregates
        if not attempt:
            shutil.rmtree(folder, ignore_errors=True)
    raise ArtifactError(f"{folder}: damaged", FIX)


def _fill(
    parts: Mapping[str, Part], schema: Schema, rule: Earlier, dense: Mapping[str, Singles]
) -> Aggregates:
    """Write dense fields and numbers of aggregates into arrays; return the state."""
    fields = len(schema.dense)
    for name, part in parts.items():
        dense[name][:, :fields] = part.dense
    aggregates = fit(parts["train"], schema, rule, dense["train"][:, fields:])
    start = 0
    for chunk in chunks(parts["validation"]):
        dense["validation"][start : start + len(chunk)] = aggregates.of_part(chunk, schema).dense
        start += len(chunk)
    return aggregates
