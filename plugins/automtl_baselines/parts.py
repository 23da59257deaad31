"""What hand-designed models share: their sizes, and the modules of their networks.

Letters: B batch, N sparse fields, M dense fields, D input width, T tasks, K experts, H expert width.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Generic

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from typing_extensions import TypeVar

from automtl_core.plugin import (
    BatchEnsemble,
    Chooser,
    Features,
    Inputs,
    Mixed,
    Mixture,
    Recipe,
    Search,
    SearchSpace,
    Settings,
    mlp,
    tower,
)


def numbered(count: int, name: str = "expert") -> list[str]:
    """Return names such as `expert0` and `expert1`."""
    return [f"{name}{k}" for k in range(count)]


class Experts(nn.ModuleList):
    """MLPs side by side, see `mlp`: x [B, D] -> [B, K, H]."""

    def __init__(
        self, widths: Sequence[int], count: int, dropout: float, members: int = 1, first: bool = True
    ) -> None:
        super().__init__(mlp(widths, dropout, members, first) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([expert(x) for expert in self], dim=1)


class Towers(nn.Module):
    """A tower for each task, on the values of that task: T x [B, H] -> logits [B, T].

    Args:
        in_dim: H.
        hidden: Widths of the hidden layers of a tower.
        tasks: T.
        dropout: Dropout of hidden values.
        members: Number of members, which have scales for the input of each tower and of its last layer.

    """

    def __init__(
        self, in_dim: int, hidden: Sequence[int], tasks: int, dropout: float, members: int = 1
    ) -> None:
        super().__init__()
        self.tops = nn.ModuleList(tower(in_dim, hidden, dropout, members) for _ in range(tasks))

    def __len__(self) -> int:
        return len(self.tops)

    def forward(self, xs: Sequence[Tensor]) -> Tensor:
        return torch.cat([top(h) for top, h in zip(self.tops, xs, strict=True)], dim=1)


class TaskNetwork(BatchEnsemble, ABC):
    """y_t = tower_t(h_t), with hidden values h_t of each task from the encoded fields x.

    Subclasses annotate their parts, and define `hidden`. `towers` and `members` are set after the parts are
    built. In prediction, hidden values have a row for each member of an example, side by side.

    Args:
        inputs: Shared by all tasks.
        parts: All other modules but the towers, and further values, by the names of their attributes.

    """

    towers: Towers

    def __init__(self, inputs: Inputs, **parts: Any) -> None:
        super().__init__()
        self.inputs = inputs
        for name, part in parts.items():
            setattr(self, name, part)

    @abstractmethod
    def hidden(self, x: Tensor) -> Sequence[Tensor]:
        """Return the hidden values of each task, [B, D] -> T x [B, H]."""

    def logits(self, x: Tensor) -> Tensor:  # [B, D] -> [B, T]
        """Return the logits of all tasks."""
        logits: Tensor = self.towers(self.hidden(x))
        return logits

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        x = self.inputs(features).flat()
        return self.mean_of_members(self.logits(x))


class Layered(TaskNetwork):
    """y_t = tower_t(h_t), with h from layers of several inputs, of which the first has copies of x.

    Args:
        inputs: Shared by all tasks.
        copies: Number of inputs of the first layer.
        layers: The layers, copies x [B, D] -> T x [B, H], by the name of their attribute.

    """

    def __init__(self, inputs: Inputs, copies: int, **layers: nn.Module) -> None:
        super().__init__(inputs, **layers)
        self.copies = copies
        (self.layers_name,) = layers

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> T x [B, H]
        """Return the output of the last layer."""
        out: Sequence[Tensor] = self.get_submodule(self.layers_name)([x] * self.copies)
        return out


def for_members(weights: Tensor, experts: Tensor) -> Tensor:  # [B, ...], [B or B M, ...] -> as experts
    """Return the weights of experts for the rows of all M members, which are side by side."""
    if weights.shape[0] == experts.shape[0]:
        return weights
    return weights.repeat_interleave(experts.shape[0] // weights.shape[0], dim=0)


class GatingNetwork(Mixture):
    """sum_k softmax(W x)_k * expert_k, W bias-free: x [B, D], experts [B, K, H] -> [B, H].

    If x is the same for all M members, experts and output have M rows for each of x.

    Args:
        in_dim: D.
        experts: Names of the K experts.
        reader: Name of the part that reads them, such as `task/click`.

    """

    def __init__(self, in_dim: int, experts: Sequence[str], reader: str) -> None:
        super().__init__()
        self.linear = nn.Linear(in_dim, len(experts), bias=False)
        self.experts, self.reader = experts, reader

    def forward(self, x: Tensor, experts: Tensor) -> Tensor:
        weights = self.linear(x).softmax(1)
        if self.observer is not None:
            self.observer(Mixed(self.reader, self.experts, weights, experts.unbind(1)))
        return torch.einsum("bk,bkh->bh", for_members(weights, experts), experts)


class GatingNetworks(nn.ModuleList):
    """T gating networks as one product, see `GatingNetwork`: x [B, D], experts [B, K, H] -> [B, T, H]."""

    def __init__(self, in_dim: int, experts: Sequence[str], readers: Sequence[str]) -> None:
        super().__init__(GatingNetwork(in_dim, experts, reader) for reader in readers)

    def forward(self, x: Tensor, experts: Tensor) -> Tensor:
        rows = torch.stack(list(self.parameters()), dim=1).flatten(0, 1)  # [K*T, D]
        # A softmax over the last dimension, which is short, would take four times as long.
        weights = F.linear(x, rows).view(-1, experts.shape[1], len(self)).softmax(1)
        for gate, of_gate in zip(self, weights.unbind(2), strict=True):
            if isinstance(gate, GatingNetwork) and gate.observer is not None:
                gate.observer(Mixed(gate.reader, gate.experts, of_gate, experts.unbind(1)))
        return torch.bmm(for_members(weights, experts).transpose(1, 2), experts)


OF_NETWORKS = (
    *(f"training.{name}" for name in Recipe.model_fields.keys() - {"batch_size", "min_positives"}),
    "precision",
)
"""Settings of the training of networks, which models with a training algorithm of their own ignore."""
Width = Annotated[int, Field(ge=1, le=65_536)]
"""Width of a layer."""
Layers = Annotated[tuple[Width, ...], Field(min_length=1, max_length=100)]
"""Widths of one layer after another."""


class Sizes(Settings):
    """Sizes that all hand-designed models have."""

    removed: ClassVar = {"features": "fixed", "embedding_std": 0.01, "own": 0.9, "calibrator": 0.6}

    embedding_dim: int = Field(16, ge=1, le=4096)
    """Embedding dimension d: the length of the vector of each id."""
    expert_layers: Layers = (128, 64)
    """Widths of the layers of an expert, or of each task's MLP in models without experts."""
    tower_layers: tuple[Width, ...] = Field((64,), max_length=100)
    """Widths of the hidden layers of each tower."""
    dropout: Annotated[float, Search(0, 0.4)] = Field(0.2, ge=0, lt=1)
    """Dropout rate: the share of hidden values that training sets to 0."""
    members: int = Field(1, ge=1, le=100)
    """Number K of members of a BatchEnsemble: networks that share all weights except scales of the inputs of
    experts and towers. The prediction is their mean. A training step takes as long as with one member, since
    each row trains one of them; prediction takes almost K times the FLOPs."""


S = TypeVar("S", bound=Sizes)


class HandDesigned(SearchSpace[S], Generic[S]):
    """A model without choices; subclasses define `body`, or `build`."""

    takes_encodings = True

    def body(self, inputs: Inputs) -> TaskNetwork:
        """Return the network without its towers."""
        raise NotImplementedError

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network."""
        return self.with_towers(self.body(self.encoder()))

    def encoder(self) -> Inputs:
        """Return new embeddings, with a standard deviation of .01, and encodings of the fields."""
        return self.inputs(self.settings.embedding_dim, 0.01)

    def with_towers(self, network: TaskNetwork, tasks: int | None = None) -> TaskNetwork:
        """Return a network with its towers; one for each task if `tasks` is None."""
        network.towers = self.towers(tasks)
        network.members = self.settings.members
        return network

    def towers(self, tasks: int | None = None) -> Towers:
        """Return towers on hidden values."""
        s = self.settings
        count = tasks or len(self.schema.tasks)
        return Towers(s.expert_layers[-1], s.tower_layers, count, s.dropout, s.members)

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks."""
        return [task.name for task in self.schema.tasks]
