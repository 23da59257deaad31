"""The interface of networks, with optional methods for training.

A network is any module that is called with `Features` and returns `[B, T]`. Letters: B batch, T tasks.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

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

    An export writes a graph for each of them, and `automtl.Run.outputs` returns them.
    """

    def outputs(self, features: Features) -> Mapping[str, Tensor]:
        """Return the outputs of B examples by name, [B, ...] each; a name is a Python identifier."""


class Output(nn.Module):
    """One output of a `WithOutputs`, as a network that returns [B, ...]."""

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network: Any = network
        self.name = name

    def forward(self, features: Features) -> Tensor:
        output: Tensor = self.network.outputs(features)[self.name]
        return output
