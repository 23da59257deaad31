"""Selection of aggregates: keys whose earlier rows predict the labels of later ones.

The model is additive: it begins with the mean of each label and the effects of fields with many rows for each
value, which embeddings learn, and adds one key after another. For a candidate, each row has the shrunken mean
of the residuals e of the earlier rows in its cell,

    x = sum e / (n + 5)

and the worth of the candidate is the squared t statistic of the regression of e on x, summed over labels. The
candidate of the largest worth joins: e <- e - beta x. Then pairs with the fields of the key, and after them
triples, become candidates. If rows have times, a key also has candidates with sums that forget old rows. It
ends when no worth is above what chance gives the best of all candidates.

The selection reads the rows to learn from, and a key joins only if it helps on held-out rows too. On these,
each key is then left out of a least-squares fit of all x; one whose loss is within chance is redundant, and
is dropped, those of most fields first. The loss by label, in shares of its variance, is the evidence for a
key. (Target statistics of several fields: AutoCross, Luo et al., KDD 2019; stagewise regression: Efron et
al., "Least Angle Regression", Annals of Statistics 2004.)

Letters: R rows, E entries of rows in cells, T labels, K selected keys.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, ndtr

from automtl_core.data.aggregates import cells_of_rows, key_edges
from automtl_core.data.earlier import FOLDS, Earlier, EarlierSums
from automtl_core.dataset.encodings import MOST_FIELDS, Aggregate
from automtl_core.fields.lookup import by_example
from automtl_core.search.encoding.rows import Rows
from automtl_core.system.documents import Value
from automtl_core.training.significance import Difference, holm

Floats = NDArray[np.float64]
Key = tuple[str, ...]
PRIOR_ROWS = 5.0
"""Pseudo-count of the prior, 0, in the mean of residuals."""
ALIKE = 0.02
"""A pair with at most this share of cells more than one of its fields says the same as that field."""
FIELDS = 24
"""Number of fields that are combined, those that predict best alone."""
FRESH = 24
"""Number of candidates, the best so far, whose worth is computed again after a key joined."""
NEARLY = 0.9
"""Share of the worth of a key from which a part of it takes its place."""
HALF_LIVES = (1 / 4, 1 / 16)
"""Half-lives that are tried for a key that joins, as shares of the time of the rows to learn from."""
FASTER = 1.1
"""Factor by which the worth of a key must be larger with a half-life."""
KNOWN = 100
"""Rows for each value of a field, on average, from which an embedding learns its effects."""
REPEATED = 0.1
"""Minimum share of entries with an earlier one in their cell: others tell nothing about later rows."""
SIGNIFICANCE = 0.05
"""Probability that any key is selected, or any encoding changed, if none has an effect."""
EXACT = 6
"""Number of candidates, the best of these, whose worth is computed with errors of unequal variances."""


@dataclass(frozen=True)
class SelectedKey(Value):
    """A key that was selected."""

    key: Key
    cells: int
    """Number of cells that occur."""
    gains: Mapping[str, Difference]
    """Task -> share of the variance of its label that the key explains on held-out rows beyond others."""
    p: float
    """One-sided p value of the sum of the gains, after Holm's correction for all selected keys."""
    half_life: float | None = None

    @property
    def aggregate(self) -> Aggregate:
        """The aggregate."""
        return Aggregate(key=self.key, half_life=self.half_life)


def order_of(rows: Rows) -> Earlier:
    """Return the rule of the rows in the selection.

    Rows without times see the rows of earlier folds. If they saw those of all other folds, the residual of a
    row would depend on the labels of the rows that see it.
    """
    if rows.rule.folds is None:
        return rows.rule
    times = np.where(rows.held_out, FOLDS, rows.rule.folds).astype(np.float64)
    return Earlier(times, times)


class Candidate:
    """A key, with the mean residual of earlier rows."""

    def __init__(self, rows: Rows, rule: Earlier, key: Key, edges: Mapping[str, Sequence[float]]) -> None:
        self.key = key
        cells, self.counts = cells_of_rows(rows.both, rows.schema, key, edges)
        self.cells, inverse = np.unique(cells, return_inverse=True)
        self.inverse = inverse.astype(np.int32)
        self.entries = len(cells)
        self.owners = None if self.counts is None else np.repeat(np.arange(len(rows.both)), self.counts)
        self.rule = rule if self.owners is None else rule.some(self.owners)
        self.half_life: float | None = None
        self.worth = np.inf
        self._sums: EarlierSums | None = None

    @property
    def repeated(self) -> float:
        """Share of the entries whose cell occurs before."""
        return 1 - len(self.cells) / max(self.entries, 1)

    def means(self, residuals: Floats, known: Floats) -> Floats:
        """Return the shrunken mean residual of the earlier rows of each row, [R, T]."""
        if self._sums is None:
            self._sums = self.rule.sums(self.inverse.astype(np.int64), self.half_life)
            self._rows = self._sums.of(self._entries(known)) + PRIOR_ROWS
        means = self._sums.of(self._entries(residuals)) / self._rows
        return np.asarray(by_example(means, self.counts))

    def with_half_life(self, half_life: float) -> "Candidate":
        """Return the key with sums that forget old rows."""
        one = copy.copy(self)
        one.half_life, one._sums = half_life, None
        return one

    def release(self) -> None:
        """Release the index of earlier rows, which is made again when it is needed."""
        self._sums = None

    def _entries(self, values: Floats) -> Floats:
        return values if self.owners is None else values[self.owners]


