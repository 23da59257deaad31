"""RMSprop on the rows of large tables: a step updates the rows of its batch."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from automtl_core.disk.file_tensor import zeros_like

CHUNK = 1 << 16
"""Number of rows that are updated together."""


def chunks(table: Tensor) -> Iterator[Tensor]:
    """Yield the indices of all rows, in chunks."""
    for start in range(0, len(table), CHUNK):
        yield torch.arange(start, min(start + CHUNK, len(table)), device=table.device)


class RowRMSprop(torch.optim.Optimizer):
    """RMSprop with L2 on the rows of a table that a step reads; pending decay of other rows is applied later.

    A step costs time for the distinct ids of the batch, not for the whole table. With g the gradient, and
    with the bias correction of Adam (Kingma and Ba 2015, algorithm 1):

        d = g + decay * w        v <- beta * v + (1 - beta) * d^2        w <- w - lr * d / (sqrt(v) + eps)

    That is Adam without momentum, which only delays the updates of rare ids. A row that was not read for
    k steps had gradient 0: v <- beta^k * v, and w <- w * exp(-lr * decay * k / (sqrt(v) + eps)), as long
    as v has not changed much by then.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "beta": 0.999, "eps": 1e-8})
        self._groups = {p: group for group in self.param_groups for p in group["params"]}

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Apply one step to every parameter that has a sparse gradient."""
        for p, group in self._groups.items():
            if p.grad is not None:
                self._step_rows(p, group)

    @torch.no_grad()
    def catch_up(self, p: Tensor, rows: Tensor) -> None:
        """Apply pending updates to rows, up to the last step."""
        if p not in self.state or not (t := self.state[p]["step"].item()):
            return
        state, group = self.state[p], self._groups[p]
        missed = t - state["touched"].index_select(0, rows)
        behind = missed.squeeze(1) > 0  # a step may read rows several times
        if not behind.all():
            rows, missed = rows[behind], missed[behind]
        if not len(rows):
            return
        v = state["exp_avg_sq"].index_select(0, rows)
        if group["weight_decay"]:
            shrink = missed * (-group["lr"] * group["weight_decay"]) / self._spread(v, t, group)
            p[rows] = p.index_select(0, rows).mul_(shrink.exp_())
        state["exp_avg_sq"][rows] = v.mul_(group["beta"] ** missed)
        state["touched"][rows] = t

    def settle(self) -> None:
        """Apply pending updates to all rows, if there is weight decay."""
        for p, group in self._groups.items():
            for rows in chunks(p) if group["weight_decay"] else ():
                self.catch_up(p, rows)

    def _step_rows(self, p: nn.Parameter, group: dict[str, Any]) -> None:
        if not self.state[p]:
            self.state[p] = {
                "step": torch.zeros(()),
                "exp_avg_sq": zeros_like(p.detach()),
                "touched": p.new_zeros(len(p), 1),
            }
        assert p.grad is not None  # noqa: S101 - for the type checker
        grad, state, beta = p.grad.coalesce(), self.state[p], group["beta"]
        rows = grad.indices()[0]
        self.catch_up(p, rows)
        state["step"] += 1
        t, w = state["step"].item(), p.index_select(0, rows)
        d = torch.add(grad.values(), w, alpha=group["weight_decay"])
        v = state["exp_avg_sq"].index_select(0, rows).mul_(beta).addcmul_(d, d, value=1 - beta)
        p[rows] = w.addcdiv_(d, self._spread(v, t, group), value=-group["lr"])
        state["exp_avg_sq"][rows] = v
        state["touched"][rows] = t

    @staticmethod
    def _spread(v: Tensor, t: float, group: dict[str, Any]) -> Tensor:
        """Return the divisor of steps: the root of the corrected second moment after t steps."""
        spread: Tensor = (v / (1 - group["beta"] ** t)).sqrt_().add_(group["eps"])
        return spread
