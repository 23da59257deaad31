"""Optimisers: Adam over named groups of parameters, and over the rows of tables that a batch read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from automtl_core.disk.state import State
from automtl_core.training.compute import Compute
from automtl_core.training.recipe import Recipe

Parameters = Mapping[str, nn.Parameter]


@dataclass(frozen=True)
class Group:
    """Parameters by name that share a step size and a decay."""

    parameters: Parameters
    learning_rate: float
    decay: float
    rows: bool = False
    """Whether gradients are sparse: then only the rows they touch are decayed and moved."""


class RowAdam(torch.optim.Optimizer):
    """Adam on the rows of a table that the gradient touches; all others, and their moments, stay.

    A step costs as much as the batch has distinct ids, however large the table is. Moments and steps are
    those of Kingma and Ba (2015, algorithm 1), with zero gradients left out.

    Decay is the shrinkage that L2 in the loss gives under Adam, divided like any gradient by the root of the
    second moment: strong on ids that are rarely read, weak on frequent ones. A row that was not touched for k
    steps is given it k times: w <- w * exp(-lr * decay * k / (sqrt(v) + eps)).
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.999), "eps": 1e-8})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Apply one step to every parameter that has a sparse gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._step_rows(p, group)

    def _step_rows(self, p: Tensor, group: dict[str, Any]) -> None:
        if not self.state[p]:
            self.state[p] = {
                "step": torch.zeros(()),
                "exp_avg": torch.zeros_like(p),
                "exp_avg_sq": torch.zeros_like(p),
                "touched": p.new_zeros(len(p), 1),
            }
        state, (beta1, beta2) = self.state[p], group["betas"]
        state["step"] += 1
        t = state["step"].item()
        assert p.grad is not None  # noqa: S101 - for the type checker
        grad = p.grad.coalesce()
        rows, g = grad.indices()[0], grad.values()
        m = state["exp_avg"][rows].lerp_(g, 1 - beta1)
        v = state["exp_avg_sq"][rows].mul_(beta2).addcmul_(g, g, value=1 - beta2)
        steps = t - state["touched"][rows]
        spread = (v / (1 - beta2**t)).sqrt_().add_(group["eps"])
        shrink = (-group["lr"] * group["weight_decay"] * steps / spread).exp_()
        p[rows] = (p[rows] * shrink).addcdiv_(m, spread, value=-group["lr"] / (1 - beta1**t))
        state["exp_avg"][rows] = m
        state["exp_avg_sq"][rows] = v
        state["touched"][rows] = t


class Optimiser:
    """One step over all groups; its state is kept by the names of parameters, so it outlives their order.

    Every gradient that moves a parameter passes here, and so through `Compute.reduce`.
    """

    def __init__(self, groups: Iterable[Group], compute: Compute) -> None:
        groups = [group for group in groups if group.parameters]
        self.compute = compute
        self.names = {p: name for group in groups for name, p in group.parameters.items()}
        dense = [
            {"params": list(g.parameters.values()), "lr": g.learning_rate, "weight_decay": g.decay}
            for g in groups
            if not g.rows
        ]
        self.parts: list[torch.optim.Optimizer] = []
        if dense:
            self.parts.append(torch.optim.Adam(dense, fused=True))
        self.parts += [RowAdam(g.parameters.values(), g.learning_rate, g.decay) for g in groups if g.rows]

    def step(self, loss: Tensor, moving: Sequence[nn.Parameter] | None = None) -> None:
        """Differentiate the loss and move these parameters, or all where None."""
        for part in self.parts:
            part.zero_grad()
        loss.backward(inputs=list(self.names if moving is None else moving))  # type: ignore[no-untyped-call]
        self._move()

    def apply(self, gradients: Mapping[nn.Parameter, Tensor]) -> None:
        """Move these parameters by gradients that were computed elsewhere."""
        for part in self.parts:
            part.zero_grad()
        for p, gradient in gradients.items():
            p.grad = gradient
        self._move()

    def _move(self) -> None:
        self.compute.reduce(self.names)
        for part in self.parts:
            part.step()

    def state_dict(self) -> State:
        """Return the moments and step counts by the names of parameters."""
        names = {id(p): name for p, name in self.names.items()}
        return {names[id(p)]: dict(state) for part in self.parts for p, state in part.state.items()}

    def load_state_dict(self, state: State) -> None:
        """Take over what `state_dict` returned, for the parameters that still are what they were."""
        for part in self.parts:
            for group in part.param_groups:
                for p in group["params"]:
                    saved = state.get(self.names[p])
                    if saved is not None and saved["exp_avg"].shape == p.shape:
                        part.state[p] = {key: value.to(p.device, copy=True) for key, value in saved.items()}


def weight_groups(model: nn.Module, weights: Parameters, recipe: Recipe) -> list[Group]:
    """Return the groups of a model's weights: large tables, tables, batch normalisation, everything else.

    Args:
        model: The module that holds the weights, which tells what they are for.
        weights: Those to train, by their names in the model.
        recipe: Step size and decays.

    """
    large = _owned_by(model, lambda m: isinstance(m, nn.Embedding) and m.sparse)
    tables = _owned_by(model, lambda m: isinstance(m, nn.Embedding) and not m.sparse)
    norms = _owned_by(model, lambda m: isinstance(m, nn.modules.batchnorm._BatchNorm))
    rate = recipe.learning_rate

    def named(which: Callable[[str], bool]) -> Parameters:
        return {name: p for name, p in weights.items() if which(name)}

    return [
        Group(named(lambda name: name in large), rate, recipe.embedding_decay, rows=True),
        Group(named(lambda name: name in tables), rate, recipe.embedding_decay),
        Group(named(lambda name: name in norms), rate, 0.0),
        Group(named(lambda name: name not in large | tables | norms), rate, recipe.weight_decay),
    ]


def _owned_by(model: nn.Module, is_owner: Callable[[nn.Module], bool]) -> frozenset[str]:
    return frozenset(
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        if is_owner(module)
        for name, _ in module.named_parameters(recurse=False)
    )