class Additive:
    """The additive model of the selected keys.

    Args:
        rows: The rows; labels of tasks with too few held-out rows do not count.

    """

    def __init__(self, rows: Rows) -> None:
        places = [t for t, task in enumerate(rows.schema.tasks) if task in rows.telling]
        labels = np.asfortranarray(rows.both.labels[:, places].astype(np.float64))
        mask = ~np.isnan(labels)
        self.names = [rows.schema.tasks[t].name for t in places]
        self.learned = mask & ~rows.held_out[:, None]
        self.looked = mask & rows.held_out[:, None]
        count = self.learned.sum(0)
        mean = np.where(self.learned, labels, 0).sum(0) / count
        deviation = np.sqrt(np.where(self.learned, (labels - mean) ** 2, 0).sum(0) / count)
        self.labels = np.where(mask, (labels - mean) / np.maximum(deviation, 1e-12), 0.0)
        self.residuals = self.labels
        self.weights = self.learned.astype(np.float64)
        # No row sees held-out rows, unless aggregates are refreshed in use. With all labels there, one column
        # of counts is enough.
        visible = mask if rows.refresh != "never" else self.learned
        self.seen = (visible if not mask.all() else visible[:, :1]).astype(np.float64)
        self.columns: list[Floats] = []  # x of each known field, then of each selected key, [R, T]
        self.known = 0
        """Number of known fields."""
        self.whole = order_of(rows).sums(np.zeros(len(labels), np.int64))
        self._project()

    def _project(self) -> None:
        """Compute the residuals less their mean and drift.

        The drift is the mean residual of all earlier rows: what they tell is no effect of a key.
        """
        sums, rows = self.whole.of(self.residuals * self.seen), self.whole.of(self.seen)
        others = [np.ones_like(sums), sums / (rows + PRIOR_ROWS)]
        # By task an orthonormal basis of the constant and the drift over the rows to learn from.
        self.basis: list[Floats] = []
        for column in others:
            base = column * self.learned
            for other in self.basis:
                base -= other * (other * base).sum(0)
            self.basis.append(base / np.maximum(np.sqrt((base**2).sum(0)), 1e-12))
        self.clean = self._less(self.residuals * self.learned)

    def _less(self, x: Floats) -> Floats:
        """Return values of the rows to learn from, less their mean and drift, [R, T]."""
        for base in self.basis:
            x = x - base * (base * x).sum(0)
        return x

    def rank(self, candidate: Candidate) -> float:
        """Return the worth of a candidate if errors have equal variances, which takes a third of the time."""
        x = candidate.means(self.residuals * self.seen, self.seen)
        slope = np.einsum("rt,rt->t", x, self.clean)  # of what is orthogonal to mean and drift
        square = np.einsum("rt,rt,rt->t", x, x, self.weights)
        for base in self.basis:
            square -= np.einsum("rt,rt->t", x, base) ** 2
        variance = np.maximum(square, 1e-12) * (self.clean**2).sum(0) / self.weights.sum(0)
        return float((np.maximum(slope, 0.0) ** 2 / np.maximum(variance, 1e-12)).sum())

    def step(self, candidate: Candidate) -> tuple[float, Floats, Floats]:
        """Return the worth of a candidate, its x [R, T] and the coefficients [T]."""
        x = candidate.means(self.residuals * self.seen, self.seen)
        clean = self._less(x * self.learned)
        product = clean * self.clean
        slope, error = product.sum(0), np.sqrt((product**2).sum(0))
        t = np.maximum(slope / np.maximum(error, 1e-12), 0.0)
        square = (clean**2).sum(0)
        return float((t**2).sum()), x, slope * (t > 0) / np.maximum(square, 1e-12)

    def without(self, x: Floats, coefficients: Floats) -> tuple[Floats, float, float]:
        """Return the residuals with one more key, and its gain on held-out rows with standard error.

        Without a refresh in use there may be none: the effect of the last day is then not known.
        """
        centre = (x * self.learned).sum(0) / self.weights.sum(0)
        labelled = self.learned | self.looked
        residuals = np.where(labelled, self.residuals - coefficients * (x - centre), 0.0)
        gains = self._squares(self.residuals) - self._squares(residuals)
        return residuals, *self.mean_and_error(gains.sum(1))

    def add(self, x: Floats, coefficients: Floats) -> bool:
        """Add a key, unless it does not help on held-out rows; return whether it does."""
        residuals, mean, error = self.without(x, coefficients)
        if mean > error:
            self._join(x, residuals)
        return mean > error

    def know(self, candidates: Sequence[Candidate]) -> None:
        """Add the effects of fields, those of the largest worth first."""
        for one in sorted(candidates, key=self.rank, reverse=True):
            _, x, coefficients = self.step(one)
            self._join(x, self.without(x, coefficients)[0])
            one.release()
        self.known = len(candidates)

    def _join(self, x: Floats, residuals: Floats) -> None:
        self.columns.append(x)
        self.residuals = residuals
        self._project()

    def _squares(self, residuals: Floats) -> Floats:
        """Return the squares of residuals less their mean over held-out rows, [R, T]; 0 for other rows.

        A shift of all labels over time is no fault of a key.
        """
        count = np.maximum(self.looked.sum(0), 1)
        mean = np.where(self.looked, residuals, 0.0).sum(0) / count
        return np.where(self.looked, (residuals - mean) ** 2, 0.0)

    def mean_and_error(self, by_row: Floats) -> tuple[float, float]:
        """Return the mean over held-out rows of a number of each row, [R], and its standard error."""
        counted = by_row[self.looked.any(1)]
        return float(counted.mean()), float(counted.std() / max(len(counted), 1) ** 0.5)

    def losses(self) -> Callable[[Sequence[int]], Floats]:
        """Return a function that fits known fields and some keys by least squares, and returns its errors.

        These are squared, [R, T]; 0 where a row is not held out, or lacks the label.
        """
        of_tasks = []
        for t, labels in enumerate(self.labels.T):
            x = np.stack([np.ones(len(labels)), *(column[:, t] for column in self.columns)], axis=1)
            learned, looked = x[self.learned[:, t]], self.looked[:, t]
            moments = learned.T @ learned, learned.T @ labels[self.learned[:, t]]
            of_tasks.append((*moments, x[looked], labels[looked], looked))

        def of_keys(keys: Sequence[int]) -> Floats:
            found = np.zeros_like(self.labels)
            chosen = [*range(1 + self.known), *(1 + self.known + k for k in keys)]
            for t, (square, product, x, labels, looked) in enumerate(of_tasks):
                of_chosen = square[np.ix_(chosen, chosen)] + 1e-9 * np.eye(len(chosen))
                found[looked, t] = labels - x[:, chosen] @ np.linalg.solve(of_chosen, product[chosen])
            return self._squares(found)

        return of_keys


