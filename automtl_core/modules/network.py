"""Networks: their optional methods for training, ensembles of them, and gates that can be observed.

A network is any module that is called with `Features` and returns `[B, T]`. Letters: B batch, T tasks, K
experts, H expert width.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from automtl_core.choices import member_name
from automtl_core.modules.features import Features


@runtime_checkable
class Penalised(Protocol):
    """A network whose training minimises a penalty in addition to the losses of tasks. Optional."""

    def penalty(self, logits: Tensor) -> Tensor:
        """Return the penalty, a scalar, which is added to the loss of a batch with these logits [B, T]."""


@runtime_checkable
class Separate(Protocol):
    """A network whose tasks share no weight, so that each can be trained separately. Optional."""

    def separate_parts(self) -> Mapping[str, str]:
        """Return for each task the prefix of the names of its weights."""


@runtime_checkable
class Reusable(Protocol):
    """A network with parts whose outputs depend on few decisions. Optional.

    An ablation then computes such a part only when one of its decisions has changed.
    """

    def reusable_parts(self) -> Mapping[str, tuple[str, ...]]:
        """Return name of a submodule -> prefixes of the names of all choices that its output depends on.

        Besides these, the output may depend on the features and on weights alone. Nothing may change it in
        place.
        """


@runtime_checkable
class Averaging(Protocol):
    """A network whose prediction is the mean over members that share weights. Optional."""

    def use_members(self, count: int) -> None:
        """Train and predict with the first `count` members from now on, as a search does with one."""


@runtime_checkable
class WithOutputs(Protocol):
    """A network with outputs beside its logits, such as vectors of users and of items. Optional.

    An export writes a graph for each of them, and `automtl.Model.outputs` returns them.
    """

    def outputs(self, features: Features) -> Mapping[str, Tensor]:
        """Return the outputs of B examples by name, [B, ...] each; a name is a Python identifier."""


def outputs_of(network: Any, features: Features) -> Any:
    """Return the outputs of a `WithOutputs`; empty for others, such as one with a submodule of this name."""
    return network.outputs(features) if hasattr(type(network), "outputs") else {}


def fault_of_outputs(outputs: object, rows: int) -> str | None:
    """Return the fault of the outputs of a `WithOutputs` for a number of rows, or None."""
    if not isinstance(outputs, Mapping):
        return f"outputs returns {type(outputs).__name__}, expected a mapping from names to tensors"
    for name, output in outputs.items():
        if not (isinstance(name, str) and name.isidentifier()):
            return f"an output has the name {name!r}, which is no Python identifier"
        got = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        if not isinstance(got, list) or got[:1] != [rows]:
            return f"the output {name!r} is {got} for {rows} rows, expected a tensor [{rows}, ...]"
    return None


class Output(nn.Module):
    """One output of a `WithOutputs`, as a network that returns [B, ...]."""

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network: Any = network
        self.name = name
        for hook in network._forward_pre_hooks.values():  # such as 0 for missing numbers
            self.register_forward_pre_hook(hook)

    def forward(self, features: Features) -> Tensor:
        output: Tensor = self.network.outputs(features)[self.name]
        return output


class Ensemble(nn.Module):
    """The mean over networks of their logits, and of their standardised regressions.

    Letters: B batch, T tasks.

    Args:
        members: Networks of the same fields and tasks.

    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        return torch.stack([member(features) for member in self.members]).mean(0)


class Mixed(NamedTuple):
    """One pass of a gate over a batch."""

    reader: str
    """Part that reads the experts, such as `task/click`; the number of the gate if it has no such name."""
    experts: Sequence[str]
    """Names of the K experts."""
    weights: Tensor
    """Weights of the experts, [B, K]; as many rows as outputs if members differ in weights."""
    outputs: Sequence[Tensor]
    """Outputs of the experts, K x [B, H]; with members, the rows of an example are side by side."""


class Mixture(nn.Module):
    """Base of gates: a module that mixes the outputs of experts.

    A subclass calls `observer`, if there is one, with the weights and the outputs of each pass.
    """

    observer: Callable[[Mixed], None] | None = None

    reader: str = ""
    """Part that reads the experts, such as `task/click`."""

    @property
    def reads_fields(self) -> bool:
        """Whether the weights depend on the network's input, and so on all its fields."""
        return next(self.parameters(), None) is not None


def gates_of(network: nn.Module) -> list[tuple[str, Mixture]]:
    """Return the gates of a network, each with what its reader begins with: the member of an ensemble."""
    members: dict[str, nn.Module] = {"": network}
    if isinstance(network, Ensemble):
        members = {f"{member_name(k)}/": member for k, member in enumerate(network.members)}
    parts = ((start, part) for start, member in members.items() for part in member.modules())
    return [(start, part) for start, part in parts if isinstance(part, Mixture)]
