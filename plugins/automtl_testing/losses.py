"""The contract of losses, also of those that kinds of tasks define. Letters: B batch, T tasks."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automtl_core.settings.settings import Settings
from automtl_core.tasks.kind import TaskKind
from automtl_core.tasks.kinds import task_kind
from automtl_core.tasks.loss import Loss
from automtl_testing.samples import labels_of

Array = NDArray[Any]
Sums = Callable[[Tensor, Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]
"""`Loss.sums` of a loss."""
ROWS = 240


class _Terms(NamedTuple):
    """What a loss says of a batch."""

    sums: Tensor  # [T]
    numbers: Tensor  # [T]
    gradient: Tensor  # [B, T]

    def equals(self, other: "_Terms") -> bool:
        pairs = zip(self, other, strict=True)
        return all(torch.allclose(one.double(), two.double(), 1e-9, 1e-12) for one, two in pairs)


def check_loss(loss: type[Loss[Any]], settings: Settings | None = None) -> None:
    """Check terms, weights and gradients of a loss, and that lower losses mean better predictions.

    Args:
        loss: The loss class.
        settings: Its settings; None for the defaults.

    Raises:
        AssertionError: a requirement is violated.

    """
    made: Loss[Any] = loss(settings or loss.settings_class())
    for name in loss.kinds:
        kind, draw = task_kind(name), np.random.default_rng(0)
        check_terms(kind, made.sums, made.grouped)
        labels, groups = labels_of(kind, draw.standard_normal(ROWS)), draw.integers(0, 20, ROWS)
        check_training(kind, made.sums, made.grouped, labels, groups, (kind.evidence,))


def check_terms(kind: TaskKind, loss: Sums, grouped: bool) -> None:
    """Check the terms of a loss of a kind of task: their sums, numbers and gradients by the logits.

    Raises:
        AssertionError: a requirement is violated.

    """
    draw = np.random.default_rng(0)
    columns = np.stack([labels_of(kind, draw.standard_normal(ROWS)) for _ in range(2)], axis=1)
    columns[::9, 0] = columns[::7, 1] = np.nan
    logits = torch.from_numpy(draw.standard_normal(columns.shape)).requires_grad_()
    labels, known = torch.from_numpy(columns).nan_to_num(), torch.from_numpy(~np.isnan(columns)).double()
    groups = torch.from_numpy(draw.integers(0, 20, ROWS).astype(np.int32))

    def of(rows: Tensor, weights: Tensor = known, task: int | None = None) -> _Terms:
        own = (logits[rows], labels[rows], weights[rows], groups[rows] if grouped else None)
        sums, numbers = loss(*own)
        assert sums.shape == numbers.shape == (2,), "a loss must return a sum and a number for each task"
        whole = sums.sum() if task is None else sums[task]
        (gradient,) = torch.autograd.grad(whole, logits, allow_unused=True, materialize_grads=True)
        return _Terms(sums.detach(), numbers, gradient)

    every = torch.arange(ROWS)
    whole = of(every)
    assert bool(whole.sums.isfinite().all() and (whole.numbers > 0).all()), (
        "a loss must be finite, over terms"
    )
    assert bool(whole.gradient.isfinite().all()), "a gradient must be finite"
    assert whole.gradient.any(), "a loss must have a gradient"
    assert not whole.gradient[known == 0].any(), "a row without the label must have no gradient"
    assert not of(every, task=0).gradient[:, 1].any(), "the loss of a task must not depend on other tasks"
    assert whole.equals(of(every.flip(0))), "a loss must not depend on the order of rows"
    halves = [of(every[mine]) for mine in (groups < 10, groups >= 10)]
    together = _Terms(*(one + two for one, two in zip(*halves, strict=True)))
    rule = "the terms of a batch must be those of its lists together"
    assert whole.equals(together), f"{rule}: processes train on different rows"
    counted = torch.from_numpy(draw.random(ROWS) < 0.5)
    without = of(every, known * counted[:, None])
    assert without.equals(of(every[counted])), "a row of weight 0 must be as no row"
    doubled = of(every, known * (1 + counted.double())[:, None])
    assert doubled.equals(of(torch.cat([every, every[counted]]))), "a row of weight 2 must be as two rows"
    none = of(every, torch.zeros_like(known))
    assert not any(part.any() for part in none), "a task without labels must have no term, and no gradient"
    single = [values.detach().float() for values in (logits, labels, known)]
    sums, _ = loss(single[0], single[1], single[2], groups if grouped else None)
    assert (sums.dtype, whole.sums.dtype) == (torch.float32, torch.float64), "sums have the type of logits"
    assert torch.allclose(sums.double(), whole.sums, 1e-4), "single precision must give nearly the same sums"


def check_training(
    kind: TaskKind, loss: Sums, grouped: bool, labels: Array, groups: Array, keys: tuple[str, ...]
) -> None:
    """Check that lower losses mean better values of some measures of a kind of task.

    Args:
        kind: The kind.
        loss: The loss.
        grouped: Whether it compares the rows of a list.
        labels: Labels that differ, [B].
        groups: Number of the list of each row, 0 for none, [B].
        keys: Keys of the measures.

    Raises:
        AssertionError: a requirement is violated.

    """
    y, lists = torch.from_numpy(labels.astype(np.float64))[:, None], torch.from_numpy(groups)
    logits = torch.full_like(y, kind.constant(labels), requires_grad=True)
    before = kind.metrics(labels, logits.detach()[:, 0].numpy().copy(), groups).values
    for step in np.linspace(0.05, 0, 300):
        sums, numbers = loss(logits, y, torch.ones_like(y), lists if grouped else None)
        logits.data -= step * torch.autograd.grad((sums / numbers).sum(), logits)[0].sign()
    after = kind.metrics(labels, logits.detach()[:, 0].numpy(), groups).values
    for measure in (m for m in kind.measures if m.key in keys):
        low, high = before[measure.key], after[measure.key]
        assert low is not None, f"{measure.title} must be defined for a constant prediction"
        assert high is not None, f"{measure.title} must be defined for correct predictions"
        assert measure.sign * (high - low) > 0, f"{measure.title} must improve when the loss is minimised"
