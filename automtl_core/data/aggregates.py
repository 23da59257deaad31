"""Aggregates: numbers about the earlier rows of a key, as inputs beside fields.

A key is one to three fields. Rows with equal values in them share a cell; a row with a bag is in one cell
for each of its values, and has the mean of their numbers. For N earlier rows of the cell, n of them with the
label of a task, whose sum is S, and the prior pi of the task:

    p = (S + a pi) / (n + a)        link(p) - link(pi)        log(1 + N R / M)

where the link is that of the kind of task, the logit for binary labels (Micci-Barreca, SIGKDD Explorations
2001). The prior is the mean label of all M earlier rows, so that numbers do not rise and fall with all labels
over time; and N is scaled to R training rows, since early rows see few others. All numbers are standardised
over training rows. With a half-life h, a row of age d counts 2^(-d / h) in all sums. So does a row by its
weights: by that of a task in the sums of its label, and by the largest of them as a row.

A training row must not see its own label. Under a split by time, its earlier rows are those before the last
refresh of the aggregates, less the delay of labels (Prokhorenkova et al., "CatBoost", NeurIPS 2018); else
they are the rows of other folds, and users are whole in a fold if rows are split by users (out of fold as in
Pargent et al., Computational Statistics 2022). All other rows see the training rows whose labels are known
when training ends: these sums are the state, from which rows are looked up.

Letters: R rows, E entries of rows in cells, C cells, T tasks, A = T + 1 numbers told.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.earlier import FOLDS, Earlier, left, running
from automtl_core.data.part import Part, chunks
from automtl_core.dataset.encodings import Aggregate
from automtl_core.dataset.schema import Schema, Task
from automtl_core.errors import ArtifactError
from automtl_core.fields.field import Codes, Floats, Ints, Singles
from automtl_core.fields.lookup import Entries, Lookup, cells_of_key
from automtl_core.fields.numeric import edges
from automtl_core.system.documents import sha256

Sums = tuple[NDArray[np.uint64], Singles]
"""Cells, [C], and for each the sums of `State.sums`, [C, 1 + 2 T]."""
SHRINKAGE = 10.0
"""Pseudo-count of the prior in means, in rows."""
BINS = 20
"""Number of bins of a numeric field in a key."""
CHUNK = 1 << 20
"""Number of entries that are sorted together."""
LEAST = 0.1
"""Lower bound of the deviation by which a number is divided: less variation is noise between rows."""


@dataclass(frozen=True)
class State:
    """The sums of an aggregate over training rows."""

    aggregate: Aggregate
    edges: Mapping[str, Sequence[float]]
    """Numeric field of the key -> inner edges of its bins."""
    cells: NDArray[np.uint64]  # [C], sorted
    sums: Singles  # [C, 1 + 2 T]: rows; of each label the rows that have it, and its sum
    totals: Floats  # [1 + 2 T]: the same sums over all rows
    time: float
    """Time of the newest row in the sums, from which half-lives count."""
    scaling: "Scaling"

    def with_sums(self, more: Sequence[tuple[Sums, Floats, float]]) -> "State":
        """Return the state with the sums of more rows by cell, those over all of them, and their times."""
        time = max([self.time, *(one[2] for one in more)])
        of = [((self.cells, self.sums), self.totals, self.time), *more]
        kept = [float(left(np.array(time - one[2]), self.aggregate.half_life)) for one in of]
        cells, places = np.unique(np.concatenate([one[0][0] for one in of]), return_inverse=True)
        sums = np.zeros((len(cells), self.sums.shape[1]))
        np.add.at(sums, places, np.concatenate([k * one[0][1] for k, one in zip(kept, of, strict=True)]))
        totals = sum((k * one[1] for k, one in zip(kept, of, strict=True)), np.zeros_like(self.totals))
        return replace(self, cells=cells, sums=sums.astype(np.float32), totals=totals, time=time)

    def lookup(self, tasks: Sequence[Task]) -> Lookup:
        """Return the numbers of all cells."""
        sums = np.concatenate([self.sums, np.zeros((1, self.sums.shape[1]))])
        numbers = self.scaling.scaled(self.scaling.numbers(sums, self.totals[None], tasks))
        return Lookup(self.aggregate.key, self.edges, self.cells, numbers.astype(np.float32))

    def to_json(self) -> dict[str, Any]:
        """Return all but the arrays of cells."""
        return {
            **self.aggregate.model_dump(mode="json"),
            "time": self.time,
            "edges": {name: list(one) for name, one in self.edges.items()},
            "totals": self.totals.tolist(),
            "scaling": {name: getattr(self.scaling, name).tolist() for name in Scaling._fields},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], arrays: Mapping[str, Any], prefix: str) -> "State":
        """Return the state of `to_json` and its arrays, whose names have a prefix."""
        return cls(
            Aggregate.model_validate({name: value[name] for name in Aggregate.model_fields if name in value}),
            value["edges"],
            arrays[f"{prefix}cells"],
            arrays[f"{prefix}sums"],
            np.array(value["totals"]),
            value.get("time", 0.0),
            Scaling(**{name: np.array(one) for name, one in value["scaling"].items()}),
        )


class Scaling(NamedTuple):
    """What the numbers of training rows are compared with."""

    rows: Floats  # []
    """Number of training rows."""
    prior: Floats  # [T]
    """Mean of each label in training rows: the prior where no row is earlier."""
    center: Floats  # [A]
    scale: Floats  # [A]
    """Mean and deviation of the numbers in training rows."""

    def numbers(self, sums: Floats, totals: Floats, tasks: Sequence[Task]) -> Floats:
        """Return the numbers before they are scaled, [E, A]: means by label, and the count.

        Args:
            sums: Sums over the earlier rows of the cell, [E, 1 + 2 T].
            totals: Sums over all earlier rows, [E, 1 + 2 T] or [1, 1 + 2 T].
            tasks: The tasks.

        """
        last = 1 + len(self.prior)
        prior = (totals[:, last:] + SHRINKAGE * self.prior) / (totals[:, 1:last] + SHRINKAGE)
        means = (sums[:, last:] + SHRINKAGE * prior) / (sums[:, 1:last] + SHRINKAGE)
        found = means - prior
        for t, task in enumerate(tasks):
            link = task.type.logits_of
            found[:, t] = link(means[:, t].copy()) - link(prior[:, t].copy())
        counts = np.log1p(sums[:, 0] * (self.rows / np.maximum(totals[:, 0], 1)))
        return np.insert(found, len(tasks), counts, axis=1)

    def scaled(self, numbers: Floats) -> Floats:
        """Return the numbers with mean 0 and deviation 1 in training rows."""
        return (numbers - self.center) / self.scale


@dataclass(frozen=True)
class Aggregates:
    """The aggregates of a schema, as of the end of training."""

    states: tuple[State, ...]
    tasks: tuple[Task, ...]

    @cached_property
    def lookups(self) -> tuple[Lookup, ...]:
        """The numbers of the cells of each aggregate."""
        return tuple(state.lookup(self.tasks) for state in self.states)

    def numbers(self, fields: Mapping[str, Any], dense: Mapping[str, Any], rows: int) -> Singles:
        """Return the numbers of rows, [R, A]; see `Lookup`."""
        columns = [lookup(fields, dense) for lookup in self.lookups]
        return np.concatenate([np.zeros((rows, 0)), *columns], axis=1).astype(np.float32)

    def with_rows(self, parts: Iterable[tuple[Part, Floats | None]], schema: Schema) -> "Aggregates":
        """Return the aggregates with more labelled rows, and their times [R] if rows are split by time."""
        more: list[list[tuple[Sums, Floats, float]]] = [[] for _ in self.states]
        for part, times in parts:
            for n, state in enumerate(self.states):
                one = state.aggregate
                time = state.time if times is None else float(times.max(initial=state.time))
                kept = np.ones(1) if times is None else left(time - times, one.half_life)
                values = _values(part, slice(None)) * kept[:, None]
                runs = [run.totals(values[run.rows]) for run in _runs(part, schema, one, state.edges)]
                more[n].append((_joined(runs), values.sum(0), time))
        return Aggregates(tuple(map(State.with_sums, self.states, more)), self.tasks)

    @property
    def fields(self) -> set[str]:
        """The categorical fields of keys."""
        return {name for state in self.states for name in state.aggregate.key if name not in state.edges}

    def of_part(self, part: Part, schema: Schema) -> Part:
        """Return rows with their numbers behind the dense fields."""
        if not self.states or part.dense.shape[1] > len(schema.dense):
            return part
        return part.with_numbers(self.numbers(*_inputs(part, schema, self.fields), len(part)))

    def save(self, folder: Path, served: bool = False) -> dict[str, Any]:
        """Write the arrays of cells to a file in a folder, and return all else as JSON.

        Args:
            folder: The folder.
            served: Whether the numbers of cells are written, for an export, in place of their sums.

        """
        of = self.lookups if served else self.states
        name = "numbers" if served else "sums"
        arrays = {
            f"{n}.{array}": getattr(one, array) for n, one in enumerate(of) for array in ("cells", name)
        }
        draft = folder / "aggregates.npz"
        np.savez_compressed(draft, **arrays)
        digest = str(sha256(draft))
        # Until `encoder.json` names the new file, the folder holds the former one too.
        draft.replace(path := folder / f"aggregates-{digest[:12]}.npz")
        return {"file": path.name, "sha256": digest, "of": [one.to_json() for one in self.states]}

    @classmethod
    def load(cls, value: Mapping[str, Any], folder: Path, tasks: Sequence[Task]) -> "Aggregates":
        """Read the aggregates of `save`.

        Raises:
            ArtifactError: the file is missing or damaged.

        """
        if not value:
            return NONE
        if sha256(path := folder / value["file"]) != value["sha256"]:
            raise ArtifactError(f"{path}: missing or damaged", "restore the folder from a copy")
        with np.load(path) as arrays:
            states = [State.from_json(one, arrays, f"{n}.") for n, one in enumerate(value["of"])]
        return cls(tuple(states), tuple(tasks))


NONE = Aggregates((), ())


def fit(part: Part, schema: Schema, rule: Earlier, out: Singles) -> Aggregates:
    """Compute the aggregates of training rows, and return their state.

    Args:
        part: The training rows, without their numbers.
        schema: The schema, whose encodings have the keys.
        rule: The rows that a row sees.
        out: Receives the numbers of each row, [R, A].

    """
    earlier_of = lru_cache(1)(partial(_earlier, part, rule))
    states, start, (_, dense) = [], 0, _inputs(part, schema, ())
    none = np.zeros(len(schema.tasks) + 1)
    for one in schema.encodings.keys:
        earlier = earlier_of(one.half_life)
        known_rows, sums_of = np.split(earlier.all[1:], 2)
        scaling = Scaling(earlier.all[0], sums_of / np.where(known_rows > 0, known_rows, 1), none, none + 1)
        bounds = {name: key_edges(dense[name]) for name in one.key if name in dense}
        kept, time = rule.kept(one.half_life)
        empty = np.zeros(0, np.uint64), np.zeros((0, len(earlier.all)), np.float32)
        state = State(one, bounds, *empty, earlier.known, time, scaling)
        numbers, start = out[:, start : start + len(none)], start + len(none)
        runs = _tell(numbers, part, schema, rule, state, earlier)
        cells, sums = _joined([run.totals(run.values * kept[run.rows, None]) for run in runs])
        center, scale = _standardise(numbers, part)
        scaling = scaling._replace(center=center, scale=scale)
        states.append(replace(state, cells=cells, sums=sums, scaling=scaling))
    return Aggregates(tuple(states), schema.tasks)


def numbers_as_of(part: Part, schema: Schema, rule: Earlier, aggregates: Aggregates, rows: Ints) -> Singles:
    """Return the numbers of some rows, which see the rows before the times at which they look, [S, A].

    Args:
        part: All rows up to these.
        schema: The schema, whose encodings have the keys.
        rule: The rule, with the time until which each row sees others.
        aggregates: The state at the end of training, which has the scale of the numbers.
        rows: The rows.

    """
    earlier_of, columns = lru_cache(1)(partial(_earlier, part, rule)), []
    for state in aggregates.states:
        numbers = np.zeros((len(part), len(state.scaling.center)), np.float32)
        earlier = earlier_of(state.aggregate.half_life)
        for _ in _tell(numbers, part, schema, rule, state, earlier):
            pass
        columns.append(numbers[rows])
    return np.concatenate(columns, axis=1)


class _Earlier(NamedTuple):
    """The sums over earlier rows, whatever their cell; P: places of a rule, each of which sees other rows."""

    table: Floats  # [P, 1 + 2 T]
    places: Codes  # [R]
    all: Floats  # [1 + 2 T]
    """The sums over all rows."""
    known: Floats  # [1 + 2 T]
    """Those over the rows whose labels are known at the end of training."""


def _earlier(part: Part, rule: Earlier, half_life: float | None) -> _Earlier:
    """Return the sums of aggregates with a half-life."""
    ends, places = rule.ends if rule.folds is None else (np.arange(FOLDS), rule.folds.astype(np.int32))
    kept, _ = rule.kept(half_life)
    table = np.zeros((1 + 2 * part.labels.shape[1], len(ends) + 1))
    known, of_all = np.zeros((2, len(table)))
    # A row is seen from the first end after it; half-lives count from the newest row that is seen.
    newest = np.zeros(0) if rule.times is None else np.append(rule.newest, rule.times.max(initial=0.0))
    for start in range(0, len(part), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(part)))
        values, groups = _values(part, rows), places[rows].astype(np.int64)
        known += (values * kept[rows, None]).sum(0)
        if rule.times is not None:
            of_all += (values * left(newest[-1] - rule.times[rows], half_life)[:, None]).sum(0)
            groups = np.searchsorted(ends, rule.times[rows], side="right")
            values *= left(newest[groups] - rule.times[rows], half_life)[:, None]
        for column, of_values in zip(table, values.T, strict=True):
            column += np.bincount(groups, of_values, len(ends) + 1)
    if rule.times is None:
        of_all = table.sum(1)
        table = of_all[:, None] - table
    else:
        gaps = left(np.diff(newest, prepend=0.0), half_life)
        gaps[0] = 0
        table = table.cumsum(1) if half_life is None else running(table, gaps)
    return _Earlier(np.ascontiguousarray(table.T), places, of_all, known)


def _tell(
    out: Singles, part: Part, schema: Schema, rule: Earlier, state: State, earlier: _Earlier
) -> Iterator["_Run"]:
    """Write the numbers of rows, [R, A], cells by cells, and yield the entries of each run."""
    one, scaling = state.aggregate, state.scaling
    out[:] = none = scaling.scaled(np.zeros(out.shape[1]))  # of a row without a cell
    for run in _runs(part, schema, one, state.edges):
        sums = rule.some(run.rows).sums(run.places, one.half_life).of(run.values)
        numbers = scaling.numbers(sums, earlier.table[earlier.places[run.rows]], schema.tasks)
        numbers = scaling.scaled(numbers)
        if run.shares is None:
            out[run.rows] = numbers
        else:
            np.add.at(out, run.rows, ((numbers - none) * run.shares[:, None]).astype(np.float32))
        yield run


def _joined(sums: Sequence[Sums]) -> Sums:
    """Return the sums of cells that follow each other."""
    return np.concatenate([one[0] for one in sums]), np.concatenate([one[1] for one in sums])


class _Run(NamedTuple):
    """Entries of rows in some of the cells of a key."""

    rows: Ints  # [E]
    shares: Floats | None  # [E]
    """One over the number of entries of the row; None where each row has one."""
    cells: NDArray[np.uint64]  # [C], sorted
    places: Ints  # [E]
    """Place of each entry among the cells."""
    values: Floats  # [E, 1 + 2 T]
    """1, whether the row has each label, and these; all times its weights."""

    def totals(self, values: Floats) -> Sums:
        """Return the cells with some of the values, and the sums of these."""
        size = len(self.cells)
        sums = np.stack([np.bincount(self.places, one, size) for one in values.T], axis=1)
        some = sums[:, 0] > 0
        return self.cells[some], sums[some].astype(np.float32)


def _runs(
    part: Part, schema: Schema, one: Aggregate, bounds: Mapping[str, Sequence[float]]
) -> Iterator[_Run]:
    """Yield the entries of all rows, cells by cells, about `CHUNK` at a time."""
    blocks = [cells_of_rows(chunk, schema, one.key, bounds) for chunk in chunks(part)]
    hashes = np.concatenate([np.zeros(0, np.uint64), *(block.hashes for block in blocks)])
    lengths = [block.counts for block in blocks if block.counts is not None]
    counts = np.concatenate(lengths) if lengths else None
    owners = None if counts is None else np.repeat(np.arange(len(part)), counts)
    runs = 1 << max(len(hashes) // CHUNK, 0).bit_length()
    firsts = (hashes >> np.uint64(64 - runs.bit_length() + 1)).astype(np.uint16)
    for number in range(runs):
        entries = np.arange(len(hashes)) if runs == 1 else np.flatnonzero(firsts == number)
        rows = entries if owners is None else owners[entries]
        shares = None if counts is None else 1 / counts[rows]
        cells, places = np.unique(hashes[entries], return_inverse=True)
        yield _Run(rows, shares, cells, places, _values(part, rows))


def cells_of_rows(
    part: Part, schema: Schema, key: Sequence[str], bounds: Mapping[str, Sequence[float]]
) -> Entries:
    """Return the cells of rows in a key, whose numeric fields have bins with these inner edges."""
    return cells_of_key(key, bounds, *_inputs(part, schema, key))


def _inputs(
    part: Part, schema: Schema, names: Collection[str]
) -> tuple[dict[str, Entries], dict[str, Singles]]:
    """Return the hashes of the values of some fields, and the numbers of all numeric ones, [R]."""
    hashes = {f.name: part.entries(place) for place, f in enumerate(schema.sparse) if f.name in names}
    return hashes, {f.name: part.dense[:, place] for place, f in enumerate(schema.dense)}


def key_edges(values: Singles) -> list[float]:
    """Return the inner edges of the bins of a numeric field in a key."""
    some = np.asarray(values[:: -(-len(values) // (1 << 20)) or 1], np.float64)
    return [float(np.float32(edge)) for edge in edges(some, BINS)]


def _values(part: Part, rows: Ints | slice) -> Floats:
    """Return 1, whether a row has each label, and these, times its weights, [E, 1 + 2 T]."""
    labels = part.labels[rows].astype(np.float64)
    known = ~np.isnan(labels)
    found = np.concatenate([np.ones((len(labels), 1)), known, np.where(known, labels, 0.0)], axis=1)
    if part.weights is None:
        return found
    of = np.asarray(part.weights[rows], np.float64)
    return np.asarray(found * np.concatenate([_weights(part, rows), of, of], axis=1))


def _weights(part: Part, rows: Ints | slice) -> Floats:
    """Return the weights of rows, the largest of those by task, [E, 1]."""
    if part.weights is None:
        return np.broadcast_to(np.float64(1), (len(part.ids[rows]), 1))
    return np.asarray(part.weights[rows].max(axis=1, keepdims=True), np.float64)


def _standardise(out: Singles, part: Part) -> tuple[Floats, Floats]:
    """Standardise numbers of rows in place; return their means and deviations."""
    blocks = [slice(start, start + CHUNK) for start in range(0, len(out), CHUNK)]
    rows = sum(_weights(part, block).sum() for block in blocks) or 1.0
    center = sum((out[block] * _weights(part, block)).sum(0) for block in blocks) / rows
    square = sum((_weights(part, block) * (out[block] - center) ** 2).sum(0) for block in blocks) / rows
    scale = np.maximum(np.sqrt(square), LEAST)
    for block in blocks:
        out[block] = (out[block] - center) / scale
    return np.asarray(center, np.float64), np.asarray(scale, np.float64)
