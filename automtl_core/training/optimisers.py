"""Optimisers: Adam over named groups of parameters, and for large tables what moves the rows of a batch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from automtl_core.disk.state import State
from automtl_core.modules.embedding import LargeTable
from automtl_core.training.compute import Compute
from automtl_core.training.recipe import Recipe
from automtl_core.training.row_rmsprop import RowRMSprop

Parameters = Mapping[str, nn.Parameter]


class Backward(Protocol):
    """Gives parameters their gradients, as `loss.backward` does, or that of a balancer with its losses."""

    def __call__(self, *, inputs: list[nn.Parameter]) -> object: ...


@dataclass(frozen=True)
class Group:
    """Parameters by name that share a step size and a decay."""

    parameters: Parameters
    learning_rate: float
    decay: float
    rows: bool = False
    """Whether gradients are sparse: then only the rows that a step reads are moved."""
    tables: Sequence[LargeTable] = ()
    """Those of them that tell before they are read."""


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
        self.of_rows: list[RowRMSprop] = []
        for group in groups:
            if group.rows:
                part = RowRMSprop(group.parameters.values(), group.learning_rate, group.decay)
                self.of_rows.append(part)
                for table in group.tables:
                    table.watch("optimiser", part.catch_up)
        self.parts += self.of_rows

    def step(self, backward: Backward, moving: Sequence[nn.Parameter] | None = None) -> None:
        """Move these parameters, or all where None, by the gradients that `backward` gives them."""
        for part in self.parts:
            part.zero_grad()
        backward(inputs=list(self.names if moving is None else moving))
        self._move()

    def apply(self, gradients: Mapping[nn.Parameter, Tensor]) -> None:
        """Move these parameters by gradients that were computed elsewhere."""
        for part in self.parts:
            part.zero_grad()
        for p, gradient in gradients.items():
            p.grad = gradient
        self._move()

    def settle(self) -> None:
        """Give rows that were not read lately what they have missed; due before a network is looked at."""
        for part in self.of_rows:
            part.settle()

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
                    if saved is not None and saved["exp_avg_sq"].shape == p.shape:
                        part.state[p] = {key: value.to(p.device, copy=True) for key, value in saved.items()}


def weight_groups(model: nn.Module, weights: Parameters, recipe: Recipe) -> list[Group]:
    """Return the groups of a model's weights: large tables, tables, batch normalisation, everything else.

    Args:
        model: The module that holds the weights, which tells what they are for.
        weights: Those to train, by their names in the model.
        recipe: Step size and decays.

    """
    watched = tuple(m for m in model.modules() if isinstance(m, LargeTable))
    large = _owned_by(model, lambda m: isinstance(m, nn.Embedding) and m.sparse)
    tables = _owned_by(model, lambda m: isinstance(m, nn.Embedding) and not m.sparse)
    norms = _owned_by(model, lambda m: isinstance(m, nn.modules.batchnorm._BatchNorm))
    rate = recipe.learning_rate

    def named(which: Callable[[str], bool]) -> Parameters:
        return {name: p for name, p in weights.items() if which(name)}

    return [
        Group(named(lambda name: name in large), rate, recipe.decay_of_embeddings, True, watched),
        Group(named(lambda name: name in tables), rate, recipe.decay_of_embeddings),
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
