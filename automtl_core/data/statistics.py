"""Target statistics: what training rows with a value say of each task, as numbers beside its embedding.

For a value that S of N labelled training rows with it have a label of 1, and the prior pi of the task:

    p = (S + a * pi) / (N + a)        logit(p) - logit(pi)

and of a regression, whose labels are standardised, p - pi; besides, for all tasks, log(1 + rows with it). A
training row must not see its own label, so that it is given the sums of the folds that it is not in
(Micci-Barreca, SIGKDD Explorations 2001; out of fold as in Pargent et al., Computational Statistics 2022).
Counts are then scaled up by K / (K - 1), so that they are like those of new rows. All columns are
standardised over training rows, separately for each field.

Tables follow the vocabulary, not the rows: a row is given its numbers by lookup, of its fold in training, and
of all folds together when it is new.

Letters: R rows, V ids of all fields, T tasks, K folds, C = T + 1 numbers of a value.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.part import Part
from automtl_core.schema import Schema, Task

FOLDS = 5
"""K. A row in training sees the labels of all others but a fifth."""
SMOOTHING = 10.0
"""a: rows that the prior counts for."""
CHUNK = 1 << 18
"""Rows that are counted together."""

LEAST = 0.1
"""Deviation, in logits, below which a column stays small: what varies less tells folds apart, not values."""

Tables = NDArray[np.float32]
"""[K + 1, V, C]: by the fold that is left out, and last with none left out."""


def folds_of(rows: int, seed: int) -> NDArray[np.int8]:
    """Return the fold of each training row, which follows from the seed and its place, [R]."""
    mixed = np.arange(rows, dtype=np.uint64) + np.uint64(seed % 2**63)
    with np.errstate(over="ignore"):  # the finaliser of splitmix64
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed ^ (mixed >> np.uint64(31))) % np.uint64(FOLDS)).astype(np.int8)


def fit(part: Part, folds: NDArray[np.int8], schema: Schema) -> Tables:
    """Return the statistics of all sparse fields, one field's ids behind the other's as in `FieldEmbedding`.

    Args:
        part: The training rows.
        folds: Of each row, see `folds_of`.
        schema: Of the rows.

    """
    tables = [
        _field(part, folds, place, field.size, schema.tasks) for place, field in enumerate(schema.sparse)
    ]
    return np.concatenate(tables, axis=1)


def _field(part: Part, folds: NDArray[np.int8], place: int, size: int, tasks: Sequence[Task]) -> Tables:
    """Return the statistics of one field, one task after the other: memory is by its values."""
    (rows,) = _counted(part, folds, place, size, None)
    columns = [_told(_counted(part, folds, place, size, t), task) for t, task in enumerate(tasks)]
    counts = _without(rows)
    counts[:-1] *= FOLDS / (FOLDS - 1)  # as if no fold were left out
    columns.append(np.log1p(counts))
    return np.stack([_standardised(column, rows) for column in columns], axis=2)


def _counted(
    part: Part, folds: NDArray[np.int8], place: int, size: int, task: int | None
) -> list[NDArray[np.float64]]:
    """Return rows by fold and value, [K, size]; of a task those with its label, and the sum of the labels."""
    found = [np.zeros((FOLDS, size)) for _ in range(1 if task is None else 2)]
    for ids, fold, labels in _read(part, folds, place):
        at = fold * np.int64(size) + ids
        weights = [None]
        if task is not None:
            known = ~np.isnan(labels[:, task])
            at, weights = at[known], [None, labels[known, task]]
        for total, weight in zip(found, weights, strict=True):
            total += np.bincount(at, weight, minlength=total.size).reshape(total.shape)
    return found


def _read(
    part: Part, folds: NDArray[np.int8], place: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
    """Yield ids with the folds and labels of their rows; a row of a bag once for each value that it holds."""
    for start in range(0, len(part), CHUNK):
        some = part.some(slice(start, start + CHUNK))
        ids = np.asarray(some.ids[:, place], np.int64)
        fold, labels = folds[start : start + CHUNK].astype(np.int64), np.asarray(some.labels)
        if place in part.bags:
            ids, lengths = part.bags[place].held(ids)
            fold, labels = np.repeat(fold, lengths), np.repeat(labels, lengths, axis=0)
        yield ids, fold, labels


def _without(counted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums over all folds but one, for each, and over all, [K, size] -> [K + 1, size]."""
    whole = counted.sum(0)
    return np.concatenate([whole - counted, whole[None]])


def _told(counted: Sequence[NDArray[np.float64]], task: Task) -> NDArray[np.float64]:
    """Return what values say of a task, [K + 1, size]."""
    known, sums = counted
    prior = sums.sum() / max(known.sum(), 1)
    p = (_without(sums) + SMOOTHING * prior) / (_without(known) + SMOOTHING)
    if task.kind == "regression":
        return np.asarray(p - prior)
    return np.asarray(np.log(p / (1 - p)) - np.log(prior / (1 - prior)))


def _standardised(column: NDArray[np.float64], rows: NDArray[np.float64]) -> Tables:
    """Return a column of mean 0 and deviation 1 over training rows, as those see it."""
    weights, seen = rows / max(rows.sum(), 1), column[:-1]
    mean = (weights * seen).sum()
    deviation = np.sqrt((weights * (seen - mean) ** 2).sum())
    return np.asarray((column - mean) / max(deviation, LEAST), np.float32)
