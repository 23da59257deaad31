"""Target statistics: smoothed mean labels of the training rows with a value, as inputs beside embeddings.

For a value that S of N labelled training rows with it have a label of 1, and the prior pi of the task:

    p = (S + a * pi) / (N + a)        logit(p) - logit(pi)

and for a regression, whose labels are standardised, p - pi; in addition, for all tasks, log(1 + rows with the
value). A training row must not contain its own label, so its sums are those of the other folds
(Micci-Barreca, SIGKDD Explorations 2001; out of fold as in Pargent et al., Computational Statistics 2022) or,
with statistics of earlier rows, those of the periods before its own (Prokhorenkova et al., "CatBoost",
NeurIPS 2018). Counts are then divided by the share of rows in the sums, so that they are like those of new
rows. All columns are standardised over training rows, separately for each field.

Tables have the size of the vocabulary, not of the rows: a training row gets the numbers of its fold, and a
new row those of all folds together.

Letters: R rows, V ids of all fields, T tasks, K folds, C = T + 1 numbers of a value.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.part import Part, counts_of
from automtl_core.dataset.encodings import Encodings
from automtl_core.dataset.schema import Cross, Schema, SparseField, Task

CHUNK = 1 << 18
"""Number of rows that are counted together."""
LEAST = 0.1
"""Lower bound of the deviation, in logits, by which a column is divided: less variation is noise between
folds."""

Tables = NDArray[np.float32]
"""[K + 1, V, C]: the statistics for the rows of each fold, and last those over all rows."""


def folds_of(rows: int, count: int, seed: int) -> NDArray[np.int8]:
    """Return the fold of each training row, a hash of the seed and the index of the row, [R]."""
    folds = np.empty(rows, np.int8)
    for start in range(0, rows, CHUNK):
        mixed = np.arange(start, min(start + CHUNK, rows), dtype=np.uint64) + np.uint64(seed % 2**63)
        with np.errstate(over="ignore"):  # the finaliser of splitmix64
            for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
                mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        folds[start : start + CHUNK] = (mixed ^ (mixed >> np.uint64(31))) % np.uint64(count)
    return folds


def periods_of(times: NDArray[np.int32], count: int) -> NDArray[np.int8]:
    """Return the period of each training row, [R]; periods have equal size, rows of one time share theirs."""
    before = np.cumsum(counts_of(times)) - 1
    periods = (before * count // max(len(times), 1)).astype(np.int8)
    return periods[times]


def fit(part: Part, folds: NDArray[np.int8], schema: Schema, fields: Sequence[SparseField | Cross]) -> Tables:
    """Return the statistics of fields, with the ids of all fields concatenated as in `modules.embedding`.

    Args:
        part: The training rows.
        folds: Fold or period of each row; see `folds_of` and `periods_of`.
        schema: Schema of the rows.
        fields: All sparse fields of the schema, or its crosses.

    """
    return np.concatenate(
        [_Field(part, folds, schema, place, field).tables() for place, field in enumerate(fields)], axis=1
    )


class _Field:
    """Statistics of one field, counted task by task: memory is proportional to its vocabulary."""

    def __init__(
        self, part: Part, folds: NDArray[np.int8], schema: Schema, place: int, field: SparseField | Cross
    ) -> None:
        self.part, self.folds, self.schema = part, folds, schema
        self.encodings: Encodings = schema.encodings
        self.place, self.field = place, field

    def tables(self) -> Tables:
        """Return the statistics of the field, [K + 1, size, C]."""
        (rows,) = self._counted(None)
        tasks = self.schema.tasks
        tables = np.empty((len(rows) + 1, self.field.size, len(tasks) + 1), np.float32)
        for t, task in enumerate(tasks):
            tables[:, :, t] = _standardised(self._scored(self._counted(t), task), rows)
        seen = self._seen(rows)
        totals = seen.sum(1, keepdims=True)
        seen *= totals[-1] / np.maximum(totals, 1)  # scaled to the sums over all rows
        tables[:, :, -1] = _standardised(np.log1p(seen, out=seen), rows)
        return tables

    def _counted(self, task: int | None) -> list[NDArray[np.float64]]:
        """Return row counts by fold and value, [K, size]; for a task, counts and sums of its labels."""
        shape = (self.encodings.folds, self.field.size)
        found = [np.zeros(shape) for _ in range(1 if task is None else 2)]
        for ids, fold, labels in self._read():
            at = fold * np.int64(self.field.size) + ids
            weights = [None]
            if task is not None:
                known = ~np.isnan(labels[:, task])
                at, weights = at[known], [None, labels[known, task]]
            for total, weight in zip(found, weights, strict=True):
                total += np.bincount(at, weight, minlength=total.size).reshape(shape)
        return found

    def _read(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
        """Yield ids with the folds and labels of their rows; a bag gives one entry for each of its values."""
        part = self.part
        for start in range(0, len(part), CHUNK):
            some = part.some(slice(start, start + CHUNK))
            fold, labels = self.folds[start : start + CHUNK].astype(np.int64), np.asarray(some.labels)
            if isinstance(self.field, Cross):
                ids = crossed(some, self.field)
            else:
                ids = np.asarray(some.ids[:, self.place], np.int64)
                if self.place in part.bags:
                    ids, lengths = part.bags[self.place].held(ids)
                    fold, labels = np.repeat(fold, lengths), np.repeat(labels, lengths, axis=0)
            yield ids, fold, labels

    def _seen(self, counted: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums for the rows of each fold, and over all rows, [K, size] -> [K + 1, size]."""
        whole = counted.sum(0)
        if self.encodings.statistics == "earlier":
            return np.concatenate([np.zeros_like(whole[None]), counted.cumsum(0)])
        return np.concatenate([whole - counted, whole[None]])

    def _scored(self, counted: Sequence[NDArray[np.float64]], task: Task) -> NDArray[np.float64]:
        """Return the statistics of one task, [K + 1, size]."""
        known, sums = counted
        prior, weight = sums.sum() / max(known.sum(), 1), self.encodings.smoothing
        p, seen = self._seen(sums), self._seen(known)
        p += weight * prior  # in place, since a copy has several times the memory of the vocabulary
        seen += weight
        p /= seen
        del seen
        p = task.type.logits_of(p)
        p -= task.type.logits_of(np.array([prior]))
        return p


def crossed(part: Part, cross: Cross) -> NDArray[np.int64]:
    """Return the ids of a pair of fields, [R], as `modules.inputs` does."""
    left, right = (np.asarray(part.ids[:, place], np.int64) for place in (cross.left, cross.right))
    return (left * cross.factor + right) % cross.size


def _standardised(column: NDArray[np.float64], rows: NDArray[np.float64]) -> Tables:
    """Return a column with mean 0 and deviation 1 over training rows, in the statistics of their folds.

    The column is changed in place.
    """
    weights = rows / max(rows.sum(), 1)
    mean = (weights * column[:-1]).sum()
    column -= mean
    squares = column[:-1] ** 2
    squares *= weights
    column /= max(np.sqrt(squares.sum()), LEAST)
    return column.astype(np.float32)
