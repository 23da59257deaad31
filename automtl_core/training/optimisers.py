"""Optimisers: Adam over named groups of parameters, and RMSprop over the rows of large tables in a batch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from automtl_core.disk.file_tensor import copy_like
from automtl_core.disk.state import State
from automtl_core.libraries import importing_compiler
from automtl_core.modules.embedding import LargeTable
from automtl_core.training.compute import Compute
from automtl_core.training.recipe import Recipe
from automtl_core.training.row_rmsprop import RowRMSprop

Parameters = Mapping[str, nn.Parameter]


class Backward(Protocol):
    """Computes the gradients of parameters, as `loss.backward` or the backward of a balancer does."""

    def __call__(self, *, inputs: list[nn.Parameter]) -> object: ...


@dataclass(frozen=True)
class Group:
    """Named parameters with a common learning rate and decay."""

    parameters: Parameters
    learning_rate: float
    decay: float
    rows: bool = False
    """Whether gradients are sparse: then only the rows that a step reads are trained."""
    tables: Sequence[LargeTable] = ()
    """The large tables, which announce the rows that they read."""


class Optimiser:
    """One optimiser over all groups; its state is keyed by parameter names, independent of their order.

    All gradients that change a parameter pass through it, and so through `Compute.reduce`.
    """

    def __init__(self, groups: Iterable[Group], compute: Compute) -> None:
        groups = [group for group in groups if group.parameters]
        self.compute = compute
        self.names = {p: name for group in groups for name, p in group.parameters.items()}
        self.tables = [table for group in groups for table in group.tables]
        dense = [
            {"params": list(g.parameters.values()), "lr": g.learning_rate, "weight_decay": g.decay}
            for g in groups
            if not g.rows
        ]
        self.parts: list[torch.optim.Optimizer] = []
        self.of_rows: list[RowRMSprop] = []
        with importing_compiler():
            if dense:
                self.parts.append(torch.optim.Adam(dense, fused=True))
            for group in groups:
                if group.rows:
                    part = RowRMSprop(group.parameters.values(), group.learning_rate, group.decay)
                    self.of_rows.append(part)
                    for table in group.tables:
                        table.watch("optimiser", part.catch_up)
        self.parts += self.of_rows

    def step(self, backward: Backward, moving: Sequence[nn.Parameter] | None = None) -> None:
        """Update these parameters, or all if None, by the gradients of `backward`."""
        for part in self.parts:
            part.zero_grad()
        backward(inputs=list(self.names if moving is None else moving))
        self._move()

    def apply(self, gradients: Mapping[nn.Parameter, Tensor]) -> None:
        """Update parameters by gradients that were computed elsewhere."""
        for part in self.parts:
            part.zero_grad()
        for p, gradient in gradients.items():
            p.grad = gradient
        self._move()

    def scale(self, factor: float) -> None:
        """Multiply the learning rates of all groups by a factor, which replaces an earlier one.

        Pending updates of rows, see `settle`, are applied with the new rate.
        """
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = factor * group.setdefault("rate", group["lr"])

    def settle(self) -> None:
        """Apply pending updates to rows that were not read recently; due before an evaluation."""
        for part in self.of_rows:
            part.settle()

    def _move(self) -> None:
        if self.compute.processes > 1:
            self.compute.reduce(list(self.names))
            self._announce()
        for part in self.parts:
            part.step()

    def _announce(self) -> None:
        """Tell the watchers of large tables which rows the other processes have read."""
        for table in self.tables:
            if (gradient := table.weight.grad) is not None:
                table.announce(gradient.indices()[0])

    def state_dict(self) -> State:
        """Return moments and step counts by the names of parameters."""
        names = {id(p): name for p, name in self.names.items()}
        return {names[id(p)]: dict(state) for part in self.parts for p, state in part.state.items()}

    def load_state_dict(self, state: State) -> None:
        """Load a state of `state_dict`, for parameters with the same name and shape."""
        for part in self.parts:
            for group in part.param_groups:
                for p in group["params"]:
                    saved = state.get(self.names[p])
                    if saved is not None and saved["exp_avg_sq"].shape == p.shape:
                        part.state[p] = {key: copy_like(value, p) for key, value in saved.items()}


def weight_groups(model: nn.Module, weights: Parameters, recipe: Recipe) -> list[Group]:
    """Return the groups of a model's weights: large tables, tables, batch normalisation, all others.

    Args:
        model: The module that holds the weights; its submodules determine the groups.
        weights: Weights to train, by their names in the model.
        recipe: Learning rate and decays.

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
