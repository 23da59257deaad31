"""The optimiser, Adam over named groups of parameters, and the moving average of weights.

Tables have rules and averages of their own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from automtl_core.errors import PluginError
from automtl_core.modules.table import RowAverage, Table
from automtl_core.system.state import State
from automtl_core.training.batches import Batch
from automtl_core.training.compute import Compute, recalibrate_batchnorm
from automtl_core.training.recipe import EMBEDDING_DECAY, Recipe

Parameters = Mapping[str, nn.Parameter]
ADAM: Any = partial(torch.no_grad()(adam), fused=True, amsgrad=False, maximize=False, eps=1e-8)


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
    """One optimiser over all groups; its state is keyed by parameter names, independent of their order."""

    def __init__(self, groups: Sequence[Group], compute: Compute) -> None:
        self.compute = compute
        self.names = {p: name for group in groups for name, p in group.parameters.items()}
        rules = [table.rule(group.learning_rate, group.decay) for group in groups for table in group.tables]
        self.rules = {rule.weight: rule for rule in rules if rule is not None}
        """Weight of a table -> its own rule."""
        self.groups = groups
        self.factor = 1.0
        self.states: dict[Tensor, State] = {}
        """Parameter -> its moments and step count, of those that Adam has moved."""

    def step(self, backward: Backward, moving: Sequence[nn.Parameter] | None = None) -> None:
        """Update these parameters, or all if None, by the gradients of `backward`."""
        for p in self.names:
            p.grad = None
        backward(inputs=list(self.names if moving is None else moving))
        # Not by `torch.optim.Adam`, which imports the compiler of torch: that takes as long as torch itself.
        for group in self.groups:
            moved = [p for p in group.parameters.values() if p.grad is not None and p not in self.rules]
            for p in [p for p in moved if p not in self.states]:
                zeros = {"exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
                self.states[p] = {"step": torch.zeros((), device=p.device), **zeros}
            states = [[self.states[p][name] for p in moved] for name in ("exp_avg", "exp_avg_sq", "step")]
            rates = {"lr": self.factor * group.learning_rate, "weight_decay": group.decay}
            ADAM(moved, [p.grad for p in moved], *states[:2], [], states[2], beta1=0.9, beta2=0.999, **rates)
        for rule in self.rules.values():
            rule.step()

    def scale(self, factor: float) -> None:
        """Multiply the learning rates of all groups by a factor, which replaces an earlier one.

        Pending updates of rows, see `settle`, are applied with the new rate.
        """
        self.factor = factor
        for rule in self.rules.values():
            rule.factor = factor

    def settle(self) -> None:
        """Apply pending updates to rows that were not read recently; due before an evaluation."""
        for rule in self.rules.values():
            rule.settle()

    def state_dict(self) -> State:
        """Return moments and step counts by the names of parameters."""
        states = {**self.states, **{p: rule.state for p, rule in self.rules.items()}}
        return {name: dict(states[p]) for p, name in self.names.items() if states.get(p)}

    def load_state_dict(self, state: State) -> None:
        """Load a state of `state_dict`, for parameters with the same name and shape."""
        for p, name in self.names.items():
            if (saved := state.get(name)) is None or saved["exp_avg_sq"].shape != p.shape:
                continue
            if p in self.rules:
                self.rules[p].load(saved)
            else:
                self.states[p] = {key: value.to(p.device, copy=True) for key, value in saved.items()}


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
    decay = EMBEDDING_DECAY if recipe.embedding_decay == "auto" else recipe.embedding_decay

    def named(which: Callable[[str], bool]) -> Parameters:
        return {name: p for name, p in weights.items() if which(name)}

    return [
        Group(named(lambda name: name in embeddings), rate, decay, tables),
        Group(named(lambda name: name in norms), rate, 0.0),
        Group(named(lambda name: name not in embeddings | norms), rate, recipe.weight_decay),
    ]


def _owned_by(model: nn.Module, is_owner: Callable[[nn.Module], bool]) -> frozenset[str]:
    """Return the names of the parameters of some modules within a model."""
    owners = ((path, module) for path, module in model.named_modules() if is_owner(module))
    return frozenset(name for path, m in owners for name, _ in m.named_parameters(path, recurse=False))


class WeightAverage:
    """A copy of a network whose weights move by (now - mean) / span after each step.

    It predicts better than the weights of any single step (Polyak and Juditsky 1992).
    For steps up to the span, the average weighs all steps equally. Buffers are copied from the network. A
    `Table` has an average of its own kind, which is up to date when the averaged network is requested.

    Args:
        network: The trained network; its parameters and buffers must stay the same tensors.
        span: Span of the average in steps; up to 1 there is no average, and no copy.
        compute: Device and precision.

    """

    def __init__(self, network: nn.Module, span: float, compute: Compute) -> None:
        self.compute = compute
        self.span = span
        self.steps = 0
        self.trained = network
        self._network = network
        self._tables: list[RowAverage] = []
        self._parameters: list[tuple[Tensor, Tensor]] = []
        self._buffers: list[tuple[Tensor, Tensor]] = []
        if span <= 1:
            return
        self._network = deepcopy(self.trained).eval()
        pairs = list(zip(self.trained.modules(), self._network.modules(), strict=True))
        averages = [t.average(m) for t, m in pairs if isinstance(t, Table) and isinstance(m, Table)]
        self._tables = [average for average in averages if average is not None]
        own = {id(average.weight) for average in self._tables}
        # A search through all modules would take as long as a small step.
        parameters = zip(self._network.parameters(), self.trained.parameters(), strict=True)
        self._parameters = [(mean, now) for mean, now in parameters if id(now) not in own]
        self._buffers = list(zip(self._network.buffers(), self.trained.buffers(), strict=True))

    @property
    def network(self) -> nn.Module:
        """The network with averaged weights, all up to date."""
        for table in self._tables:
            table.settle()
        return self._network

    @torch.no_grad()
    def update(self) -> None:
        """Add the weights of a step to the average."""
        if self._network is self.trained:
            return
        self.steps += 1
        share = 1 / min(self.steps, self.span)
        if self._parameters:
            means, now = map(list, zip(*self._parameters, strict=True))
            torch._foreach_lerp_(means, now, share)
        if self._buffers:
            ours, theirs = map(list, zip(*self._buffers, strict=True))
            torch._foreach_copy_(ours, theirs)
        for table in self._tables:
            table.update(share)

    def recalibrate_batchnorm(self, data: Iterable[Batch]) -> None:
        """Recompute the statistics of batch normalisation for the averaged weights."""
        if self._network is not self.trained:
            recalibrate_batchnorm(self.network, data, self.compute)

    def state_dict(self) -> State:
        """Return the average; empty where there is none."""
        if self._network is self.trained:
            return {}
        return {"steps": self.steps, "weights": self.network.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Continue from an average."""
        if state:
            self.steps = state["steps"]
            self._network.load_state_dict(state["weights"])
            for table in self._tables:
                table.restart()