def select_keys(rows: Rows) -> list[SelectedKey]:
    """Return the keys whose aggregates predict, with evidence from held-out rows.

    Args:
        rows: The rows to learn from, and the held-out rows.

    """
    model = Additive(rows)
    dense = {field.name: place for place, field in enumerate(rows.schema.dense)}
    edges = {name: key_edges(rows.learn.dense[:, place]) for name, place in dense.items()}
    pool = _Pool(rows, edges, model)
    selected: list[Candidate] = []
    while len(selected) < rows.settings.keys and (best := pool.best(model)):
        candidate, x, coefficients = best
        if model.add(x, coefficients):
            selected.append(candidate)
            pool.extend(candidate)
    return _checked(model, selected)


class _Pool:
    """The candidates: first all fields and pairs of fields, then larger keys around those that joined."""

    def __init__(self, rows: Rows, edges: Mapping[str, Sequence[float]], model: Additive) -> None:
        self.rows, self.rule, self.edges = rows, order_of(rows), edges
        times = rows.rule.times
        self.span = 0.0 if times is None else float(np.ptp(times[~rows.held_out]))
        self.bags = {field.name for field in rows.schema.sparse if field.kind == "bag"}
        self.names = list(rows.schema.fields())
        self.cells: dict[Key, int] = {}
        """Key -> number of its cells."""
        self.tried: dict[Key, None] = {}
        """The keys whose worth was computed."""
        self.left: list[Candidate] = []
        for name in self.names:
            self._try((name,))
        if len(self.names) > FIELDS:
            worths = {one.key[0]: model.rank(one) for one in self.left}
            best = sorted(self.names, key=lambda name: -worths.get(name, 0.0))[:FIELDS]
            self.names = [name for name in self.names if name in best]
        model.know([one for one in self.left if one.entries >= KNOWN * len(one.cells)])
        for pair in combinations(self.names, 2):
            self._try(pair)

    def extend(self, joined: Candidate) -> None:
        """Add the keys of one field more than a key."""
        if 1 < len(joined.key) < MOST_FIELDS:
            for name in self.names:
                self._try(tuple(sorted({*joined.key, name}, key=self.names.index)))

    def best(self, model: Additive) -> tuple[Candidate, Floats, Floats] | None:
        """Remove the best candidate, and return it with its x [R, T] and coefficients [T].

        As a rule, worths fall as keys join: candidates are ranked again in the order of their former worth.
        None if the worth of all candidates is within chance.
        """
        bound = float(chdtri(len(model.names), SIGNIFICANCE / max(len(self.tried), 1)))
        for fresh in (FRESH, len(self.left)):
            # One far below the bound before hardly rises above it.
            order = sorted((one for one in self.left if one.worth > bound / 2), key=lambda one: -one.worth)
            ranked = [one for n, one in enumerate(order) if n < fresh or one.worth == np.inf]
            for place, one in enumerate(ranked):
                one.worth = model.rank(one)
                if place >= FRESH:  # an index of each candidate would fill the memory
                    one.release()
            first = sorted(ranked, key=lambda one: -one.worth)[:EXACT]
            steps = {one: model.step(one) for one in first}
            joining = max(first, key=lambda one: steps[one][0], default=None)
            if joining is not None and steps[joining][0] > bound:
                for part in self.left:  # a part of the key that says nearly the same takes its place
                    if {*part.key} < {*joining.key} and part.worth > NEARLY * joining.worth:
                        steps[part] = model.step(part)
                        if steps[part][0] > max(bound, NEARLY * steps[joining][0]):
                            joining = part
                self.left.remove(joining)
                return self._fastest(model, joining, steps[joining])
        return None

    def _fastest(
        self, model: Additive, joining: Candidate, step: tuple[float, Floats, Floats]
    ) -> tuple[Candidate, Floats, Floats]:
        """Return a key, with the half-life of the largest gain on held-out rows, its x and coefficients."""
        best, gain = (joining, *step[1:]), model.without(*step[1:])[1]
        for share in HALF_LIVES if self.span else ():
            one = joining.with_half_life(float(f"{share * self.span:.2g}"))
            worth, x, coefficients = model.step(one)
            if worth > FASTER * step[0] and (more := model.without(x, coefficients)[1]) > gain:
                best, gain = (one, x, coefficients), more
        return best

    def _try(self, key: Key) -> None:
        """Add a key, unless its cells hardly repeat, or it says the same as a part of it."""
        if key in self.cells or len(self.bags & {*key}) > 1:
            return
        one = Candidate(self.rows, self.rule, key, self.edges)
        self.cells[key] = len(one.cells)
        parts = [part for part in combinations(key, len(key) - 1) if part in self.cells]
        alike = any(self.cells[key] <= (1 + ALIKE) * self.cells[part] for part in parts if part)
        if len(one.cells) > 1 and one.repeated >= REPEATED and not alike:
            self.tried[key] = None
            self.left.append(one)


