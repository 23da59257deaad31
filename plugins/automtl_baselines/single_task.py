"""Single task: a separate network for each task, the baseline of multi-task models.

A task that a multi-task model predicts worse than this model does has negative transfer.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from automtl_baselines.parts import TaskNetwork, mlp
from automtl_baselines.sizes import HandDesigned, Layers, Sizes
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import Inputs
from automtl_core.space import Chooser


class SingleTaskSettings(Sizes):
    """Sizes of the network of one task."""

    expert_layers: Layers = (128, 64)
    """Widths of the layers of the MLP of each task."""


class OneTask(TaskNetwork):
    """y = tower(mlp(x)), with private embeddings."""

    mlp: nn.Module

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> 1 x [B, H]
        """Return the output of the MLP."""
        return [self.mlp(x)]


class SingleTaskNetwork(nn.Module):
    """y_t = tower_t(mlp_t(x_t)); nothing is shared. Letters: B batch, T tasks."""

    def __init__(self, tasks: Mapping[str, nn.Module]) -> None:
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
        """Return the network."""
        made = {task: self.with_towers(self.body(self.encoder()), 1) for task in self.tasks}
        return SingleTaskNetwork(made)

    def body(self, inputs: Inputs) -> OneTask:
        """Return the network of one task, without its tower."""
        s = self.settings
        return OneTask(inputs, mlp=mlp([inputs.width, *s.expert_layers], s.dropout))
