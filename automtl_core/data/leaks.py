"""What predicts a task alone: one field, or another label. What is known only afterwards shows up here.

Fields, dense ones in buckets, and labels are looked at alike, as clues with codes. The prediction for a code is
the mean of the task in the training rows with this code, and is judged on validation rows; for a multi-valued
field it is the mean over the values of a row. Letters: R rows, T tasks, C codes of a clue.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.rows import chunks, held
from automtl_core.data.store import Bags, Part, Prepared
from automtl_core.schema import Schema, Task, TaskKind

Floats = NDArray[np.float64]
Codes = NDArray[Any]

SUSPICIOUS: dict[TaskKind, float] = {"binary": 0.95, "regression": 0.9}
"""AUC, or R2, from which on a clue is likelier to be a leak than a finding."""
SHOWN = 3
"""Best clues of a task that are told; suspicious ones are told all."""
EXPECTED = 5
"""Exceptions that chance would make of a rule between labels without one, for the rule to be told."""
CELLS = 1 << 22
"""Codes times tasks that are counted in one pass over the rows, unless a single clue has more."""
BUCKETS, BUCKET_ROWS = 64, 100_000
"""Buckets of equal frequency of a number, and rows that they are made from at most."""


class Clue(NamedTuple):
    """A field or label that may tell a task."""

    name: str
    kind: Literal["field", "label"]
    size: int
    codes: Callable[[Part], Codes]
    """Returns the code of each row, [R]."""
    blank: Codes | None = None
    """Codes that stand for no value, in the training part, where there are."""
    bags: Bags | None = None
    """What the codes hold, for a multi-valued field."""
    values: int = 0
    """Values of a multi-valued field."""


class Tally(NamedTuple):
    """What rows with each code hold, [T, C]."""

    rows: Floats
    total: Floats
    """Sum of the labels."""


def alone(prepared: Prepared) -> dict[str, list[dict[str, Any]]]:
    """Return by task the clues that predict it best, and all suspicious ones, the best first.

    A clue's score is AUC or R2 on validation rows. Of a sparse field it is, if that is higher, the score of
    whether a training row has a value at all: a field that is filled in afterwards has too many values to be
    found by them. Labels before or after a task, as declared, are never suspicious.
    """
    schema, train, validation = prepared.schema, prepared.part("train"), prepared.part("validation")
    squares = {"train": _squares(train), "validation": _squares(validation)}
    found: dict[str, list[dict[str, Any]]] = {task.name: [] for task in schema.tasks}
    for group in _groups(list(_clues(schema, train)), len(schema.tasks)):
        for clue, seen, judged in zip(group, _tally(train, group), _tally(validation, group), strict=True):
            for t, task in enumerate(schema.tasks):
                if clue.kind == "field" or clue.name != task.name:
                    by_value = _by_value(clue, task.kind, _of(seen, t), _of(judged, t), squares["validation"][t])
                    filled = _by_presence(clue, task.kind, _of(seen, t), squares["train"][t])
                    score, how = max((by_value, "value"), (filled, "presence"), key=lambda pair: _order(pair[0]))
                    fine = clue.kind == "label" and declared(schema, task.name, clue.name)
                    suspicious = score is not None and score >= SUSPICIOUS[task.kind] and not fine
                    about = {"name": clue.name, "kind": clue.kind, "by": how, "score": score}
                    found[task.name].append({**about, "suspicious": suspicious})
    return {task: _best(clues) for task, clues in found.items()}


def rules(schema: Schema, ones: Floats, both: Floats, rows: Floats) -> list[dict[str, Any]]:
    """Return which binary labels settle another one: whenever `if` is 1, `then` is `is`.

    Args:
        schema: Names the labels.
        ones: Rows where one label is 1 and the other is not missing, [T, T].
        both: Rows where both labels are 1, [T, T].
        rows: Rows that have both labels, [T, T].

    """
    found = []
    binary = [t for t, task in enumerate(schema.tasks) if task.kind == "binary"]
    for i, j in ((i, j) for i in binary for j in binary if i != j and rows[i, j]):
        rate = ones[j, i] / rows[i, j]
        for value, exceptions, chance in ((1, ones[i, j] - both[i, j], 1 - rate), (0, both[i, j], rate)):
            if exceptions == 0 and ones[i, j] * chance >= EXPECTED:
                one, other = schema.tasks[i].name, schema.tasks[j].name
                is_declared = value == 1 and declared(schema, one, other)
                rule = {"if": one, "then": other, "is": value, "rows": int(ones[i, j])}
                found.append({**rule, "declared": is_declared})
    return found


def declared(schema: Schema, one: str, other: str) -> bool:
    """Return whether one task comes after the other, as the schema says."""
    before = {task.name: task.after for task in schema.tasks}

    def comes_after(later: str | None, earlier: str) -> bool:
        while later is not None and later != earlier:
            later = before[later]
        return later == earlier

    return comes_after(one, other) or comes_after(other, one)


def _clues(schema: Schema, train: Part) -> Iterator[Clue]:
    for place, field in enumerate(schema.sparse):
        codes = _column("ids", place)
        if field.multi:
            bags = train.bags[place]
            empty = np.flatnonzero(bags.starts[1:] == bags.starts[:-1])
            yield Clue(field.name, "field", len(bags.starts) - 1, codes, empty, bags, field.size)
        else:
            yield Clue(field.name, "field", field.size, codes, np.zeros(1, dtype=np.int64))
    for place, dense in enumerate(schema.dense):
        yield _number(dense.name, "field", train, _column("dense", place))
    for place, task in enumerate(schema.tasks):
        labels = _column("labels", place)
        if task.kind == "regression":
            yield _number(task.name, "label", train, labels)
        else:
            yield Clue(task.name, "label", 3, _bits(labels))


def _column(array: str, place: int) -> Callable[[Part], Codes]:
    return lambda part: np.asarray(getattr(part, array)[:, place])


def _bits(labels: Callable[[Part], Codes]) -> Callable[[Part], Codes]:
    """Return what makes 0 of a missing label, 1 of 0, and 2 of 1."""
    return lambda part: np.nan_to_num(labels(part) + 1).astype(np.int64)


def _number(
    name: str, kind: Literal["field", "label"], train: Part, column: Callable[[Part], Codes]
) -> Clue:
    """Return a clue of a number: code 2k for those between two edges, 2k + 1 for those on an edge, 0 if missing.

    Edges have codes of their own, since they are values that many rows share.
    """
    step = max(1, len(train) // BUCKET_ROWS)
    some = column(Part(train.ids[::step], train.dense[::step], train.labels[::step]))
    known = some[~np.isnan(some)]
    inner = np.arange(1, BUCKETS) / BUCKETS
    edges = np.unique(np.quantile(known, inner, method="inverted_cdf")) if len(known) else np.empty(0)

    def codes(part: Part) -> Codes:
        values = column(part)
        places = np.searchsorted(edges, values, side="left") + np.searchsorted(edges, values, side="right")
        return np.where(np.isnan(values), 0, places + 1)

    return Clue(name, kind, 2 * len(edges) + 2, codes)


def _groups(clues: Sequence[Clue], tasks: int) -> Iterator[list[Clue]]:
    """Yield clues that can be counted in one pass."""
    group: list[Clue] = []
    for clue in clues:
        if group and sum(other.size for other in [*group, clue]) * tasks > CELLS:
            yield group
            group = []
        group.append(clue)
    yield group


def _tally(part: Part, clues: Sequence[Clue]) -> list[Tally]:
    tasks = part.labels.shape[1]
    found = [Tally(np.zeros((tasks, clue.size)), np.zeros((tasks, clue.size))) for clue in clues]
    for chunk in chunks(part):
        labels = [np.asarray(chunk.labels[:, t]) for t in range(tasks)]
        known = [~np.isnan(column) for column in labels]
        for clue, tally in zip(clues, found, strict=True):
            codes = clue.codes(chunk)
            for t, (column, mine) in enumerate(zip(labels, known, strict=True)):
                at, values = (codes, column) if mine.all() else (codes[mine], column[mine])
                tally.rows[t] += np.bincount(at, minlength=clue.size)
                tally.total[t] += np.bincount(at, weights=values, minlength=clue.size)
    return found


def _of(tally: Tally, task: int) -> Tally:
    return Tally(tally.rows[task], tally.total[task])


def _squares(part: Part) -> Floats:
    """Return the sum of the squares of each label, [T]."""
    return np.sum([np.nansum(np.square(c.labels, dtype=np.float64), axis=0) for c in chunks(part)], axis=0)


def _by_value(clue: Clue, kind: TaskKind, seen: Tally, judged: Tally, squares: float) -> float | None:
    if clue.bags is None:
        return _score(kind, _expected(seen), judged, squares)
    values = Tally(np.zeros(clue.values), np.zeros(clue.values))
    for owners, ids in held(clue.bags):
        for by_value, by_bag in zip(values, seen, strict=True):
            np.add.at(by_value, ids, by_bag[owners])
    of_values, total = _expected(values), np.zeros(clue.size)
    for owners, ids in held(clue.bags):
        np.add.at(total, owners, of_values[ids])
    lengths = np.diff(clue.bags.starts)
    empty = lengths == 0
    nothing = _expected(Tally(*(array[empty].sum(keepdims=True) for array in seen)), seen)
    return _score(kind, np.where(empty, nothing, total / np.maximum(lengths, 1)), judged, squares)


def _by_presence(clue: Clue, kind: TaskKind, seen: Tally, squares: float) -> float | None:
    """Return the score of whether there is a value, in the rows that were seen: two codes cannot overfit."""
    if clue.blank is None:
        return None
    parts = ((array.sum(), array[clue.blank].sum()) for array in seen)
    filled = Tally(*(np.array([blank, both - blank]) for both, blank in parts))
    return _score(kind, _expected(filled), filled, squares)


def _expected(seen: Tally, among: Tally | None = None) -> Floats:
    """Return the mean label for each code, as if one more row of each code had the mean of all."""
    rows, total = among or seen
    mean = total.sum() / max(rows.sum(), 1)
    return np.asarray((seen.total + mean) / (seen.rows + 1))


def _score(kind: TaskKind, expected: Floats, judged: Tally, squares: float) -> float | None:
    """Return AUC or R2 of what is expected for each code, [C], on rows that are told by code; None if undefined."""
    there = judged.rows > 0
    expected, rows, total = expected[there], judged.rows[there], judged.total[there]
    if kind == "regression":
        spread = squares - total.sum() ** 2 / max(rows.sum(), 1)
        left = squares - 2 * expected @ total + expected**2 @ rows
        return float(1 - left / spread) if spread > 0 else None
    _, places = np.unique(expected, return_inverse=True)
    positives, negatives = np.bincount(places, total), np.bincount(places, rows - total)
    pairs = positives.sum() * negatives.sum()
    below = np.cumsum(negatives) - negatives / 2
    return float(positives @ below / pairs) if pairs else None


def _order(score: float | None) -> float:
    return -np.inf if score is None else score


def _best(clues: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    ordered = sorted(clues, key=lambda clue: -_order(clue["score"]))
    return [clue for place, clue in enumerate(ordered) if place < SHOWN or clue["suspicious"]]


def measure(task: Task) -> str:
    """Return what the scores of a task's clues are."""
    return "R2" if task.kind == "regression" else "AUC"
