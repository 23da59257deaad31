"""The optimiser: Adam over named groups of parameters, and the rules that tables have of their own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from automtl_core.disk.state import State
from automtl_core.errors import PluginError
from automtl_core.libraries import importing_compiler
from automtl_core.modules.table import Table
from automtl_core.training.compute import Compute
from automtl_core.training.recipe import Recipe

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
    tables: Sequence[Table] = ()
    """The tables among them, which may have rules of their own."""


class Optimiser:
    """One optimiser over all groups; its state is keyed by parameter names, independent of their order.

    All gradients that change a parameter pass through it, and so through `Compute.reduce`.
    """

    def __init__(self, groups: Sequence[Group], compute: Compute) -> None:
        self.compute = compute
        self.names = {p: name for group in groups for name, p in group.parameters.items()}
        rules = [table.rule(group.learning_rate, group.decay) for group in groups for table in group.tables]
        self.rules = {rule.weight: rule for rule in rules if rule is not None}
        """Weight of a table -> its own rule."""
        common = [
            {"params": parameters, "lr": group.learning_rate, "weight_decay": group.decay}
            for group in groups
            if (parameters := [p for p in group.parameters.values() if p not in self.rules])
        ]
        with importing_compiler():
            self.adam = torch.optim.Adam(common, fused=True) if common else None

    def step(self, backward: Backward, moving: Sequence[nn.Parameter] | None = None) -> None:
        """Update these parameters, or all if None, by the gradients of `backward`."""
        self._forget()
        backward(inputs=list(self.names if moving is None else moving))
        self._move()

    def scale(self, factor: float) -> None:
        """Multiply the learning rates of all groups by a factor, which replaces an earlier one.

        Pending updates of rows, see `settle`, are applied with the new rate.
        """
        for group in self.adam.param_groups if self.adam else ():
            group["lr"] = factor * group.setdefault("rate", group["lr"])
        for rule in self.rules.values():
            rule.factor = factor

    def settle(self) -> None:
        """Apply pending updates to rows that were not read recently; due before an evaluation."""
        for rule in self.rules.values():
            rule.settle()

    def _forget(self) -> None:
        for p in self.names:
            p.grad = None

    def _move(self) -> None:
        shared = self.compute.processes > 1
        if shared:
            self.compute.reduce(list(self.names))
        if self.adam is not None:
            self.adam.step()
        for rule in self.rules.values():
            rule.step(shared)

    def state_dict(self) -> State:
        """Return moments and step counts by the names of parameters."""
        states = {p: rule.state for p, rule in self.rules.items()}
        states |= self.adam.state if self.adam else {}
        return {name: dict(states[p]) for p, name in self.names.items() if states.get(p)}

    def load_state_dict(self, state: State) -> None:
        """Load a state of `state_dict`, for parameters with the same name and shape."""
        for p, name in self.names.items():
            saved = state.get(name)
            if saved is None or saved["exp_avg_sq"].shape != p.shape:
                continue
            if p in self.rules:
                self.rules[p].load(saved)
            elif self.adam is not None:
                self.adam.state[p] = {key: value.to(p.device, copy=True) for key, value in saved.items()}


def weight_groups(model: nn.Module, weights: Parameters, recipe: Recipe) -> list[Group]:
    """Return the groups of a model's weights: embeddings, batch normalisation, all others.

    Args:
        model: The module that holds the weights; its submodules determine the groups.
        weights: Weights to train, by their names in the model.
        recipe: Learning rate and decays.

    Raises:
        PluginError: an embedding that is no `Table` has sparse gradients.

    """
    tables = [m for m in model.modules() if isinstance(m, Table)]
    if any(isinstance(m, nn.Embedding) and m.sparse and m not in tables for m in model.modules()):
        raise PluginError(
            f"{type(model).__name__} has an embedding with sparse gradients that is no table",
            fix="use automtl_core.modules.table.table_of in place of torch.nn.Embedding(..., sparse=True)",
        )
    embeddings = _owned_by(model, lambda m: isinstance(m, nn.Embedding))
    norms = _owned_by(model, lambda m: isinstance(m, nn.modules.batchnorm._BatchNorm))
    rate = recipe.learning_rate

    def named(which: Callable[[str], bool]) -> Parameters:
        return {name: p for name, p in weights.items() if which(name)}

    return [
        Group(named(lambda name: name in embeddings), rate, recipe.decay_of_embeddings, tables),
        Group(named(lambda name: name in norms), rate, 0.0),
        Group(named(lambda name: name not in embeddings | norms), rate, recipe.weight_decay),
    ]


def _owned_by(model: nn.Module, is_owner: Callable[[nn.Module], bool]) -> frozenset[str]:
    return frozenset(
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        if is_owner(module)
        for name, _ in module.named_parameters(recurse=False)
    )
