"""Tables of embeddings: which rows a step reads, and how they are trained and averaged.

A network reads a `Table`; optimiser, average and checkpoint ask it, and do not know its kind.

Letters: V rows of a table, d numbers of a row, n indices, U distinct rows.
"""

import math
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Self
from weakref import ref

import torch
from torch import Tensor, nn

WHOLE_TABLE = 250_000
"""Number of rows up to which a step over the whole table is faster (benchmarks/embedding.py)."""
CHUNK = 1 << 16
"""Number of rows that are updated together, outside of steps."""


def _chunks(table: Tensor) -> Iterator[Tensor]:
    """Yield the indices of all rows."""
    for start in range(0, len(table), CHUNK):
        yield torch.arange(start, min(start + CHUNK, len(table)), device=table.device)


def _behind(rows: Tensor, known: Tensor, now: float) -> tuple[Tensor, Tensor]:
    """Return the rows [U] whose value in `known` [V, 1] is not `now`, and the differences, [U, 1]."""
    missed = now - known.index_select(0, rows)
    behind = missed.squeeze(1) != 0  # a step may read rows several times
    return (rows, missed) if behind.all() else (rows[behind], missed[behind])


class Table(nn.Embedding):
    """Rows of numbers, [V, d], which are the weight of the module; each step updates all of them."""

    def read(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return a matrix that holds the rows at some indices [n], and their indices in it, [n]."""
        return self.weight, places

    def rule(self, learning_rate: float, decay: float) -> "RowRMSprop | None":
        """Return the rule by which gradients change the rows; None for that of all other weights."""
        return None

    def average(self, mean: Self) -> "RowAverage | None":
        """Return what keeps a copy at the average of this table; None for the usual average of weights."""
        return None


class RowTable(Table):
    """A table of which each step updates the rows of its batch alone: its gradients are sparse.

    Rules and averages bring other rows up to date before these are read. The table holds weak references to
    them, one of each kind, and copies of the table have none.
    """

    def __init__(self, rows: int, dim: int) -> None:
        super().__init__(rows, dim, sparse=True)
        self.lazy: dict[str, ref[RowRMSprop | RowAverage]] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a copy without rules and averages."""
        copy = type(self).__new__(type(self))
        memo[id(self)] = copy
        copy.__dict__.update(deepcopy({**self.__dict__, "lazy": {}}, memo))
        return copy

    def read(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distinct rows in training, [U, d], else all rows."""
        if not (self.training and torch.is_grad_enabled()):
            return self.weight, places
        rows, at = torch.unique(places, return_inverse=True)
        for lazy in self.lazy.values():
            if (updates := lazy()) is not None:
                updates.catch_up(rows)
        return self(rows), at

    def rule(self, learning_rate: float, decay: float) -> "RowRMSprop":
        """Return RMSprop of the rows that a step reads, in place of an earlier rule."""
        rule = RowRMSprop(self, learning_rate, decay)
        self.lazy["rule"] = ref(rule)
        return rule

    def average(self, mean: Self) -> "RowAverage":
        """Return the average of the rows, in place of an earlier one."""
        average = RowAverage(self.weight, mean.weight)
        self.lazy["average"] = ref(average)
        return average


def table_of(rows: int, dim: int) -> Table:
    """Return a new table of the faster kind."""
    return (RowTable if rows > WHOLE_TABLE else Table)(rows, dim)


class RowRMSprop:
    """RMSprop with L2 on the rows of a table that a step reads; pending decay of other rows is applied later.

    A step costs time for the distinct ids of the batch, not for the whole table. With g the gradient, and
    with the bias correction of Adam (Kingma and Ba 2015, algorithm 1):

        d = g + decay * w        v <- beta * v + (1 - beta) * d^2        w <- w - lr * d / (sqrt(v) + eps)

    That is Adam without momentum, which only delays the updates of rare ids. A row that was not read for
    k steps had gradient 0: v <- beta^k * v, and w <- w * exp(-lr * decay * k / (sqrt(v) + eps)), as long
    as v has not changed much by then.
    """

    beta, eps = 0.999, 1e-8

    def __init__(self, table: RowTable, learning_rate: float, decay: float) -> None:
        self.table = table
        self.weight = table.weight
        self.learning_rate, self.decay = learning_rate, decay
        self.factor = 1.0
        """Factor of the learning rate, of pending updates too."""
        self.state: dict[str, Tensor] = {}
        """`step`, `exp_avg_sq` [V, d], and the last step of each row, `touched` [V, 1]; empty at first."""

    @torch.no_grad()
    def step(self) -> None:
        """Apply the gradient of the table, if it has one."""
        if self.weight.grad is None:
            return
        w, state = self.weight, self.state
        if not state:
            zeros = {"exp_avg_sq": torch.zeros_like(w), "touched": w.new_zeros(len(w), 1)}
            self.state = state = {"step": torch.zeros(()), **zeros}
        grad = self.weight.grad.coalesce()
        rows = grad.indices()[0]
        self.catch_up(rows)
        state["step"] += 1
        now = w.index_select(0, rows)
        d = torch.add(grad.values(), now, alpha=self.decay)
        v = state["exp_avg_sq"].index_select(0, rows).mul_(self.beta).addcmul_(d, d, value=1 - self.beta)
        w[rows] = now.addcdiv_(d, self._spread(v), value=-self.factor * self.learning_rate)
        state["exp_avg_sq"][rows] = v
        state["touched"][rows] = state["step"].item()

    @torch.no_grad()
    def catch_up(self, rows: Tensor) -> None:
        """Apply pending updates to rows, up to the last step."""
        if not self.state or not (t := self.state["step"].item()):
            return
        rows, missed = _behind(rows, self.state["touched"], t)
        if not len(rows):
            return
        v = self.state["exp_avg_sq"].index_select(0, rows)
        if self.decay:
            shrink = missed * (-self.factor * self.learning_rate * self.decay) / self._spread(v)
            self.weight[rows] = self.weight.index_select(0, rows).mul_(shrink.exp_())
        self.state["exp_avg_sq"][rows] = v.mul_(self.beta**missed)
        self.state["touched"][rows] = t

    def settle(self) -> None:
        """Apply pending updates to all rows, if there is weight decay."""
        for rows in _chunks(self.weight) if self.decay else ():
            self.catch_up(rows)

    def load(self, state: dict[str, Tensor]) -> None:
        """Continue from a state, of a table of the same shape."""
        self.state = {key: value.to(self.weight.device, copy=True) for key, value in state.items()}

    def _spread(self, v: Tensor) -> Tensor:
        """Return the divisor of steps: the root of the corrected second moment."""
        spread: Tensor = (v / (1 - self.beta ** self.state["step"].item())).sqrt_().add_(self.eps)
        return spread


class RowAverage:
    """The moving average of a table's rows.

    With a share a of each step, a mean that was up to date at step s is at step t

        w + (mean - w) * (1 - a_s+1) * ... * (1 - a_t)

    if w has not moved since. The logarithm of the product since all rows were last up to date is kept, and
    for each row its value when the row was last averaged.

    Args:
        weight: The rows, [V, d].
        mean: The averaged rows, [V, d], changed in place.

    """

    def __init__(self, weight: Tensor, mean: Tensor) -> None:
        self.weight, self.mean = weight, mean
        self._log = 0.0
        self._known = mean.new_zeros(len(mean), 1)
        self._read: list[Tensor] = []
        self._stale = False

    @torch.no_grad()
    def catch_up(self, rows: Tensor) -> None:
        """Update the average of rows, before a step moves them."""
        self._bring(rows)
        self._read.append(rows)

    @torch.no_grad()
    def update(self, share: float) -> None:
        """Add the rows of a step to the average."""
        # In the first step the mean becomes the weight; its earlier value does not matter.
        self._log += math.log1p(-share) if share < 1 else 0.0
        if self._read:
            rows = torch.cat(self._read)  # a row that was read twice is written twice, with the same values
            self._read = []
            now = self.weight.index_select(0, rows)
            self.mean[rows] = self.mean.index_select(0, rows).lerp_(now, share)
            self._known[rows] = self._log
        self._stale = True

    @torch.no_grad()
    def settle(self) -> None:
        """Update the average of all rows."""
        if self._stale:
            for rows in _chunks(self.weight):
                self._bring(rows)
            self.restart()

    def restart(self) -> None:
        """Continue with a mean that is up to date."""
        self._log, self._stale = 0.0, False
        self._known.zero_()

    def _bring(self, rows: Tensor) -> None:
        rows, left = _behind(rows, self._known, self._log)
        now = self.weight.index_select(0, rows)
        self.mean[rows] = torch.addcmul(now, self.mean.index_select(0, rows) - now, left.exp_())
        self._known[rows] = self._log
