"""Selection of feature crosses: pairs of fields that predict better together on held-out rows.

First, an additive model of single fields is fitted for each task, one field after another, as logits f. The
candidate pair then adds a step of Newton's method for each of its cells, computed on the rows to learn from,

    s_c = sum (y - p) / (sum v + a v(pi))        p = sigmoid(f), v = p (1 - p)

where a is the smoothing and pi the mean label; other kinds of tasks have other p and v, see
`TaskKind.expected`. The gain of the pair is the reduction of the loss on held-out
rows by these steps, to second order. The pair with the largest gain is selected, its steps are added to f,
and so on. (Selection of pairs on the residual of an additive model: Lou, Caruana, Gehrke and Hooker,
"Accurate Intelligible Models with Pairwise Interactions", KDD 2013.)

Letters: R rows, T tasks, V values of a field or cells of a pair.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.part import Part
from automtl_core.dataset.encodings import SMOOTHING, Encodings, Pair
from automtl_core.fields.numeric import edges
from automtl_core.search.encoding.rows import Rows
from automtl_core.system.documents import Value

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """The values of a field, or the cells of a pair."""

    codes: NDArray[np.int64]  # [R]
    size: int

    def times(self, other: "Column") -> "Column":
        """Return the cells of the pair of two columns."""
        return Column(self.codes * other.size + other.codes, self.size * other.size)


@dataclass(frozen=True)
class FeatureCross(Value):
    """A pair that predicts better together than its fields do alone."""

    pair: Pair
    gain: float
    """Nats per row, summed over tasks."""
    sure: float
    """Gain in standard errors, for the task where it is most significant."""


class _Sum:
    """The additive model of fields and selected pairs: its logits f of each task, [R, T]."""

    def __init__(self, rows: Rows) -> None:
        tasks = [t for t, task in enumerate(rows.schema.tasks) if task in rows.telling]
        self.kinds = [rows.schema.tasks[t].type for t in tasks]
        labels = np.concatenate([part.labels for part in (rows.learn, rows.look)])[:, tasks]
        self.held = np.arange(len(labels)) >= len(rows.learn)
        self.known = ~np.isnan(labels)
        self.labels = np.where(self.known, labels, 0.0).astype(np.float64)
        learned = self.known & ~self.held[:, None]
        prior = (self.labels * learned).sum(0) / learned.sum(0)
        start = [kind.logits_of(prior[t : t + 1].copy()) for t, kind in enumerate(self.kinds)]
        self.f = np.tile(np.concatenate(start), (len(labels), 1))
        self.weight = SMOOTHING * self._expected(self.f[:1])[1][0]
        self._look()

    def worth(self, column: Column) -> tuple[Floats, Floats]:
        """Return the reduction of the loss on held-out rows by a column.

        Returns:
            The gain in nats by task, [T], and the expected gain in standard errors, [T].

        """
        gain, sure = np.zeros((2, len(self.weight)))
        for t in range(len(self.weight)):
            step, slope, curve = self._step(column, t)
            linear, cost = (step * slope).sum(), (step**2 * curve).sum()
            gain[t] = linear - cost / 2
            sure[t] = linear / cost**0.5 if cost > 0 else 0.0
        return gain, sure

    def add(self, column: Column) -> None:
        """Add the steps of a column to the model."""
        for t in range(len(self.weight)):
            self.f[:, t] += self._step(column, t)[0][column.codes]
        self._look()

    def _look(self) -> None:
        """Compute slope and curvature of the loss of each row."""
        means, variances = self._expected(self.f)
        self.slope = np.where(self.known, self.labels - means, 0.0)
        self.curve = np.where(self.known, variances, 0.0)

    def _expected(self, f: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of the labels by their logits, [R, T] each."""
        pairs = [kind.expected(f[:, t]) for t, kind in enumerate(self.kinds)]
        means, variances = (np.stack(columns, axis=1) for columns in zip(*pairs, strict=True))
        return means, variances

    def _step(self, column: Column, t: int) -> tuple[Floats, Floats, Floats]:
        """Return the step of each cell, and the sums of slope and curvature over held-out rows, [V]."""
        at = column.codes + self.held * column.size
        sums = [
            np.bincount(at, each[:, t], 2 * column.size).reshape(2, -1) for each in (self.slope, self.curve)
        ]
        (slope, looked_slope), (curve, looked_curve) = np.asarray(sums, np.float64)
        steps = np.clip(slope / (curve + self.weight[t]), -3.0, 3.0)
        return steps, looked_slope, looked_curve


def find_crosses(rows: Rows, encodings: Encodings) -> list[FeatureCross]:
    """Return pairs of single-valued sparse fields that predict better together, in order of selection.

    Args:
        rows: Rows to learn from, and held-out rows.
        encodings: Encodings with the number of bins of numeric fields.

    """
    s, parts = rows.settings, (rows.learn, rows.look)
    ids = np.concatenate([part.ids for part in parts]).astype(np.int64)
    alone = {
        field.name: Column(ids[:, place], field.size)
        for place, field in enumerate(rows.schema.sparse)
        if field.kind == "single" and not field.vectors
    }
    model = _Sum(rows)
    first = {name: model.worth(column)[0].clip(0).sum() for name, column in alone.items()}
    columns = [*_numbers(parts, encodings.bins), *alone.values()]
    for _ in range(3):  # passes over the fields
        for column in columns:
            model.add(column)
    names = sorted(sorted(first, key=lambda name: -first[name])[: s.cross_fields], key=list(alone).index)
    room = len(model.f) / 2  # at least two rows per cell on average
    pairs = [pair for pair in combinations(names, 2) if "*".join(pair) not in rows.schema.fields()]
    left = [(a, b) for a, b in pairs if alone[a].size * alone[b].size <= room]
    selected: list[FeatureCross] = []
    while left and len(selected) < s.crosses:
        single = {name: model.worth(alone[name])[0] for name in {name for pair in left for name in pair}}
        cells = {(a, b): alone[a].times(alone[b]) for a, b in left}
        worth = {pair: _more(*model.worth(cells[pair]), single, pair, s.cross_errors) for pair in left}
        best = max(left, key=lambda pair: worth[pair][0])
        gain, sure = worth[best]
        if gain <= 0:
            break
        selected.append(FeatureCross(best, gain / len(rows.look), sure))
        model.add(cells[best])
        left = sorted(left, key=lambda pair: -worth[pair][0])[1:25]  # the best ones are scored again
    return selected


def _more(
    gain: Floats, sure: Floats, single: Mapping[str, Floats], pair: Pair, errors: float
) -> tuple[float, float]:
    """Return the gain of a pair beyond its fields, summed over tasks where it is significant."""
    more = gain - sum(single[name].clip(0) for name in pair)
    counts = (more > 0) & (sure > errors)
    return float(more[counts].sum()), float(sure.max())


def _numbers(parts: Sequence[Part], bins: int) -> list[Column]:
    """Return the bins of each numeric field as a column; the last bin holds missing numbers."""
    dense = np.concatenate([part.dense for part in parts])
    columns = []
    for values in dense.T:
        bounds = edges(values[: len(parts[0])].astype(np.float64), bins)
        codes = np.where(np.isnan(values), len(bounds) + 1, np.searchsorted(bounds, values, side="right"))
        columns.append(Column(codes, len(bounds) + 2))
    return columns
