"""Cross-stitch networks: an MLP for each task, and units that mix the tasks' values after each layer.

Misra, Shrivastava, Gupta and Hebert, "Cross-Stitch Networks for Multi-Task Learning", CVPR 2016.
"""

import itertools
from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.parts import TaskNetwork, mlp
from automtl_baselines.sizes import HandDesigned, Layers, Sizes
from automtl_core.modules.inputs import Inputs


class CrossStitchSettings(Sizes):
    """Sizes of a cross-stitch network."""

    expert_layers: Layers = (128, 64)
    """Widths of the layers of the MLP of each task."""
    own: float = Field(0.9, ge=0, le=1)
    """Initial weight of a task's own values in a cross-stitch unit. The other tasks share the rest
    equally."""


class CrossStitchUnit(nn.Module):
    """x~_t = sum_s alpha_ts x_s (Misra et al. 2016, eq. 1): [B, T, H] -> [B, T, H]."""

    def __init__(self, tasks: int, own: float) -> None:
        super().__init__()
        alpha = torch.full((tasks, tasks), (1 - own) / max(tasks - 1, 1))
        self.alpha = nn.Parameter(alpha.fill_diagonal_(own))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("ts,bsh->bth", self.alpha, x)


class CrossStitchLayer(nn.Module):
    """A layer of the MLP of each task, and a cross-stitch unit: T x [B, D] -> T x [B, H]."""

    def __init__(self, in_dim: int, out_dim: int, tasks: int, own: float, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(mlp([in_dim, out_dim], dropout) for _ in range(tasks))
        self.unit = CrossStitchUnit(tasks, own)

    def forward(self, xs: Sequence[Tensor]) -> Sequence[Tensor]:
        hidden = [layer(x) for layer, x in zip(self.layers, xs, strict=True)]
        out: Tensor = self.unit(torch.stack(hidden, dim=1))
        return out.unbind(1)


class CrossStitchNetwork(TaskNetwork):
    """y_t = tower_t(x~_t of the last layer); all tasks start from the same inputs.

    Letters: B batch, D input width, H width of a layer, T tasks.
    """

    layers: nn.ModuleList

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> T x [B, H]
        """Return the output of the last layer."""
        xs: Sequence[Tensor] = [x] * len(self.towers)
        for layer in self.layers:
            xs = layer(xs)
        return xs


class CrossStitch(HandDesigned[CrossStitchSettings]):
    """An MLP per task, mixed across tasks after each layer (Misra et al., CVPR 2016)."""

    def body(self, inputs: Inputs) -> CrossStitchNetwork:
        """Return the network without its towers."""
        s = self.settings
        layers = (
            CrossStitchLayer(before, after, len(self.tasks), s.own, s.dropout)
            for before, after in itertools.pairwise([inputs.width, *s.expert_layers])
        )
        return CrossStitchNetwork(inputs, layers=nn.ModuleList(layers))
