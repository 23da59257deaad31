"""Single task: a separate network for each task, the baseline of multi-task models.

A task that a multi-task model predicts worse than this model does has negative transfer.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from automtl_baselines.parts import Towers, mlp
from automtl_baselines.sizes import AnyInputs, HandDesigned, Layers, Sizes, inputs_of, towers_of
from automtl_core.modules.features import Features
from automtl_core.space import Chooser


class SingleTaskSettings(Sizes):
    """Sizes of the network of one task."""

    expert_layers: Layers = (128, 64)
    """Widths of the layers of the MLP of each task."""


class OneTask(nn.Module):
    """y = tower(mlp(x)), with private embeddings."""

    def __init__(
        self, inputs: AnyInputs, expert_layers: Sequence[int], dropout: float, towers: Towers
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.mlp = mlp([inputs.width, *expert_layers], dropout)
        self.towers = towers

    def forward(self, features: Features) -> Tensor:  # -> [B, 1]
        x = self.inputs(features).flat()
        logit: Tensor = self.towers([self.mlp(x)], x)
        return logit


class SingleTaskNetwork(nn.Module):
    """y_t = tower_t(mlp_t(x_t)); nothing is shared. Letters: B batch, T tasks."""

    def __init__(self, tasks: Mapping[str, OneTask]) -> None:
        super().__init__()
        self.names: Sequence[str] = list(tasks)
        self.tasks = nn.ModuleList(tasks.values())

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        return torch.cat([task(features) for task in self.tasks], dim=1)

    def separate_parts(self) -> Mapping[str, str]:
        """Return task -> the prefix of the names of its weights."""
        return {name: f"tasks.{t}." for t, name in enumerate(self.names)}


class SingleTask(HandDesigned[SingleTaskSettings]):
    """A separate network for each task, embeddings included, trained as if alone."""

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network. It has no choices, except feature encodings if inputs are searched."""
        return SingleTaskNetwork({task.name: self._one(choose, task.name) for task in self.schema.tasks})

    def _one(self, choose: Chooser, task: str) -> OneTask:
        s = self.settings
        inputs = inputs_of(self, choose, f"task/{task}/inputs")
        return OneTask(inputs, s.expert_layers, s.dropout, towers_of(self.schema, s, inputs, tasks=1))