def _checked(model: Additive, selected: Sequence[Candidate]) -> list[SelectedKey]:
    """Return the keys that matter on held-out rows beside the others, with their evidence."""
    kept, losses = list(range(len(selected))), model.losses()
    while kept:
        full = losses(kept)
        more = {k: losses([one for one in kept if one != k]) - full for k in kept}
        moments = {k: model.mean_and_error(by_row.sum(1)) for k, by_row in more.items()}
        z = {k: mean / max(error, 1e-12) for k, (mean, error) in moments.items()}
        redundant = [k for k in kept if z[k] <= SURE]
        if not redundant:
            break
        # Of several that say the same, those of fewer fields stay.
        kept.remove(max(redundant, key=lambda k: (len(selected[k].key), -z[k])))
    if not kept:
        return []
    ps = holm({k: float(ndtr(-z[k])) for k in kept})
    return [
        SelectedKey(
            selected[k].key,
            len(selected[k].cells),
            dict(_gains(model, more[k])),
            ps[k],
            selected[k].half_life,
        )
        for k in kept
    ]


SURE = 1.645
"""Standard errors by which the loss of a key must exceed 0."""


def _gains(model: Additive, by_row: Floats) -> Iterator[tuple[str, Difference]]:
    for t, name in enumerate(model.names):
        counted = by_row[model.looked[:, t], t]
        mean, error = float(counted.mean()), float(counted.std() / max(len(counted), 1) ** 0.5)
        yield name, Difference.of(mean, error)
